"""Preview of a run: original slices, enhanced slices, and the result as an overlay; by Pillow, without OpenGL."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from ..geometry import Geometry
from ..model import Label, Model
from ..model.orientation import Orientation, orientation
from .overlay import as_picture, overlay, positions
from .sheet import Entry, Page

MOST_SLICES = 5
_PANEL = 340  # pixels of a slice's longer side
_ROOM = 0.6  # margin around the structures, relative to their bounding box
_BAR = (10, 20, 50, 100)  # possible lengths of the scale bar in mm; the longest within a third of a panel is drawn

_WEAK = 0.1  # smaller values count as undecided
_TINT = 0.75  # opacity where only one image is relied on
_ORIGINAL, _ENHANCED = (138, 43, 227), (0, 214, 161)  # violet and green, as in Slicer's views

# Radiological orientation, seen from the feet or from the front: rows run to posterior or inferior, columns to the
# patient's left (seen from the side: to posterior).
ROWS, COLUMNS = "PI", "LP"

# draws the result for a slice: page, row, original (H, W), result (H, W), panel size in pixels
_DrawFound = Callable[[Page, int, np.ndarray, np.ndarray, tuple[int, int]], None]


def draw_case(
    volume: np.ndarray,
    enhanced: np.ndarray,
    labels: np.ndarray,
    geometry: Geometry,
    model: Model,
    title: str,
    enhancement: str = "",
) -> Image.Image:
    """Draw up to five slices of a segmented volume, a row for each, with a legend.

    Args:
        volume: normalized original, (K, J, I) float32 in [0, 1].
        enhanced: the same, enhanced.
        labels: (K, J, I) uint8.
        geometry: grid of the three.
        model: defines axes, names and colors.
        title: headline, for example the file name.
        enhancement: description for the heading of the enhanced column, for example ``log, strength 1``.

    Returns:
        RGB image. Slices have radiological orientation, are evenly spaced among labeled slices (or all, if none are),
        and show the structures with a margin, in true proportions. Slice numbers are stored indices,
        counted from 1.
    """
    heading = f"Enhanced ({enhancement})" if enhancement else "Enhanced"
    legend = [_entry(label, labels, geometry) for label in model.labels]

    def result(page: Page, row: int, original: np.ndarray, found: np.ndarray, size: tuple[int, int]) -> None:
        page.panel(row, 2, overlay(original, found, size, model.labels))
        for value, place in positions(found, size).items():
            page.write_on(row, 2, place, str(value))

    shown = labels > 0
    return _draw(volume, enhanced, labels, shown, geometry, model, title, (heading, "Result"), legend, result)


def draw_attribution(
    volume: np.ndarray, enhanced: np.ndarray, decided: np.ndarray, geometry: Geometry, model: Model, title: str
) -> Image.Image:
    """Draw an attribution map as `draw_case` draws structures: green for the enhanced image, violet for the original.

    Args:
        volume, enhanced, geometry, model, title: as in `draw_case`.
        decided: (K, J, I) in [-1, 1], see `engine.attribution`; opacity increases with the magnitude.
    """
    legend = [
        Entry(-1, _ORIGINAL, "Original", "its direction alone gives the label"),
        Entry(1, _ENHANCED, "Enhanced", "its direction alone gives the label"),
    ]

    def tinted(page: Page, row: int, original: np.ndarray, found: np.ndarray, size: tuple[int, int]) -> None:
        page.panel(row, 2, _tinted(as_picture(original, size), found))

    shown = np.abs(decided) > _WEAK
    headings = ("Enhanced", "Attribution")
    return _draw(volume, enhanced, decided, shown, geometry, model, title, headings, legend, tinted)


def _draw(
    volume: np.ndarray, enhanced: np.ndarray, found: np.ndarray, shown: np.ndarray, geometry: Geometry, model: Model,
    title: str, headings: tuple[str, str], legend: Sequence[Entry], draw_found: _DrawFound,
) -> Image.Image:  # fmt: skip
    """Draw the slices where ``shown`` is not 0: original, enhanced, and ``found`` as drawn by ``draw_found``."""
    orient = orientation(geometry, replace(model.axes, rows=ROWS, columns=COLUMNS))
    volume, enhanced, found, shown = (orient.to_model(array) for array in (volume, enhanced, found, shown))
    field = _field(shown)
    pixels_per_mm, size = _panel_size(field, orient.spacing[1:])
    chosen = choose_slices(shown)[:: -1 if orient.flipped[0] else 1]  # in stored order
    about = f"{model.title} · {model.id} {model.version}"
    page = Page(size, len(chosen), title, about, "Slice", ("Original", *headings), legend)
    for row, index in enumerate(chosen):
        original, bright, held = (array[index][field] for array in (volume, enhanced, found))
        number = len(shown) - index if orient.flipped[0] else index + 1
        page.name_row(row, str(number), f"of {len(shown)}")
        page.panel(row, 0, as_picture(original, size))
        page.mark_edges(row, 0, *_edges(geometry, orient))
        page.panel(row, 1, as_picture(bright, size))
        draw_found(page, row, original, held, size)
    _draw_scale(page, size[0], pixels_per_mm)
    return page.image


def _tinted(picture: Image.Image, decided: np.ndarray) -> Image.Image:
    drawn = Image.fromarray(np.ascontiguousarray(decided, np.float32)).resize(picture.size, Image.Resampling.BILINEAR)
    values = np.asarray(drawn)[..., None]
    gray = np.asarray(picture, np.float32)
    color = np.where(values > 0, np.array(_ENHANCED, np.float32), np.array(_ORIGINAL, np.float32))
    return Image.fromarray(np.rint(gray + _TINT * np.abs(values) * (color - gray)).clip(0, 255).astype(np.uint8))


def choose_slices(labels: np.ndarray, most: int = MOST_SLICES) -> list[int]:
    """Choose up to ``most`` slices of (S, H, W), evenly spaced among labeled slices, or all if there are none."""
    candidates = np.flatnonzero(labels.any(axis=(1, 2)))
    if not len(candidates):
        candidates = np.arange(len(labels))
    count = min(most, len(candidates))
    middles = (2 * np.arange(count) + 1) * len(candidates) // (2 * count)
    return candidates[middles].tolist()


def _field(labels: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns to show: bounding box of all structures with a margin; everything if there are none."""
    held = np.any(labels, axis=0)
    return _extent(np.any(held, axis=1)), _extent(np.any(held, axis=0))


