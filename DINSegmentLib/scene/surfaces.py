"""Closed surfaces of a segmentation, computed in small steps so that the window stays responsive."""

from typing import Any

import slicer
import slicer.util
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkFiltersCore import vtkPolyDataNormals

from ..errors import InputError
from ..measure.masks import bounding_box
from ..messages import Sentence as _
from .segments import LABELMAP, SURFACE

_RULE = slicer.vtkBinaryLabelmapToClosedSurfaceConversionRule
_JOINT_SMOOTHING = _RULE.GetJointSmoothingParameterName()
_METHOD = _RULE.GetConversionMethodParameterName()
_NORMALS = _RULE.GetComputeSurfaceNormalsParameterName()


class SurfaceSteps:
    """Computes missing surfaces of segments, identical to the node's ``CreateClosedSurfaceRepresentation``.

    A surface takes two steps, because normals take a fourth of the time. The node gets all surfaces in the last step;
    until then, and after any error, the scene is unchanged.

    Args:
        node: ``vtkMRMLSegmentationNode`` in the scene.

    Attributes:
        node: the segmentation.
        done: number of surfaces computed.
        total: number of surfaces to compute.
    """

    def __init__(self, node: Any) -> None:
        self.node = node
        self._segmentation = node.GetSegmentation()
        self._state = self._look()
        self._made: dict[str, Any] = {}
        self._bare: Any = None  # surface of the next segment, without normals
        parameter = self._segmentation.GetConversionParameter
        self._flying = int(parameter(_METHOD)) == 0  # flying edges; else surface nets, uncropped, without normals
        self._with_normals = self._flying and int(parameter(_NORMALS)) != 0
        self._left = [
            one for one in self._segmentation.GetSegmentIDs() if self._segment(one).GetRepresentation(SURFACE) is None
        ]
        if float(self._segmentation.GetConversionParameter(_JOINT_SMOOTHING) or 0) > 0:
            self._left = []  # Slicer smooths all segments of a label map jointly, in the last step
        self.total = len(self._left)

    @property
    def done(self) -> int:
        return len(self._made)

    def step(self) -> bool:
        """Compute the next surface or its normals; after the last, add all surfaces to the node.

        Returns:
            whether there is more to do.

        Raises:
            InputError: the segmentation was changed or removed since the start.
        """
        if self._look() != self._state:
            raise InputError(
                _("{node} changed while its 3D surfaces were made: click Show 3D again.", node=self.node.GetName())
            )
        if not self._left:
            self._give()
            return False
        if self._bare is None:
            self._bare = self._surface(self._left[0])
            if self._bare is None:  # leave it to Slicer, which also reports problems
                self._left, self._made = [], {}
                return True
            if self._with_normals:
                return True
        self._made[self._left.pop(0)] = _with_normals(self._bare) if self._with_normals else self._bare
        self._bare = None
        return True

    def _segment(self, one: str) -> Any:
        return self._segmentation.GetSegment(one)

    def _look(self) -> Any:
        """Return a value that changes when the surfaces would change; None if the node was removed from the scene."""
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
        """Compute a segment's ``vtkPolyData`` without normals, without changing the node.

        Returns:
            None if Slicer cannot convert the segment's source to a surface.
        """
        source = self._segmentation.GetSourceRepresentationName()
        alone, copy = slicer.vtkSegmentation(), slicer.vtkSegment()
        alone.CopyConversionParameters(self._segmentation)
        alone.SetConversionParameter(_NORMALS, "0")
        alone.SetSourceRepresentationName(source)
        value, data = self._segment(one).GetLabelValue(), self._segment(one).GetRepresentation(source)
        voxels = data.NewInstance()
        voxels.ShallowCopy(data)
        if self._flying and source == LABELMAP:
            _crop(voxels, value)
        copy.AddRepresentation(source, voxels)
        copy.SetLabelValue(value)
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


def _crop(labels: Any, value: int) -> None:
    """Crop a ``vtkOrientedImageData`` to the box around a value, if present."""
    if (scalars := labels.GetPointData().GetScalars()) is None:
        return
    box = bounding_box(vtk_to_numpy(scalars).reshape(labels.GetDimensions()[::-1]) == value)
    if box is not None:
        first = labels.GetExtent()[::2]
        ranges = [(start + one.start, start + one.stop - 1) for start, one in zip(first, box[::-1], strict=True)]
        labels.Crop([end for pair in ranges for end in pair])


def _with_normals(surface: Any) -> Any:
    """Add normals as Slicer does."""
    normals = vtkPolyDataNormals()
    normals.SetInputData(surface)
    normals.ConsistencyOn()
    normals.SplittingOff()
    normals.Update()
    return normals.GetOutput()
