"""JSON attributes of nodes, which are saved with the scene."""

import json
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import slicer
import slicer.util

from ..model import Label

PERSON, MODEL = "DINSegment.Person", "DINSegment.Model"  # of a volume
RUN, LABELS = "DINSegment.Run", "DINSegment.Labels"  # of a segmentation


def note(node: Any, name: str, value: Any) -> None:
    """Store a value with a node, replacing an earlier one.

    Args:
        node: if it shows a sequence, the sequence stores the value, because the node takes each frame's attributes.
        name: `PERSON` or `MODEL` with a volume, `RUN`, `LABELS` or `INSERTIONS` with a segmentation.
        value: any JSON value; None removes the attribute.
    """
    keeper = _keeper(node)
    keeper.DisableModifiedEventOn()  # a sequence's browser would copy the frame that is shown anew
    keeper.SetAttribute(name, None if value is None else json.dumps(value))
    keeper.DisableModifiedEventOff()


def noted(node: Any, name: str) -> Any:
    """Return the value stored with a node under a name; None if there is no readable value."""
    try:
        return json.loads(_keeper(node).GetAttribute(name) or "null")
    except ValueError:
        return None


def note_labels(node: Any, labels: np.ndarray, structures: Sequence[Label]) -> None:
    """Store with a segmentation what is needed to detect later edits.

    Args:
        labels: (K, J, I), or (T, K, J, I) for a cine, uint8, as written.
        structures: the labels of the model.
    """
    note(node, LABELS, {"values": [label.value for label in structures], "sum": checksum(labels)})


def checksum(labels: np.ndarray) -> int:
    """Return a number that changes when labels (uint8, any shape) change."""
    return zlib.crc32(np.ascontiguousarray(labels, np.uint8).data)


def _keeper(node: Any) -> Any:
    browsers = slicer.util.getNodesByClass("vtkMRMLSequenceBrowserNode")
    return next((found for browser in browsers if (found := browser.GetSequenceNode(node)) is not None), node)
