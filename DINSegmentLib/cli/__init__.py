"""The command `dinsegment`."""

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, see `parser.main`; `doctor` can be imported without what the other commands need."""
    from .parser import main

    return main(arguments)
