"""What we note with a node, so that a saved scene has it again: JSON in an attribute."""

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
    """Keep a value with a node, in the place of an earlier one.

    Args:
        node: what a browser shows of a sequence gets the attributes of every frame: then the sequence keeps the value.
        name: `PERSON` or `MODEL` with a volume, `RUN` or `LABELS` with a segmentation.
        value: what JSON knows; None: nothing is kept any more.
    """
    _keeper(node).SetAttribute(name, None if value is None else json.dumps(value))


def noted(node: Any, name: str) -> Any:
    """What was kept with a node under a name; None: nothing that can be read."""
    try:
        return json.loads(_keeper(node).GetAttribute(name) or "null")
    except ValueError:
        return None


def note_labels(node: Any, labels: np.ndarray, structures: Sequence[Label]) -> None:
    """Keep with a segmentation what it takes to see later whether it was edited.

    Args:
        labels: (K, J, I), or of a cine (T, K, J, I), uint8, as they were written.
        structures: the labels of the model.
    """
    note(node, LABELS, {"values": [label.value for label in structures], "sum": checksum(labels)})


def checksum(labels: np.ndarray) -> int:
    """Another number when labels (uint8, any shape) have become others."""
    return zlib.crc32(np.ascontiguousarray(labels, np.uint8).data)


def _keeper(node: Any) -> Any:
    browsers = slicer.util.getNodesByClass("vtkMRMLSequenceBrowserNode")
    return next((found for browser in browsers if (found := browser.GetSequenceNode(node)) is not None), node)
