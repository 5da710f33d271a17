"""Comparison of original, enhanced volume and result side by side, or fading in the same views; no widgets.

State to be restored later is stored in the nodes that it belongs to, so it is saved and removed with them.
Only the user's previous layout is stored here, because Slicer clears the layout node when a scene is closed.
"""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np
import slicer
import slicer.util
from vtkmodules.vtkCommonCore import vtkCommand

from ..errors import DINSegmentError
from ..messages import Sentence as _
from .views import COMPARE_VIEWS, composite_node, slice_views, turn, view_of
from .volumes import ijk_to_world, numbers

LAYOUT = 7701

_LABELS = dict(zip(COMPARE_VIEWS, (("O", "#9E9E9E"), ("E", "#4F9DDE"), ("R", "#E0A33C")), strict=True))
_VIEW = """<item><view class="vtkMRMLSliceNode" singletontag="{name}">
 <property name="orientation" action="default">Axial</property>
 <property name="viewlabel" action="default">{label}</property>
 <property name="viewcolor" action="default">{color}</property>
 <property name="viewgroup" action="default">77</property>
</view></item>"""
_DESCRIPTION = "".join(
    (
        '<layout type="horizontal" split="true">',
        *(_VIEW.format(name=name, label=label, color=color) for name, (label, color) in _LABELS.items()),
        "</layout>",
    )
)

# attributes and references: of our display node; of the user's display node (the views to which it was limited);
# and of a composite node (what it showed before fading)
_OUTLINE = "DINSegment.Outline"
_VIEWS = "DINSegment.FormerViews"
_OPACITY, _BACKGROUND, _FOREGROUND = "DINSegment.FormerOpacity", "DINSegment.Background", "DINSegment.Foreground"

_former_layout: int | None = None


def show(volume_node: Any, enhanced_node: Any, segmentation_node: Any = None) -> None:
    """Show a volume, its enhanced volume, and the volume with its segmentation side by side in three linked views.

    The views are parallel to the acquired slices.

    Args:
        volume_node, enhanced_node: ``vtkMRMLScalarVolumeNode``.
        segmentation_node: filled in the third view, outlined in the others; can be set later with `update`.

    Raises:
        GeometryError: a parent transform is not linear.
        DINSegmentError: there are no slice views.
    """
    global _former_layout
    layout = _layout()
    if layout is None:
        raise _no_views()
    matrix, seen = ijk_to_world(volume_node), view_of(volume_node)
    place = numbers(seen.GetSliceToRAS())[:3, 3] if seen is not None else None
    with ExitStack() as on_error:
        on_error.callback(restore)
        if not layout.IsLayoutDescription(LAYOUT):
            layout.AddLayoutDescription(LAYOUT, _DESCRIPTION)
        if layout.GetViewArrangement() != LAYOUT:
            _former_layout = layout.GetViewArrangement()
            layout.SetViewArrangement(LAYOUT)
            slicer.app.processEvents()  # new views get their real size only then
            if not is_shown() or volume_node.GetScene() is None or enhanced_node.GetScene() is None:
                return  # the user has already changed the layout
        layout.SetSaveWithScene(False)  # a scene that opens with an unknown layout has no views
        shown = _views()
        if len(shown) < len(COMPARE_VIEWS):
            raise _no_views()
        for (view, composite), volume in zip(shown, (volume_node, enhanced_node, volume_node), strict=True):
            _fill(composite, volume)
            _turn(view, matrix)
            _fit(view, place)
        for __, composite in shown:
            composite.SetLinkedControl(True)
            composite.SetHotLinkedControl(True)
        update(segmentation_node)
        on_error.pop_all()


def is_shown() -> bool:
    """Whether the current layout is the comparison's."""
    layout = _layout()
    return layout is not None and layout.GetViewArrangement() == LAYOUT


def watch_layout(changed: Callable[[], None]) -> Callable[[], None]:
    """Call a function when the layout changes; return a function that ends this. Does nothing without views."""
    layout = _layout()
    if layout is None:
        return lambda: None
    before = layout.GetViewArrangement()

    def look(*_: Any) -> None:
        nonlocal before
        if (now := layout.GetViewArrangement()) != before:
            before = now
            changed()

    tag = layout.AddObserver(vtkCommand.ModifiedEvent, look)
    return lambda: layout.RemoveObserver(tag)


def update(segmentation_node: Any) -> None:
    """Show a segmentation in the views of `show`; None removes it. Other views are unchanged."""
    _end_outlines()
    if is_shown() and segmentation_node is not None and segmentation_node.GetDisplayNode() is not None:
        _begin_outlines(segmentation_node)


def restore() -> None:
    """Undo everything that `show` did; a layout that the user has selected since is kept."""
    _end_outlines()
    if (layout := _layout()) is not None:
        layout.SetSaveWithScene(True)
    if is_shown():
        layout.SetViewArrangement(
            slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView if _former_layout is None else _former_layout
        )
    for __, composite in _views():
        _fill(composite, None)


