"""A heart at several moments: the same slices with outlines, in a row of images for each moment."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from ..geometry import Geometry
from ..model import Model
from ..model.orientation import orientation
from .overlay import overlay
from .slices import COLUMNS, ROWS, choose_slices
from .thumbnails import TILE, square


@dataclass(frozen=True, eq=False)
class Moment:
    """Name of a moment, with its volume, normalized, float32 in [0, 1], and labels, uint8, both (K, J, I)."""

    name: str
    volume: np.ndarray
    labels: np.ndarray


def draw_moments(
    moments: Sequence[Moment], geometry: Geometry, model: Model, places: Sequence[int] = ()
) -> tuple[list[int], list[list[Image.Image]]]:
    """Draw some slices at each moment.

    Args:
        moments: at least one, all on the same grid.
        geometry: grid of the labels.
        model: defines axes and colors.
        places: stored slice indices, counted from 0; if empty, three evenly spaced labeled slices.

    Returns:
        the slices drawn, and for each moment its images in that order: squares of `thumbnails.TILE` pixels that show
        the structures of all moments with a margin, in true proportions and radiological orientation.
    """
    orient = orientation(geometry, replace(model.axes, rows=ROWS, columns=COLUMNS))
    turned = [(orient.to_model(one.volume), orient.to_model(one.labels)) for one in moments]
    last = len(turned[0][0]) - 1

    def stored(place: int) -> int:  # its own inverse
        return last - place if orient.flipped[0] else place

    chosen = [stored(place) for place in places] or sorted(choose_slices(turned[0][1], 3), key=stored)
    held = np.logical_or.reduce([labels[chosen].any(axis=0) for _, labels in turned])
    field, size = square(held, np.array(orient.spacing[1:]))
    rows = []
    for volume, labels in turned:
        row = []
        for place in chosen:
            picture = Image.new("RGB", (TILE, TILE))
            tile = overlay(volume[place][field], labels[place][field], size, model.labels)
            picture.paste(tile, ((TILE - size[0]) // 2, (TILE - size[1]) // 2))
            row.append(picture)
        rows.append(row)
    return [stored(place) for place in chosen], rows
