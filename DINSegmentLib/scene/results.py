"""Relation of segmentations to volumes: which one is the result of which volume, and whether it was edited."""

from typing import Any

import slicer
import slicer.util

from ..errors import DINSegmentError
from . import segments
from .node_attributes import LABELS, RUN, checksum, noted
from .segmentations import read_values
from .sequences import find_cine, read_cine_values


def is_result(node: Any, volume_node: Any) -> bool:
    """Whether a segmentation is a result of a volume, or of the cine that the volume shows."""
    cine = find_cine(volume_node)
    if cine is not None:
        return cine.browser.GetSequenceNode(node) is not None
    role = slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()
    return node.GetNodeReferenceID(role) == volume_node.GetID()


def find_result(volume_node: Any) -> Any:
    """Find the latest result of a volume, or of the cine that it shows; None if there is none."""
    nodes = reversed(slicer.util.getNodesByClass("vtkMRMLSegmentationNode"))
    return next((node for node in nodes if is_result(node, volume_node) and _is_ours(node)), None)


def is_edited(node: Any, volume_node: Any) -> bool:
    """Whether the segments of a result differ from how they were written.

    A node without segments of a result is not edited; a result that can no longer be compared counts as edited.

    Args:
        node: ``vtkMRMLSegmentationNode``.
        volume_node: volume of the result.
    """
    if not segments.ours(node.GetSegmentation()):
        return False
    written, cine = noted(node, LABELS), find_cine(volume_node)
    if written is None:
        return True
    try:
        if cine is None:
            found = read_values(node, volume_node, written["values"])
        else:
            found = read_cine_values(node, cine, written["values"])
    except DINSegmentError:
        return True
    return checksum(found) != written["sum"]


def _is_ours(node: Any) -> bool:
    return noted(node, RUN) is not None or bool(segments.ours(node.GetSegmentation()))
