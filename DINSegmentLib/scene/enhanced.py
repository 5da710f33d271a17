"""Enhanced volumes, as the network sees them: volume nodes on the grid of the volume that they are made from."""

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

# of the enhanced volume's node: a reference to the volume that it is made from, and what was done to it
SOURCE, ENHANCEMENT = "DINSegment.Source", "DINSegment.Enhancement"


def write_enhanced(enhanced: np.ndarray, volume_node: Any, enhancement: Enhancement, node: Any = None) -> Any:
    """Show an enhanced volume as a ``vtkMRMLScalarVolumeNode`` beside the one that it is made from.

    Args:
        enhanced: (K, J, I) float32 in [0, 1], on the grid of ``volume_node``. Copied.
        volume_node, enhancement, node: as in `allocate_enhanced`.

    Returns:
        the node of the enhanced volume.

    Raises:
        GeometryError: ``enhanced`` is not on the volume's grid.
        InputError: as in `allocate_enhanced`. After any error the scene is as before.
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
    """Make room for an enhanced volume: its voxels are 0 until someone writes `enhanced_array`.

    Args:
        volume_node: what is enhanced; grid and parent transform are taken from it.
        enhancement: noted in the node.
        node: gets the image; None: a new node. A node that was not an enhanced volume gets the window 0 to 1.

    Returns:
        the node of the enhanced volume: float32, a window of 0 to 1 in gray.

    Raises:
        InputError: ``volume_node`` cannot be read, or ``node`` cannot take the image. After any error the scene is as
            before.
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
    """Note in the node of an enhanced volume how its voxels are made now."""
    node.SetAttribute(ENHANCEMENT, str(enhancement))


def enhanced_array(node: Any) -> np.ndarray:
    """The voxels of an enhanced volume: (K, J, I) float32, shared with the node; call `update_slices` after writing.

    Raises:
        InputError: the node holds no image, or not an enhanced one.
    """
    array = voxels(node)
    if array.dtype != np.float32:
        raise InputError(_("{node} is not an enhanced volume: enhance the volume again.", node=node.GetName()))
    return array


def find_enhanced(volume_node: Any) -> Any:
    """The enhanced volume that was made of a volume first; None: there is none."""
    nodes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
    return next((node for node in nodes if node.GetNodeReferenceID(SOURCE) == volume_node.GetID()), None)


def is_enhanced(node: Any) -> bool:
    """Whether a volume node is an enhanced volume."""
    return node is not None and node.GetAttribute(ENHANCEMENT) is not None


def update_slices(node: Any) -> None:
    """Notify the views that voxels of a volume were written; takes no time of its own, whatever the volume's size."""
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
    """All 0; memory is used only when it is written."""
    image = vtkImageData()
    image.SetDimensions(shape[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(np.zeros(int(np.prod(shape)), np.float32)))
    return image


def _show_in_gray(node: Any) -> None:
    """Before the node gets its image: else Slicer looks at all voxels for a good window."""
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetAutoWindowLevel(False)
    display.SetWindowLevelMinMax(0, 1)
    display.SetApplyThreshold(False)
    display.SetAndObserveColorNodeID("vtkMRMLColorTableNodeGrey")
