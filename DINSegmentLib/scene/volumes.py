"""Volume nodes to arrays with their place in the world.

`slicer.util` has functions for these arrays and matrices, which import all of VTK: half a second without the desktop.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonMath import vtkMatrix4x4

from ..errors import GeometryError, InputError
from ..geometry import Geometry


@dataclass(frozen=True, eq=False)
class Volume:
    """Voxels (K, J, I), shared with the node, and their grid in the world."""

    array: np.ndarray
    geometry: Geometry


def read_volume(node: Any) -> Volume:
    """Look at a ``vtkMRMLScalarVolumeNode``; voxels are not copied, so leave them unchanged.

    The geometry maps voxel indices to world RAS: it includes the node's parent transforms.

    Raises:
        InputError: the node holds no image.
        GeometryError: a parent transform is not linear, or the grid cannot be used.
    """
    if node.GetImageData() is None or node.GetImageData().GetPointData().GetScalars() is None:
        raise InputError(f"{node.GetName()} holds no image: load the volume again or choose another one.")
    array = vtk_to_numpy(node.GetImageData().GetPointData().GetScalars())
    array = array.reshape(*node.GetImageData().GetDimensions()[::-1], *array.shape[1:])
    return Volume(array, Geometry(array.shape[:3], _to_world(node) @ ijk_to_ras(node)))


def ijk_to_ras(node: Any) -> np.ndarray:
    """(4, 4) matrix from voxel indices to the node's own RAS, before its parent transform."""
    matrix = vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return _numbers(matrix)


def _to_world(node: Any) -> np.ndarray:
    transform = node.GetParentTransformNode()
    if transform is None:
        return np.eye(4)
    if not transform.IsTransformToWorldLinear():
        raise GeometryError(
            f"{node.GetName()} is under a transform that bends it ({transform.GetName()}): "
            "harden the transform, or take the volume out of it."
        )
    matrix = vtkMatrix4x4()
    transform.GetMatrixTransformToWorld(matrix)
    return _numbers(matrix)


def _numbers(matrix: vtkMatrix4x4) -> np.ndarray:
    numbers = np.empty(16)
    matrix.DeepCopy(numbers, matrix)  # the static copy, from a matrix to numbers
    return numbers.reshape(4, 4)
