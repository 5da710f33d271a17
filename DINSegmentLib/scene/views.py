"""Slice views in MRML: a slice node (position and orientation) and a composite node (volumes shown); no widgets."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import slicer
import slicer.util
from vtkmodules.vtkCommonMath import vtkMatrix4x4

from .enhanced import SOURCE, is_enhanced
from .volumes import ijk_to_world, numbers, voxels

# names of the comparison's views, in order
COMPARE_VIEWS = ("DINOriginal", "DINEnhanced", "DINResult")

_PREFERRED = (*COMPARE_VIEWS, "Red")


def slice_views() -> Iterator[tuple[Any, Any]]:
    """Yield slice node and composite node of each slice view in the current layout."""
    for view in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
        composite = composite_node(view)
        if view.IsMappedInLayout() and composite is not None:
            yield view, composite


def composite_node(view: Any) -> Any:
    """Return a slice view's composite node; None until a slice logic (on the desktop, the widget) has made it."""
    return slicer.vtkMRMLSliceLogic.GetSliceCompositeNode(view)


def view_of(volume_node: Any) -> Any:
    """Find the slice node of a view that shows a volume: the comparison's, then Red, then any; None if not shown."""
    shown = _views_of(volume_node)
    names = [view.GetLayoutName() for view in shown]
    return next((shown[names.index(name)] for name in _PREFERRED if name in names), shown[0] if shown else None)


def visible_slice(volume_node: Any) -> tuple[int, int] | None:
    """Return the slice of a volume that the user sees.

    Returns:
        array axis (0, 1, 2 for K, J, I) closest to the viewing direction, and the index along it at the
        center of the view, clipped to the volume; None if no view shows the volume.

    Raises:
        InputError, GeometryError: as `read_volume`.
    """
    view = view_of(volume_node)
    if view is None:
        return None
    shape, matrix = voxels(volume_node).shape, ijk_to_world(volume_node)
    axis = _axis_across(view, matrix)
    index = round((np.linalg.inv(matrix) @ numbers(view.GetSliceToRAS())[:, 3])[2 - axis])
    return axis, min(max(index, 0), shape[axis] - 1)


def show_slice(volume_node: Any, axis: int, index: int, *others: Any) -> bool:
    """Move every view that shows a volume and is parallel to its slices to one of them.

    Args:
        volume_node: volume whose slice is shown.
        axis: array axis (0, 1, 2 for K, J, I) across the slices.
        index: along that axis.
        others: volumes on the same grid; views that show one of them move too. None is ignored.

    Returns:
        whether there is such a view.

    Raises:
        InputError, GeometryError: as `read_volume`.
    """
    matrix = ijk_to_world(volume_node)
    middle = np.append((np.array(voxels(volume_node).shape[::-1]) - 1) / 2, 1.0)
    middle[2 - axis] = index
    place = matrix @ middle
    shown = {view.GetID(): view for node in (volume_node, *others) if node is not None for view in _views_of(node)}
    across = [view for view in shown.values() if _axis_across(view, matrix) == axis]
    for view in across:
        view.JumpSliceByOffsetting(*place[:3])
    return bool(across)


def turn_to_slices(volume_node: Any, axis: int) -> Any:
    """Show a volume in a view of the current layout, and align the view with the slices.

    Args:
        volume_node: volume to show.
        axis: array axis (0, 1, 2 for K, J, I) across the slices.

    Returns:
        the slice node of the view: the one that shows the volume, or else the first; None if there is none.

    Raises:
        InputError, GeometryError: as `read_volume`.
    """
    matrix, views = ijk_to_world(volume_node), list(slice_views())
    view = view_of(volume_node) or (views[0][0] if views else None)
    if view is None:
        return None
    composite = composite_node(view)
    if volume_node.GetID() not in (composite.GetBackgroundVolumeID(), composite.GetForegroundVolumeID()):
        composite.SetBackgroundVolumeID(volume_node.GetID())
    turn(view, matrix, 2 - axis)
    logic = slicer.app.applicationLogic().GetSliceLogic(view)
    if logic is not None:
        logic.FitSliceToAll()
    return view


def turn(view: Any, matrix: np.ndarray, across: int) -> None:
    """Align a view with the voxels of a grid.

    Args:
        view: a slice node.
        matrix: (4, 4), from voxel indices I, J, K to world coordinates.
        across: voxel axis (0, 1, 2 for I, J, K) across the slices.
    """
    view.SetOrientation(("Sagittal", "Coronal", "Axial")[np.argmax(np.abs(matrix[:3, across]))])
    columns = vtkMatrix4x4()
    columns.DeepCopy(matrix.ravel().tolist())
    view.RotateToAxes(columns, across)


def show_volume(volume_node: Any) -> None:
    """Show a volume in the user's views, as Slicer's loaders do; views that do not follow the selection are unchanged.

    An enhanced volume of another volume is removed from the foreground; maps are hidden by `maps.hide_maps`.
    """
    logic = slicer.app.applicationLogic()
    logic.GetSelectionNode().SetActiveVolumeID(volume_node.GetID())
    logic.PropagateBackgroundVolumeSelection(1)
    for __, composite in slice_views():
        shown = slicer.mrmlScene.GetNodeByID(composite.GetForegroundVolumeID() or "")
        if is_enhanced(shown) and shown.GetNodeReferenceID(SOURCE) != volume_node.GetID():
            composite.SetForegroundVolumeID(None)


def _views_of(volume_node: Any) -> list[Any]:
    return [
        view
        for view, composite in slice_views()
        if volume_node.GetID() in (composite.GetBackgroundVolumeID(), composite.GetForegroundVolumeID())
    ]


def _axis_across(view: Any, matrix: np.ndarray) -> int:
    """Array axis, for a grid (4, 4) in world coordinates, closest to a view's direction."""
    directions = matrix[:3, :3] / np.linalg.norm(matrix[:3, :3], axis=0)
    return 2 - int(np.argmax(np.abs(numbers(view.GetSliceToRAS())[:3, 2] @ directions)))
