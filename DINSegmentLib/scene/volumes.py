"""Volume nodes to arrays with their grid in world coordinates.

The corresponding functions of `slicer.util` import all of VTK, which takes half a second without the desktop.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonMath import vtkMatrix4x4

from ..errors import GeometryError, InputError
from ..geometry import Geometry
from ..messages import Sentence as _
from . import hierarchy

# Attributes of voxel values stored by Slicer's DICOM reader: code of the quantity "MR signal intensity" (DICOM), and of
# the unit "Hounsfield unit" (UCUM).
_MODALITY_OF_CODE = {"110852": "MR", "[hnsf'U]": "CT"}


@dataclass(frozen=True, eq=False)
class Volume:
    """Voxels (K, J, I), shared with the node, and their grid in world coordinates."""

    array: np.ndarray
    geometry: Geometry


def read_volume(node: Any) -> Volume:
    """Read a ``vtkMRMLScalarVolumeNode``; voxels are not copied, so do not modify them.

    The geometry maps voxel indices to world RAS, including the node's parent transforms.

    Raises:
        InputError: the node has no image, or several values per voxel.
        GeometryError: a parent transform is nonlinear, or the grid cannot be used.
    """
    array = voxels(node)
    return Volume(array, Geometry(array.shape, ijk_to_world(node)))


def voxels(node: Any) -> np.ndarray:
    """Return the array (K, J, I) of a volume node, shared with it.

    Raises:
        InputError: the node has no image, or several values per voxel.
    """
    image = node.GetImageData()
    if image is None or image.GetPointData().GetScalars() is None:
        raise InputError(
            _("{node} contains no image: load the volume again, or choose another one.", node=node.GetName())
        )
    if image.GetNumberOfScalarComponents() != 1:
        raise InputError(
            _(
                "{node} has {count} values in each voxel (color, vectors or frames): choose a volume with one, such "
                "as a single frame.",
                node=node.GetName(),
                count=image.GetNumberOfScalarComponents(),
            )
        )
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])


def ijk_to_ras(node: Any) -> np.ndarray:
    """Matrix (4, 4) from voxel indices to the node's own RAS, before its parent transform."""
    matrix = vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return numbers(matrix)


def ijk_to_world(node: Any) -> np.ndarray:
    """Matrix (4, 4) from voxel indices to world RAS.

    Raises:
        GeometryError: a parent transform is nonlinear.
    """
    return to_world(node) @ ijk_to_ras(node)


def to_world(node: Any) -> np.ndarray:
    """Matrix (4, 4) from a node's own RAS to world RAS, through all its parent transforms.

    Raises:
        GeometryError: a parent transform is nonlinear.
    """
    transform = node.GetParentTransformNode()
    if transform is None:
        return np.eye(4)
    if not transform.IsTransformToWorldLinear():
        raise GeometryError(
            _(
                "{node} is under a transform that bends it ({transform}): harden the transform, or take the volume "
                "out of it.",
                node=node.GetName(),
                transform=transform.GetName(),
            )
        )
    matrix = vtkMatrix4x4()
    transform.GetMatrixTransformToWorld(matrix)
    return numbers(matrix)


def modality(node: Any) -> str:
    """Return MR or CT for a volume from DICOM; empty if unknown.

    Args:
        node: a ``vtkMRMLScalarVolumeNode``, with or without an image.
    """
    name = slicer.vtkMRMLSubjectHierarchyConstants.GetDICOMSeriesModalityAttributeName()
    if (found := hierarchy.attribute(node, name)) in _MODALITY_OF_CODE.values():
        return found
    codes = [entry.GetCodeValue() for entry in (node.GetVoxelValueQuantity(), node.GetVoxelValueUnits()) if entry]
    return next((_MODALITY_OF_CODE[code] for code in codes if code in _MODALITY_OF_CODE), "")


def note_modality(node: Any, modality: str) -> None:
    """Mark a volume as MR or CT as Slicer's DICOM reader does; other modalities are ignored."""
    entry = slicer.vtkCodedEntry()
    if modality == "MR":
        entry.SetValueSchemeMeaning("110852", "DCM", "MR signal intensity")
        node.SetVoxelValueQuantity(entry)
    elif modality == "CT":
        entry.SetValueSchemeMeaning("[hnsf'U]", "UCUM", "Hounsfield unit")
        node.SetVoxelValueUnits(entry)


def numbers(matrix: vtkMatrix4x4) -> np.ndarray:
    """Convert a VTK matrix to an array (4, 4)."""
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])
