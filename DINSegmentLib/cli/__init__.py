"""The command `dinsegment`."""

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, see `parser.main`; importing `doctor` does not require what other commands need."""
    from .parser import main

    return main(arguments)
