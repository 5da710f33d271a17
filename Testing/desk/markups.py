"""Test double of the point list of Slicer's Markups module, which slicer-core lacks, for `scene.insertions`.

Not measured in Slicer. Written after ``vtkMRMLMarkupsNode.h`` of Slicer's sources: the signatures, the number of the
event, that it comes with additions and removals, too, and that ``Modified`` does not come with it; that a new node has
no display node of its own, and that points cannot be added or removed once their number is fixed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import slicer
from vtkmodules.vtkCommonDataModel import vtkVector3d

_CLASSES = "vtkMRMLMarkupsNode", "vtkMRMLMarkupsFiducialNode"


class PointList(slicer.vtkMRMLModelNode):
    """``vtkMRMLMarkupsFiducialNode``; a displayable node that the scene knows lends its life in the scene."""

    PointModifiedEvent = 19009

    def __init__(self) -> None:
        self._points: list[tuple[list[float], str]] = []
        self._fixed = False

    def CreateDefaultDisplayNodes(self) -> None:
        if self.GetDisplayNode() is None:
            display = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLModelDisplayNode")
            self.SetAndObserveDisplayNodeID(display.GetID())

    def AddControlPointWorld(self, x: float, y: float, z: float, label: str = "") -> int:
        if self._fixed:
            return -1
        self._points.append(([x, y, z], label))
        self.InvokeEvent(self.PointModifiedEvent)
        return len(self._points) - 1

    def SetFixedNumberOfControlPoints(self, fixed: bool) -> None:
        self._fixed = fixed

    def GetNumberOfControlPoints(self) -> int:
        return len(self._points)

    def GetNthControlPointLabel(self, index: int) -> str:
        return self._points[index][1]

    def GetNthControlPointPositionWorld(self, index: int) -> vtkVector3d:
        return vtkVector3d(*self._points[index][0])

    def SetNthControlPointPositionWorld(self, index: int, x: float, y: float, z: float) -> None:
        self._points[index][0][:] = x, y, z
        self.InvokeEvent(self.PointModifiedEvent)


@contextmanager
def installed() -> Iterator[None]:
    """Let Slicer have the Markups module."""
    scene = slicer.mrmlScene
    add = scene.AddNewNodeByClass

    def add_new(class_name: str, name: str = "") -> Any:
        if class_name != _CLASSES[1]:
            return add(class_name, name) if name else add(class_name)
        node = PointList()
        node.SetName(name)
        return scene.AddNode(node)

    scene.AddNewNodeByClass = add_new
    for name in _CLASSES:
        setattr(slicer, name, PointList)
    try:
        yield
    finally:
        del scene.AddNewNodeByClass
        for name in _CLASSES:
            delattr(slicer, name)
