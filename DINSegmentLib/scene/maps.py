"""Maps of the network's confidence and attribution, as colored volume nodes over their volume."""

from typing import Any

import numpy as np
import slicer
import slicer.util
from vtkmodules.util.numpy_support import numpy_to_vtk
from vtkmodules.vtkCommonDataModel import vtkImageData
from vtkmodules.vtkCommonMath import vtkMatrix4x4

from ..errors import GeometryError
from ..messages import Sentence as _
from . import hierarchy, undo
from .volumes import voxels

# No color is close to a structure's; color-blind users can distinguish them (`Testing/scene/test_maps.py`).
_ORIGINAL, _ENHANCED, _NEITHER = (0.54, 0.17, 0.89), (0.00, 0.84, 0.63), (0.97, 0.97, 0.97)
_SURE, _UNSURE = (0.42, 0.12, 0.63), (1.00, 1.00, 1.00)
_OPACITY = 0.6
_COLORS = 256  # per table; slice views draw a color or nothing: any alpha above 0 counts as 1
_LEGEND_LABELS = 5
_LEAST_DECIDED, _CLEAR = 0.1, 94.5  # attributions below the first and confidences above the second are transparent

# attributes: type of a map's node, and a reference to its volume; of a composite node: what it showed before
_KIND, _OF = "DINSegment.Map", "DINSegment.MapOf"
_FORMER, _FORMER_OPACITY = "DINSegment.BeforeMap", "DINSegment.BeforeMapOpacity"

# attribute of a segmentation's display node: its segments were filled, and are again when no map is shown
_FILLED = "DINSegment.FilledBeforeMap"

CONFIDENCE, ATTRIBUTION = "confidence", "why"  # values in saved scenes


def write_attribution(decided: np.ndarray, volume_node: Any) -> Any:
    """Add an attribution map as a ``vtkMRMLScalarVolumeNode`` and overlay it in the slice views that show its volume.

    Args:
        decided: (K, J, I) in [-1, 1], on the grid of ``volume_node``, see `engine.attribution`: violet if negative,
            green if positive, paler toward 0 and transparent within 0.1 of it. Copied.
        volume_node: defines grid and parent transform.

    Returns:
        the new node.

    Raises:
        GeometryError: ``decided`` is not on the volume's grid; the scene is unchanged.
        InputError: ``volume_node`` has no image, or several values per voxel.
    """
    colors = [
        (f"{v:+.2f}", *_mix(_NEITHER, _ENHANCED if v > 0 else _ORIGINAL, abs(v)), float(abs(v) >= _LEAST_DECIDED))
        for v in np.linspace(-1, 1, _COLORS).tolist()
    ]
    name = f"{volume_node.GetName()} attribution"
    title = _("Original (-1) or enhanced (+1) image")
    return _write(decided.astype(np.float32), volume_node, name, ATTRIBUTION, (-1, 1), colors, title, "%.1f")


def write_confidence(confidence: np.ndarray, volume_node: Any) -> Any:
    """Add a map of the confidence in each voxel's label, as `write_attribution`.

    Args:
        confidence: (K, J, I) uint8, in percent, see `engine.parameters.Result.confidence_map`: transparent from 95
            up, violet below, white from 50 down. Copied.
        volume_node: as for `write_attribution`, like the returned node and the errors.
    """
    colors = [
        (f"{p:.0f}%", *_mix(_SURE, _UNSURE, min(1.0, (100 - p) / 50)), float(p < _CLEAR))
        for p in np.linspace(0, 100, _COLORS).tolist()
    ]
    name = f"{volume_node.GetName()} confidence"
    title = _("Confidence (%)")
    return _write(confidence.astype(np.uint8), volume_node, name, CONFIDENCE, (0, 100), colors, title, "%.0f")


def find_map(volume_node: Any) -> tuple[Any, str] | None:
    """Find the latest map of a volume and its type, `CONFIDENCE` or `ATTRIBUTION`; None if there is none."""
    nodes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
    found = [node for node in nodes if is_map(node) and node.GetNodeReferenceID(_OF) == volume_node.GetID()]
    return (found[-1], found[-1].GetAttribute(_KIND)) if found else None


def show_map(node: Any) -> None:
    """Overlay a map in the slice views that show its volume, and draw segments as outlines under it."""
    for composite in _composites():
        if composite.GetBackgroundVolumeID() != node.GetNodeReferenceID(_OF):
            continue
        with slicer.util.NodeModify(composite):
            if not is_map(_foreground(composite)):
                composite.SetNodeReferenceID(_FORMER, composite.GetForegroundVolumeID())
                composite.SetAttribute(_FORMER_OPACITY, repr(composite.GetForegroundOpacity()))
            composite.SetForegroundVolumeID(node.GetID())
            composite.SetForegroundOpacity(_OPACITY)
    legend = slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(node)
    if legend is not None:  # a change makes views update what they show
        legend.Modified()
    for display in slicer.util.getNodesByClass("vtkMRMLSegmentationDisplayNode"):
        if display.GetVisibility2DFill():
            display.SetAttribute(_FILLED, "1")
            display.SetVisibility2DFill(False)


