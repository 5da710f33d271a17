"""The command line inside Slicer: Slicer --no-main-window --no-splash --python-script DINSegmentBatch.py segment ..."""

import sys

import slicer

status = 2  # nothing written; after an exception, a Slicer without a window must still exit
try:
    from DINSegmentLib.cli.parser import main

    status = main([argument for argument in sys.argv[1:] if argument != "--"])
finally:
    slicer.util.exit(status)
