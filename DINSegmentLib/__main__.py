"""`python -m DINSegmentLib` is the command `dinsegment`."""

import sys

from .cli.parser import main

if __name__ == "__main__":
    sys.exit(main())
