"""Slicer's launcher without a window: `Slicer --no-main-window --no-splash --python-script FILE [--] ARGUMENTS`."""

import runpy
import sys

_FLAGS = {"--no-main-window", "--no-splash", "--testing"}


def main(arguments: list[str]) -> None:
    """Boot Slicer's libraries and run the script as Slicer does; ends with the script's status."""
    from DINSegmentLib import headless

    while arguments and arguments[0] in _FLAGS:
        arguments = arguments[1:]
    option, script, *rest = arguments
    if option != "--python-script":
        raise SystemExit(f"unknown option {option}")
    headless.boot()
    import slicer

    slicer.util.exit = sys.exit
    sys.argv = [script, *rest]
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
