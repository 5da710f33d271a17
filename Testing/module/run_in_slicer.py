"""Runs the module's own test in a real Slicer, and exits with 0 only if all of it passed.

Slicer --testing --additional-module-paths DINSegment --python-script Testing/module/run_in_slicer.py
"""

import traceback

import slicer
import slicer.util

status = 1
try:
    import DINSegment

    slicer.util.selectModule("DINSegment")  # the panel is made, too
    DINSegment.DINSegmentTest().runTest()
    print("The module's test passed.")
    status = 0
except BaseException:
    traceback.print_exc()
finally:
    slicer.util.exit(status)
