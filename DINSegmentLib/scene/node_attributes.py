"""What we note with a node, so that a saved scene has it again: JSON in an attribute."""

import json
from typing import Any

import slicer
import slicer.util

PERSON, RUN = "DINSegment.Person", "DINSegment.Run"


def note(node: Any, name: str, value: Any) -> None:
    """Keep a value with a node, in the place of an earlier one.

    Args:
        node: what a browser shows of a sequence gets the attributes of every frame: then the sequence keeps the value.
        name: `PERSON` with a volume, `RUN` with a segmentation.
        value: what JSON knows; None: nothing is kept any more.
    """
    _keeper(node).SetAttribute(name, None if value is None else json.dumps(value))


def noted(node: Any, name: str) -> Any:
    """What was kept with a node under a name; None: nothing that can be read."""
    try:
        return json.loads(_keeper(node).GetAttribute(name) or "null")
    except ValueError:
        return None


def _keeper(node: Any) -> Any:
    browsers = slicer.util.getNodesByClass("vtkMRMLSequenceBrowserNode")
    return next((found for browser in browsers if (found := browser.GetSequenceNode(node)) is not None), node)
