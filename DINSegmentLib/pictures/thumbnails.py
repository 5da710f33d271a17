"""A strip of slices with structures for each case on the review page."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..geometry import Geometry
from ..model import Model
from ..model.orientation import orientation
from .overlay import overlay, positions
from .slices import COLUMNS, ROWS, choose_slices

FOLDER = "report"  # next to the report, which shows the images
MOST_SLICES = 8
TILE = 200  # pixels along the side of a slice's square
GAP = 4  # pixels between two squares
_ROOM = 0.25  # margin on either side of the structures, relative to their bounding box


def picture_path(folder: Path, case: str) -> Path:
    """Return the path of a case's strip below the report's folder."""
    return folder / FOLDER / f"{case}.jpg"


def strip(
    original: np.ndarray, labels: np.ndarray, geometry: Geometry, model: Model, review: Sequence[int] = ()
) -> Image.Image:
    """Draw up to eight slices of a segmented volume in one line, each in a square.

    Args:
        original: normalized, (K, J, I) float32 in [0, 1].
        labels: (K, J, I) uint8.
        geometry: grid of both.
        model: defines axes and colors.
        review: stored indices of slices to review, from 0, worst first; they take up to half of the squares.

    Returns:
        RGB image. Slices have radiological orientation, true proportions and stored order; those not to review
        are evenly spaced among labeled slices (or all, if there are none). All show the structures with a margin.
        ``info["comment"]``, which a JPEG file keeps, has their stored indices, from 0.
    """
    orient = orientation(geometry, replace(model.axes, rows=ROWS, columns=COLUMNS))
    volume, shown = orient.to_model(original), orient.to_model(labels)
    last = len(shown) - 1

    def stored(place: int) -> int:  # its own inverse
        return last - place if orient.flipped[0] else place

    wanted = [stored(place) for place in review if 0 <= place <= last][: MOST_SLICES // 2]
    spaced = [place for place in choose_slices(shown, MOST_SLICES) if place not in wanted]
    left = MOST_SLICES - len(wanted)
    if len(spaced) > left:  # drop some, evenly
        spaced = [spaced[(2 * place + 1) * len(spaced) // (2 * left)] for place in range(left)]
    chosen = sorted((*wanted, *spaced), key=stored)
    field, size = square(np.any(shown, axis=0), np.array(orient.spacing[1:]))
    picture = Image.new("RGB", (len(chosen) * (TILE + GAP) - GAP, TILE))
    for place, index in enumerate(chosen):
        tile = overlay(volume[index][field], shown[index][field], size, model.labels)
        draw = ImageDraw.Draw(tile)
        draw.font = ImageFont.load_default(12)
        for value, (x, y) in positions(shown[index][field], size).items():
            draw.text((x, y), str(value), "white", anchor="mm", stroke_width=1, stroke_fill="black")
        picture.paste(tile, (place * (TILE + GAP) + (TILE - size[0]) // 2, (TILE - size[1]) // 2))
    picture.info["comment"] = ",".join(str(stored(place)) for place in chosen).encode()
    return picture


def places_in(path: Path) -> list[int]:
    """Return the stored indices, from 0, of the slices in a saved strip; empty if they are not recorded."""
    try:
        with Image.open(path) as picture:
            return [int(part) for part in picture.info.get("comment", b"").split(b",")]
    except (OSError, ValueError):
        return []


def square(held: np.ndarray, spacing: np.ndarray) -> tuple[tuple[slice, slice], tuple[int, int]]:
    """Rows and columns to show of slices (H, W), a square in mm if they are large enough, and its width and height."""
    where = np.argwhere(held) if held.any() else np.argwhere(np.ones_like(held))[[0, -1]]
    first, last = where.min(axis=0), where.max(axis=0) + 1
    half = ((last - first) * spacing).max() * (0.5 + _ROOM * held.any()) / spacing
    start = np.maximum(0, np.floor((first + last) / 2 - half)).astype(int)
    stop = np.minimum(held.shape, np.ceil((first + last) / 2 + half)).astype(int)
    extent = (stop - start) * spacing
    height, width = np.maximum(1, np.rint(extent * TILE / extent.max())).astype(int).tolist()
    return (slice(start[0], stop[0]), slice(start[1], stop[1])), (width, height)
