"""Test double of Slicer's launcher: `Slicer --no-main-window --no-splash --python-script FILE [--] ARGUMENTS`."""

import runpy
import sys
import tempfile

from DINSegmentLib.scene.boot import boot

_FLAGS = {"--no-main-window", "--no-splash", "--testing"}


def main(arguments: list[str]) -> None:
    """Boot Slicer's libraries and run the script as Slicer does; ends with the script's status."""

    while arguments and arguments[0] in _FLAGS:
        arguments = arguments[1:]
    option, script, *rest = arguments
    if option != "--python-script":
        raise SystemExit(f"unknown option {option}")
    boot()
    import slicer

    slicer.util.exit = sys.exit
    sys.argv = [script, *rest]
    with tempfile.TemporaryDirectory(prefix="Documents-") as documents:
        slicer.mrmlScene.SetRootDirectory(documents)  # Slicer's default scene folder, not the working folder
        runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
