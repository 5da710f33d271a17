"""What tests of the panel do again and again on the stand-in desk."""

import numpy as np


def run(desk, panel, seconds=60):
    """Click and wait until the run is over."""
    desk.click(panel.ui.segmentButton)
    desk.run_until(lambda: not panel.panel.runner.busy, seconds, "the run")


def labels_of(node, volume, model):
    import slicer

    found = np.zeros(slicer.util.arrayFromVolume(volume).shape, np.uint8)
    for label in model.labels:
        mask = slicer.util.arrayFromSegmentBinaryLabelmap(node, f"DINSegment_{label.value}", volume)
        found[mask > 0] = label.value
    return found