def fade(volume_node: Any, enhanced_node: Any, value: float) -> None:
    """Blend the enhanced volume over its volume in the user's views.

    Args:
        volume_node, enhanced_node: ``vtkMRMLScalarVolumeNode``.
        value: 0 shows only the volume, 1 only the enhanced volume.
    """
    for view, composite in slice_views():
        if view.GetLayoutName() in COMPARE_VIEWS:
            continue
        with slicer.util.NodeModify(composite):
            if composite.GetAttribute(_OPACITY) is None:
                composite.SetAttribute(_OPACITY, repr(composite.GetForegroundOpacity()))
                composite.SetNodeReferenceID(_BACKGROUND, composite.GetBackgroundVolumeID())
                composite.SetNodeReferenceID(_FOREGROUND, composite.GetForegroundVolumeID())
            composite.SetBackgroundVolumeID(volume_node.GetID())
            composite.SetForegroundVolumeID(enhanced_node.GetID())
            composite.SetForegroundOpacity(value)


def end_fade() -> None:
    """Restore what each view showed before `fade`, except removed volumes."""
    for composite in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
        if (opacity := composite.GetAttribute(_OPACITY)) is None:
            continue
        with slicer.util.NodeModify(composite):
            composite.SetBackgroundVolumeID(composite.GetNodeReferenceID(_BACKGROUND))
            composite.SetForegroundVolumeID(composite.GetNodeReferenceID(_FOREGROUND))
            composite.SetForegroundOpacity(float(opacity))
            composite.RemoveAttribute(_OPACITY)
            composite.RemoveNodeReferenceIDs(_BACKGROUND)
            composite.RemoveNodeReferenceIDs(_FOREGROUND)


def _layout() -> Any:
    return slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLLayoutNode")


def _views() -> list[tuple[Any, Any]]:
    """Return slice node and composite node of our existing views."""
    views = [slicer.mrmlScene.GetSingletonNode(name, "vtkMRMLSliceNode") for name in COMPARE_VIEWS]
    return [(view, composite) for view in views if view is not None and (composite := composite_node(view)) is not None]


def _no_views() -> DINSegmentError:
    return DINSegmentError(_("No views are available: compare the volumes in 3D Slicer's own window."))


def _fill(composite: Any, volume_node: Any) -> None:
    with slicer.util.NodeModify(composite):
        composite.SetDoPropagateVolumeSelection(False)  # volumes loaded later do not appear here
        composite.SetBackgroundVolumeID(volume_node.GetID() if volume_node is not None else None)
        composite.SetForegroundVolumeID(None)
        composite.SetLabelVolumeID(None)


def _turn(view: Any, matrix: np.ndarray) -> None:
    """Align a view with the voxels of the acquired slices."""
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    across = 2 if spacing[2] * 1.5 > spacing.max() else int(np.argmax(spacing))  # K, unless another axis stands out
    turn(view, matrix, across)


def _fit(view: Any, place: np.ndarray | None) -> None:
    logic = slicer.app.applicationLogic().GetSliceLogic(view)
    if logic is not None:
        logic.FitSliceToAll()
    if place is not None:
        view.JumpSliceByOffsetting(*place)


def _begin_outlines(segmentation_node: Any) -> None:
    """Show outlines by our display node in the first two views, where the user's display node is hidden meanwhile."""
    display, outline = segmentation_node.GetDisplayNode(), _outline_of(segmentation_node)
    *outlined, filled = (view.GetID() for view, _ in _views())
    with slicer.util.NodeModify(outline):
        outline.Copy(display)
        outline.SetAttribute(_OUTLINE, "1")
        outline.SetVisibility2DFill(False)
        outline.SetVisibility2DOutline(True)
        outline.SetVisibility3D(False)
        _limit(outline, outlined)
    former = display.GetViewNodeIDs()
    display.SetAttribute(_VIEWS, " ".join(former))
    everywhere = [view.GetID() for view in slicer.util.getNodesByClass("vtkMRMLAbstractViewNode")]
    _limit(display, [one for one in former or everywhere if one not in (*outlined, filled)] + [filled])


def _outline_of(segmentation_node: Any) -> Any:
    """Return our display node of a segmentation, which is never removed: views of Slicer 5.12 keep a raw pointer to
    each display node, and crash at the next change of a segmentation that has lost one."""
    for index in range(1, segmentation_node.GetNumberOfDisplayNodes()):
        if segmentation_node.GetNthDisplayNode(index).GetAttribute(_OUTLINE) is not None:
            return segmentation_node.GetNthDisplayNode(index)
    outline = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationDisplayNode")
    outline.SetVisibility(False)  # until its views are known
    segmentation_node.AddAndObserveDisplayNodeID(outline.GetID())
    return outline


def _end_outlines() -> None:
    for display in slicer.util.getNodesByClass("vtkMRMLSegmentationDisplayNode"):
        if display.GetAttribute(_OUTLINE) is not None:
            display.SetVisibility(False)
        elif (views := display.GetAttribute(_VIEWS)) is not None:
            _limit(display, views.split())
            display.RemoveAttribute(_VIEWS)


def _limit(display: Any, views: list[str]) -> None:
    with slicer.util.NodeModify(display):
        display.RemoveAllViewNodeIDs()
        for view in views:
            display.AddViewNodeID(view)
