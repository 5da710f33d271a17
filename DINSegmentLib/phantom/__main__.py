"""``python -m DINSegmentLib.phantom --output FOLDER [--cine]``: makes the bundled sample again."""

import argparse
import sys

from ..errors import DINSegmentError
from .sample import write_cine, write_sample


def main() -> int:
    """Write the files and print their names; 0, or 2 when nothing could be written."""
    parser = argparse.ArgumentParser(prog="python -m DINSegmentLib.phantom", description="Make the phantom's files.")
    parser.add_argument("--output", required=True, metavar="FOLDER", help="made when missing")
    parser.add_argument("--cine", action="store_true", help="also the whole cycle, 25 frames, as 4-D NIfTI")
    arguments = parser.parse_args()
    try:
        files = write_sample(arguments.output)
        if arguments.cine:
            files += write_cine(arguments.output)
    except DINSegmentError as error:
        print(error, file=sys.stderr)
        return 2
    print(*files, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
