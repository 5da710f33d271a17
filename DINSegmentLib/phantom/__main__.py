"""``python -m DINSegmentLib.phantom``: make the bundled sample (--output) or a data set (--dataset)."""

import argparse
import sys
from collections.abc import Sequence

from ..errors import DINSegmentError
from .dataset import write_dataset
from .sample import SAMPLES, write_cine, write_late, write_sample


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files and print their names; return 0, or 2 if they cannot be written."""
    parser = argparse.ArgumentParser(prog="python -m DINSegmentLib.phantom", description="Create the phantom's files.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--output", metavar="FOLDER", help="the bundled sample; the folder is created if it is missing")
    what.add_argument("--dataset", metavar="FOLDER", help="a data set of varying hearts, with a training file")
    parser.add_argument("--cine", action="store_true", help="with --output: also the whole cycle, 25 frames, 4-D NIfTI")
    parser.add_argument("--late", action="store_true", help="with --output: also late enhancement with a known scar")
    parser.add_argument("--only", choices=SAMPLES, help="with --output: this file alone, for the panel")
    parser.add_argument("--cases", type=int, default=12, help="with --dataset: how many hearts; default: 12")
    options = parser.parse_args(arguments)
    try:
        if options.only is not None and options.output is not None:
            files = SAMPLES[options.only](options.output)
        elif options.dataset is not None:
            files = write_dataset(options.dataset, options.cases)
        else:
            files = write_sample(options.output) + (write_cine(options.output) if options.cine else [])
            files += write_late(options.output) if options.late else []
    except DINSegmentError as error:
        print(error, file=sys.stderr)
        return 2
    print(*files, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
