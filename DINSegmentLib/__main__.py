"""Run the command `dinsegment` as `python -m DINSegmentLib`."""

import sys

from .cli.parser import main

if __name__ == "__main__":
    sys.exit(main())