def _extent(held: np.ndarray) -> slice:
    where = np.flatnonzero(held)
    if not len(where):
        return slice(0, len(held))
    first, last = where[0], where[-1] + 1
    room = round(_ROOM * (last - first))
    return slice(max(0, first - room), min(len(held), last + room))


def _panel_size(field: tuple[slice, slice], spacing: tuple[float, float]) -> tuple[float, tuple[int, int]]:
    """Return pixels per mm, and width and height of the panel for a field with this (row, column) spacing."""
    height, width = ((part.stop - part.start) * mm for part, mm in zip(field, spacing, strict=True))
    scale = _PANEL / max(height, width)
    return scale, (max(1, round(width * scale)), max(1, round(height * scale)))


def _edges(geometry: Geometry, orient: Orientation) -> tuple[str, str]:
    """Return direction letters for a slice's left and upper edge, the dominant direction first."""
    stored_axes = geometry.directions[:, ::-1]
    letters = []
    for axis in (2, 1):
        outward = stored_axes[:, orient.order[axis]] * (1 if orient.flipped[axis] else -1)
        named = [(abs(part), pair[int(part < 0)]) for part, pair in zip(outward, ("RL", "AP", "SI"), strict=True)]
        letters.append("".join(letter for strength, letter in sorted(named, reverse=True) if strength > 0.4))
    return letters[0], letters[1]


def _entry(label: Label, labels: np.ndarray, geometry: Geometry) -> Entry:
    volume = np.count_nonzero(labels == label.value) * geometry.voxel_volume / 1000
    remark = "not found" if not volume else "under 0.1 ml" if volume < 0.1 else f"{volume:.1f} ml"
    return Entry(label.value, label.color, label.name, remark)


def _draw_scale(page: Page, width: int, pixels_per_mm: float) -> None:
    if fitting := [mm for mm in _BAR if mm * pixels_per_mm <= width / 3]:
        page.scale_bar(0, 0, round(fitting[-1] * pixels_per_mm), f"{fitting[-1]} mm")
