"""Closed surfaces of a segmentation, made one segment at a time: between two, the window answers."""

from typing import Any

import slicer
import slicer.util

from ..errors import InputError
from ..messages import Sentence as _
from .segments import SURFACE

_JOINT_SMOOTHING = slicer.vtkBinaryLabelmapToClosedSurfaceConversionRule.GetJointSmoothingParameterName()


class SurfaceSteps:
    """Makes the surfaces that segments lack, the same as ``CreateClosedSurfaceRepresentation`` of the node.

    The node gets all of them in the last step; until then, and after any error, the scene is as it was.

    Args:
        node: ``vtkMRMLSegmentationNode`` in the scene.

    Attributes:
        node: the segmentation.
        done: how many surfaces are made.
        total: how many will be.
    """

    def __init__(self, node: Any) -> None:
        self.node = node
        self._segmentation = node.GetSegmentation()
        self._state = self._look()
        self._made: dict[str, Any] = {}
        self._left = [
            one for one in self._segmentation.GetSegmentIDs() if self._segment(one).GetRepresentation(SURFACE) is None
        ]
        if float(self._segmentation.GetConversionParameter(_JOINT_SMOOTHING) or 0) > 0:
            self._left = []  # Slicer smooths all segments of a label map together, in the last step
        self.total = len(self._left)

    @property
    def done(self) -> int:
        return len(self._made)

    def step(self) -> bool:
        """Make the next surface, or after the last give all to the node.

        Returns:
            whether there is more to do.

        Raises:
            InputError: the segmentation was changed or removed since the first step.
        """
        if self._look() != self._state:
            raise InputError(
                _("{node} changed while its 3D surfaces were made: click Show 3D again.", node=self.node.GetName())
            )
        if not self._left:
            self._give()
            return False
        one = self._left[0]
        surface = self._surface(one)
        if surface is None:  # Slicer does, and reports, what it can with the segments as they are
            self._left, self._made = [], {}
        else:
            self._left.remove(one)
            self._made[one] = surface
        return True

    def _segment(self, one: str) -> Any:
        return self._segmentation.GetSegment(one)

    def _look(self) -> Any:
        """Another value when other surfaces would come out; None: the node has left the scene."""
        node = self.node
        if not slicer.mrmlScene.IsNodePresent(node):
            return None
        segmentation = node.GetSegmentation()
        segments = [segmentation.GetSegment(one) for one in segmentation.GetSegmentIDs()]
        source = segmentation.GetSourceRepresentationName()
        data = [one.GetRepresentation(source) for one in segments]
        times = [image.GetMTime() if image is not None else 0 for image in data]
        values = [one.GetLabelValue() for one in segments]
        surfaces = [one.GetRepresentation(SURFACE) for one in segments]
        return segmentation, segments, data, times, values, surfaces, segmentation.SerializeAllConversionParameters()

    def _surface(self, one: str) -> Any:
        """``vtkPolyData`` of a segment, made apart from the node; None: Slicer has no way from its source to one."""
        source = self._segmentation.GetSourceRepresentationName()
        alone, copy = slicer.vtkSegmentation(), slicer.vtkSegment()
        alone.CopyConversionParameters(self._segmentation)
        alone.SetSourceRepresentationName(source)
        data = self._segment(one).GetRepresentation(source)
        voxels = data.NewInstance()
        voxels.ShallowCopy(data)
        copy.AddRepresentation(source, voxels)
        copy.SetLabelValue(self._segment(one).GetLabelValue())
        if not alone.AddSegment(copy, one) or not alone.CreateRepresentation(SURFACE):
            return None
        return copy.GetRepresentation(SURFACE)

    def _give(self) -> None:
        segmentation = self._segmentation
        with slicer.util.NodeModify(self.node):
            for one, surface in self._made.items():
                self._segment(one).AddRepresentation(SURFACE, surface)
            if self._made:
                segmentation.InvokeEvent(segmentation.ContainedRepresentationNamesModified)
            else:
                segmentation.CreateRepresentation(SURFACE)
