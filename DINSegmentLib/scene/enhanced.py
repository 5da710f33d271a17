"""Enhanced volumes as volume nodes, identical to the network's input, on the grid of their source volume."""

from typing import Any

import numpy as np
import slicer
import slicer.util
from vtkmodules.util.numpy_support import numpy_to_vtk
from vtkmodules.vtkCommonDataModel import vtkImageData
from vtkmodules.vtkCommonMath import vtkMatrix4x4

from ..errors import GeometryError, InputError
from ..messages import Sentence as _
from ..model import Enhancement
from . import hierarchy, undo
from .volumes import voxels

# attributes of the enhanced volume's node: reference to its source volume, and the enhancement applied
SOURCE, ENHANCEMENT = "DINSegment.Source", "DINSegment.Enhancement"


def write_enhanced(enhanced: np.ndarray, volume_node: Any, enhancement: Enhancement, node: Any = None) -> Any:
    """Add or update an enhanced volume as a ``vtkMRMLScalarVolumeNode`` next to its source volume.

    Args:
        enhanced: (K, J, I) float32 in [0, 1], on the grid of ``volume_node``; copied.
        volume_node, enhancement, node: as in `allocate_enhanced`.

    Returns:
        the node of the enhanced volume.

    Raises:
        GeometryError: ``enhanced`` is not on the volume's grid.
        InputError: as in `allocate_enhanced`. After any error, the scene is unchanged.
    """
    if enhanced.shape != (shape := voxels(volume_node).shape):
        raise GeometryError(
            _(
                "The enhanced volume has {voxels} voxels, but {volume} has {shape}: enhance that volume again.",
                voxels=enhanced.shape,
                volume=volume_node.GetName(),
                shape=shape,
            )
        )
    node = allocate_enhanced(volume_node, enhancement, node)
    np.copyto(enhanced_array(node), enhanced)
    update_slices(node)
    return node


def allocate_enhanced(volume_node: Any, enhancement: Enhancement, node: Any = None) -> Any:
    """Create space for an enhanced volume; its voxels are 0 until written through `enhanced_array`.

    Args:
        volume_node: source volume, which defines grid and parent transform.
        enhancement: stored in the node.
        node: receives the image; None for a new node. Its window becomes 0 to 1, unless it was an enhanced volume.

    Returns:
        the node of the enhanced volume, float32.

    Raises:
        InputError: ``volume_node`` cannot be read, or ``node`` cannot be used. After any error, the scene is
            unchanged.
    """
    shape = voxels(volume_node).shape
    if node is not None:
        _check_output(node, volume_node)
    name = f"{volume_node.GetName()} enhanced"
    with undo.new_node("vtkMRMLScalarVolumeNode", name) if node is None else undo.changed_node(node) as node:
        with slicer.util.NodeModify(node):
            if node.GetAttribute(ENHANCEMENT) is None:
                _show_in_gray(node)
            matrix = vtkMatrix4x4()
            volume_node.GetIJKToRASMatrix(matrix)
            node.SetIJKToRASMatrix(matrix)
            node.SetAndObserveTransformNodeID(volume_node.GetTransformNodeID())
            node.SetAndObserveImageData(_image(shape))
            node.SetNodeReferenceID(SOURCE, volume_node.GetID())
            note_enhancement(node, enhancement)
        hierarchy.place_beside(volume_node, node)
    return node


def note_enhancement(node: Any, enhancement: Enhancement) -> None:
    """Store in an enhanced volume's node how its voxels are now made."""
    node.SetAttribute(ENHANCEMENT, str(enhancement))


def enhanced_array(node: Any) -> np.ndarray:
    """Voxels of an enhanced volume: (K, J, I) float32, shared with the node; call `update_slices` after writing.

    Raises:
        InputError: the node has no image, or is not an enhanced volume.
    """
    array = voxels(node)
    if array.dtype != np.float32:
        raise InputError(_("{node} is not an enhanced volume: enhance the volume again.", node=node.GetName()))
    return array


def find_enhanced(volume_node: Any) -> Any:
    """Find the first enhanced volume made from a volume; None if there is none."""
    nodes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
    return next((node for node in nodes if node.GetNodeReferenceID(SOURCE) == volume_node.GetID()), None)


def is_enhanced(node: Any) -> bool:
    """Whether a volume node is an enhanced volume."""
    return node is not None and node.GetAttribute(ENHANCEMENT) is not None


def update_slices(node: Any) -> None:
    """Notify the views that voxels of a volume were written, in constant time."""
    node.GetImageData().GetPointData().GetScalars().Modified()
    node.GetImageData().Modified()
    node.Modified()


def _check_output(node: Any, volume_node: Any) -> None:
    if node is volume_node:
        raise InputError(
            _(
                "The enhanced volume would replace {volume} itself: choose another volume for it.",
                volume=volume_node.GetName(),
            )
        )
    if node.GetClassName() != "vtkMRMLScalarVolumeNode":
        raise InputError(
            _("{node} is not a grayscale volume: choose another volume for the enhanced image.", node=node.GetName())
        )


def _image(shape: tuple[int, int, int]) -> vtkImageData:
    """Create an image of zeros; memory is only used as it is written."""
    image = vtkImageData()
    image.SetDimensions(shape[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(np.zeros(int(np.prod(shape)), np.float32)))
    return image


def _show_in_gray(node: Any) -> None:
    """Set the gray window before the node gets its image, because Slicer would search all voxels for one."""
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetAutoWindowLevel(False)
    display.SetWindowLevelMinMax(0, 1)
    display.SetApplyThreshold(False)
    display.SetAndObserveColorNodeID("vtkMRMLColorTableNodeGrey")
