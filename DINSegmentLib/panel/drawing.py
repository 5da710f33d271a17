"""Display of segments in slice views and in 3D, stored in the segmentation's display node."""

from typing import Any

from ..scene import has_smooth_surfaces, is_filled, set_filled

_SURFACE = "Closed surface"


def is_in_3d(node: Any) -> bool:
    """Whether a segmentation has visible surfaces."""
    display = node.GetDisplayNode()
    shown = display is None or bool(display.GetVisibility3D())
    return shown and node.GetSegmentation().ContainsRepresentation(_SURFACE)


def show_in_3d(node: Any, shown: bool) -> None:
    """Show a segmentation's surfaces, or remove them; surfaces that label maps cannot restore are only hidden."""
    can_be_remade = node.GetSegmentation().GetSourceRepresentationName() != _SURFACE and not has_smooth_surfaces(node)
    if not shown and can_be_remade:
        node.RemoveClosedSurfaceRepresentation()
    node.GetDisplayNode().SetVisibility3D(shown)


def drawing(node: Any) -> tuple[float, bool]:
    """Return opacity and whether segments are outlines only, as set by `draw`."""
    display = node.GetDisplayNode()
    outline_only = not is_filled(display)
    return display.GetOpacity2DOutline() if outline_only else display.GetOpacity2DFill(), outline_only


def draw(node: Any, opacity: float, outline_only: bool) -> None:
    """Set opacity, 0 to 1, and fill of all segments in slice views."""
    display = node.GetDisplayNode()
    display.SetOpacity2DFill(opacity)
    display.SetOpacity2DOutline(opacity)
    set_filled(display, not outline_only)
