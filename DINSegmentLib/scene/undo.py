"""A way back for nodes, when what changes them fails midway."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import slicer


@contextmanager
def new_node(class_name: str, name: str) -> Iterator[Any]:
    """Add a displayable node to the scene; it goes again, with its display nodes, if the block fails."""
    node = slicer.mrmlScene.AddNewNodeByClass(class_name, name)
    try:
        yield node
    except BaseException:
        remove(node)
        raise


def remove(node: Any) -> None:
    """Take a displayable node out of the scene, with its display nodes, which the desktop application removes itself.

    The node goes first: Slicer's views crash when a segmentation loses a display node.
    """
    displays = _displays(node)
    for one in (node, *displays):
        if slicer.mrmlScene.IsNodePresent(one):
            slicer.mrmlScene.RemoveNode(one)


@contextmanager
def changed_node(node: Any) -> Iterator[Any]:
    """Put a displayable node and its display nodes back as they were if the block fails.

    Segments are copied before. Images are not: the block gives the node another image and leaves the voxels of the
    old one. A segmentation without display nodes gets one that stays, for the reason in `remove`.
    """
    if _is_segmentation(node):
        node.CreateDefaultDisplayNodes()
    displays = _displays(node)
    kept = [(one, _copy(one)) for one in (node, *displays)]
    try:
        yield node
    except BaseException:
        for added in set(_displays(node)) - set(displays):
            slicer.mrmlScene.RemoveNode(added)
        for one, copy in kept:
            _assign(one, copy)
        raise
    finally:
        for _, copy in kept:
            _empty(copy)


def _displays(node: Any) -> list[Any]:
    return [node.GetNthDisplayNode(index) for index in range(node.GetNumberOfDisplayNodes())]


def _copy(node: Any) -> Any:
    copy = node.CreateNodeInstance()
    copy.UnRegister(None)  # Python holds it, too
    _assign(copy, node)
    return copy


def _assign(node: Any, source: Any) -> None:
    node.CopyContent(source, _is_segmentation(node))  # a shallow copy would share the segments
    node.CopyReferences(source)


def _empty(copy: Any) -> None:
    """Else Slicer takes every segment out of the shared label map before it deletes them: a second for nothing."""
    if _is_segmentation(copy):
        segmentation = copy.GetSegmentation()
        for index in range(segmentation.GetNumberOfSegments()):
            segmentation.GetNthSegment(index).RemoveAllRepresentations()


def _is_segmentation(node: Any) -> bool:
    return bool(node.IsA("vtkMRMLSegmentationNode"))
