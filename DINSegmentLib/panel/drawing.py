"""How segments are drawn, in slices and in 3-D; all of it is kept in the segmentation's display node."""

from typing import Any

from ..scene import has_smooth_surfaces, is_filled, set_filled

_SURFACE = "Closed surface"


def is_in_3d(node: Any) -> bool:
    """Whether a segmentation has surfaces that are shown."""
    display = node.GetDisplayNode()
    shown = display is None or bool(display.GetVisibility3D())
    return shown and node.GetSegmentation().ContainsRepresentation(_SURFACE)


def show_in_3d(node: Any, shown: bool) -> None:
    """Show a segmentation's surfaces, or remove them; those that label maps could not give again are only hidden."""
    can_be_remade = node.GetSegmentation().GetSourceRepresentationName() != _SURFACE and not has_smooth_surfaces(node)
    if not shown and can_be_remade:
        node.RemoveClosedSurfaceRepresentation()
    node.GetDisplayNode().SetVisibility3D(shown)


def drawing(node: Any) -> tuple[float, bool]:
    """Opacity and whether segments are outlines only, as `draw` sets them."""
    display = node.GetDisplayNode()
    outline_only = not is_filled(display)
    return display.GetOpacity2DOutline() if outline_only else display.GetOpacity2DFill(), outline_only


def draw(node: Any, opacity: float, outline_only: bool) -> None:
    """Opacity, 0 to 1, and fill of all segments in slice views."""
    display = node.GetDisplayNode()
    display.SetOpacity2DFill(opacity)
    display.SetOpacity2DOutline(opacity)
    set_filled(display, not outline_only)
