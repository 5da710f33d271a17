"""Sequences of volumes in the scene, as Slicer's Sequences module makes them."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def add_sequence(
    frames: Sequence[np.ndarray], matrix: np.ndarray, times: Sequence[float] = (), unit: str = "ms"
) -> Any:
    """The proxy volume of frames (K, J, I) at times, in a browser of its own, at the first frame."""
    import slicer
    import slicer.util

    sequence = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", "cine")
    sequence.SetIndexName("time")
    sequence.SetIndexUnit(unit)
    for number, frame in enumerate(frames):
        volume = slicer.util.addVolumeFromArray(frame, matrix, name="frame")
        sequence.SetDataNodeAtValue(volume, str(times[number] if len(times) else number))
        slicer.mrmlScene.RemoveNode(volume)
    browser = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", "browser")
    browser.SetAndObserveMasterSequenceNodeID(sequence.GetID())
    slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)
    return browser.GetProxyNode(sequence)
