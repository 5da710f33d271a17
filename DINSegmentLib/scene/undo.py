"""Restoration of nodes when a change fails midway."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import slicer


@contextmanager
def new_node(class_name: str, name: str) -> Iterator[Any]:
    """Add a displayable node to the scene; remove it and its display nodes if the block fails."""
    node = slicer.mrmlScene.AddNewNodeByClass(class_name, name)
    try:
        yield node
    except BaseException:
        remove(node)
        raise


def remove(node: Any) -> None:
    """Remove a displayable node and its display nodes, which only the desktop application removes itself.

    The node is removed first, because Slicer's views crash when a segmentation loses a display node.
    """
    displays = _displays(node)
    for one in (node, *displays):
        if slicer.mrmlScene.IsNodePresent(one):
            slicer.mrmlScene.RemoveNode(one)


@contextmanager
def changed_node(node: Any) -> Iterator[Any]:
    """Restore a displayable node and its display nodes if the block fails.

    Segments are copied beforehand. Images are not: the block must assign another image and not modify the old
    voxels. A segmentation without display nodes gets one that is kept, for the reason in `remove`.
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
    copy.UnRegister(None)  # Python holds a reference, too
    _assign(copy, node)
    return copy


def _assign(node: Any, source: Any) -> None:
    node.CopyContent(source, _is_segmentation(node))  # a shallow copy would share the segments
    node.CopyReferences(source)


def _empty(copy: Any) -> None:
    """Remove all segments first, because Slicer would move each out of the shared label map, which takes a second."""
    if _is_segmentation(copy):
        segmentation = copy.GetSegmentation()
        for index in range(segmentation.GetNumberOfSegments()):
            segmentation.GetNthSegment(index).RemoveAllRepresentations()


def _is_segmentation(node: Any) -> bool:
    return bool(node.IsA("vtkMRMLSegmentationNode"))