def is_filled(display: Any) -> bool:
    """Whether segments are filled in slice views, or would be without a map."""
    return bool(display.GetVisibility2DFill()) or display.GetAttribute(_FILLED) is not None


def set_filled(display: Any, filled: bool) -> None:
    """Fill segments in slice views, immediately or once no map is shown."""
    if any(is_map(_foreground(composite)) for composite in _composites()):
        display.SetVisibility2DFill(False)
        display.SetAttribute(_FILLED, "1" if filled else None)
    else:
        display.SetVisibility2DFill(filled)


def remove_map(node: Any) -> None:
    """Remove a map from the scene and restore what the views showed before it."""
    _hide(node)
    undo.remove(node)


def hide_maps(volume_node: Any) -> None:
    """Hide the maps of all other volumes, keeping them in the scene; None hides all maps."""
    own = volume_node.GetID() if volume_node is not None else None
    for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode"):
        if is_map(node) and node.GetNodeReferenceID(_OF) != own:
            _hide(node)


def _hide(node: Any) -> None:
    for composite in _composites():
        if composite.GetForegroundVolumeID() != node.GetID():
            continue
        with slicer.util.NodeModify(composite):
            composite.SetForegroundVolumeID(composite.GetNodeReferenceID(_FORMER))
            composite.SetForegroundOpacity(float(composite.GetAttribute(_FORMER_OPACITY) or 0))
            composite.RemoveNodeReferenceIDs(_FORMER)
            composite.RemoveAttribute(_FORMER_OPACITY)
    if any(is_map(_foreground(composite)) for composite in _composites()):
        return
    for display in slicer.util.getNodesByClass("vtkMRMLSegmentationDisplayNode"):
        if display.GetAttribute(_FILLED) is not None:
            display.RemoveAttribute(_FILLED)
            display.SetVisibility2DFill(True)


def _composites() -> list[Any]:
    return slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")


def _foreground(composite: Any) -> Any:
    return slicer.mrmlScene.GetNodeByID(composite.GetForegroundVolumeID() or "")


def _mix(first: tuple[float, ...], second: tuple[float, ...], share: float) -> list[float]:
    return [(1 - share) * a + share * b for a, b in zip(first, second, strict=True)]


def is_map(node: Any) -> bool:
    """Whether a node is a map of DINSegment."""
    return node is not None and node.GetAttribute(_KIND) is not None


def _write(
    values: np.ndarray,
    volume_node: Any,
    name: str,
    kind: str,
    window: tuple[float, float],
    colors: list[Any],
    title: str,
    labels: str,
) -> Any:
    if values.shape != (shape := voxels(volume_node).shape):
        raise GeometryError(
            _(
                "The map has {voxels} voxels, but {volume} has {shape}: compute it again.",
                voxels=values.shape,
                volume=volume_node.GetName(),
                shape=shape,
            )
        )
    image = vtkImageData()
    image.SetDimensions(shape[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(values.ravel(), deep=True))
    matrix = vtkMatrix4x4()
    volume_node.GetIJKToRASMatrix(matrix)
    with undo.new_node("vtkMRMLScalarVolumeNode", name) as node:
        node.SetAttribute(_KIND, kind)
        node.SetNodeReferenceID(_OF, volume_node.GetID())
        node.SetIJKToRASMatrix(matrix)
        node.SetAndObserveTransformNodeID(volume_node.GetTransformNodeID())
        node.CreateDefaultDisplayNodes()
        display = node.GetDisplayNode()
        display.SetAutoWindowLevel(False)
        display.SetWindowLevelMinMax(*window)
        display.SetAndObserveColorNodeID(_table(f"DINSegment {kind}", colors).GetID())
        node.SetAndObserveImageData(image)
        _add_legend(node, title, labels)
        hierarchy.place_beside(volume_node, node)
    show_map(node)
    return node


def _add_legend(node: Any, title: str, labels: str) -> None:
    """Add Slicer's color legend to the views that show the map; it is removed with the map."""
    legend = slicer.vtkSlicerColorLogic.AddDefaultColorLegendDisplayNode(node)
    with slicer.util.NodeModify(legend):
        legend.SetTitleText(str(title))
        legend.SetLabelFormat(labels)
        legend.SetNumberOfLabels(_LEGEND_LABELS)
        legend.SetMaxNumberOfColors(_COLORS)
        legend.SetVisibility3D(False)
        legend.SetVisibility(True)


def _table(name: str, colors: list[Any]) -> Any:
    """Return the scene's color table of a map type, creating it at the first call."""
    if (known := slicer.mrmlScene.GetFirstNodeByName(name)) is not None:
        return known
    table = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLColorTableNode", name)
    table.SetTypeToUser()
    table.SetNumberOfColors(len(colors))
    for index, color in enumerate(colors):
        table.SetColor(index, *color)
    return table
