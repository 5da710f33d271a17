"""Which image decided, as a volume node of diverging colours over the volume."""

from typing import Any

import numpy as np
import slicer
import slicer.util
from vtkmodules.util.numpy_support import numpy_to_vtk
from vtkmodules.vtkCommonDataModel import vtkImageData
from vtkmodules.vtkCommonMath import vtkMatrix4x4

from ..errors import GeometryError
from ..sentence import Sentence as _
from . import hierarchy, undo
from .volumes import voxels

_COLORS = "DINSegment which image decided"
_ORIGINAL, _ENHANCED = (0.23, 0.43, 0.86), (0.87, 0.27, 0.20)
_OPACITY = 0.75


def write_decided(decided: np.ndarray, volume_node: Any, name: str | None = None) -> Any:
    """Add a ``vtkMRMLScalarVolumeNode`` beside a volume and lay it over that in the slice views that show it.

    Args:
        decided: (K, J, I) in [-1, 1], on the grid of ``volume_node``, see `engine.why`: blue where it is negative, red
            where positive, as opaque as it is far from 0. Copied.
        volume_node: its grid and parent transform are taken.
        name: None names it after the volume.

    Returns:
        the new node.

    Raises:
        GeometryError: ``decided`` is not on the volume's grid; the scene is as before.
        InputError: ``volume_node`` holds no image.
    """
    if decided.shape != (shape := voxels(volume_node).shape):
        raise GeometryError(
            _(
                "The explanation has {voxels} voxels and {volume} has {shape}: make it again.",
                voxels=decided.shape,
                volume=volume_node.GetName(),
                shape=shape,
            )
        )
    image = vtkImageData()
    image.SetDimensions(shape[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(decided.astype(np.float32).ravel(), deep=True))
    matrix = vtkMatrix4x4()
    volume_node.GetIJKToRASMatrix(matrix)
    with undo.new_node("vtkMRMLScalarVolumeNode", name or f"{volume_node.GetName()} which decided") as node:
        node.SetIJKToRASMatrix(matrix)
        node.SetAndObserveTransformNodeID(volume_node.GetTransformNodeID())
        node.CreateDefaultDisplayNodes()
        display = node.GetDisplayNode()
        display.SetAutoWindowLevel(False)
        display.SetWindowLevelMinMax(-1, 1)
        display.SetAndObserveColorNodeID(_colors().GetID())
        node.SetAndObserveImageData(image)
        hierarchy.place_beside(volume_node, node)
    for composite in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
        if composite.GetBackgroundVolumeID() == volume_node.GetID():
            composite.SetForegroundVolumeID(node.GetID())
            composite.SetForegroundOpacity(_OPACITY)
    return node


def _colors() -> Any:
    """The scene's table of our colours, made at the first call."""
    if (known := slicer.mrmlScene.GetFirstNodeByName(_COLORS)) is not None:
        return known
    table = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLColorTableNode", _COLORS)
    table.SetTypeToUser()
    table.SetNumberOfColors(256)
    for index, value in enumerate(np.linspace(-1, 1, 256).tolist()):
        table.SetColor(index, f"{value:+.2f}", *(_ENHANCED if value > 0 else _ORIGINAL), abs(value))
    return table
