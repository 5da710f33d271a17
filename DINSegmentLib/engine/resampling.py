"""Resampling from a volume's grid to the model's pixel size and slice distance, and of scores back; on the device."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..errors import GeometryError
from ..messages import Sentence as _
from ..model import Model

# within this relative difference, pixels are not resampled: the network was trained over a wide range of scales
TOLERANCE = 0.01
_SMALLEST = 16  # pixels; the network's coarsest map must not be empty
_WIDEST = 3000.0  # mm; wider than any field of view: a wrong unit would exhaust memory

Window = tuple[slice, slice]  # rows and columns


def model_size(shape: tuple[int, int], spacing: tuple[float, float], target: float) -> tuple[int, int]:
    """Number of rows and columns at the model's pixel size.

    Args:
        shape: rows and columns of the native slice.
        spacing: row and column spacing of the native slice in mm.
        target: pixel size of the model in mm.

    Raises:
        GeometryError: a slice is wider than 3 m.
    """
    widest = max(n * s for n, s in zip(shape, spacing, strict=True))
    if widest > _WIDEST:
        raise GeometryError(
            _("The slices are {meters:.1f} m wide: check the spacing in the header, it is in mm.", meters=widest / 1000)
        )
    if all(abs(s / target - 1) <= TOLERANCE for s in spacing):
        return shape
    rows, columns = (max(_SMALLEST, round(n * s / target)) for n, s in zip(shape, spacing, strict=True))
    return rows, columns


def neighbour_offsets(model: Model, spacing: float) -> np.ndarray:
    """Indices, relative to a slice, of the slices that the network sees as its input channels: [0], or [-2, 0, 2], ...

    Args:
        spacing: distance between the volume's slices in mm.
    """
    count = model.network.neighbours
    step = max(1, round(model.neighbour_distance / spacing))
    return step * np.arange(-count, count + 1)


def to_model_grid(slices: Tensor, size: tuple[int, int]) -> Tensor:
    """Resample (N, C, H, W) to (N, C, *size), bilinear, with smoothing if pixels get larger.

    Both grids cover the same area and share its center, so `to_native_grid` is the exact inverse map.
    The pixel size differs from the model's by a total of less than half a pixel over the whole slice.
    """
    if tuple(slices.shape[-2:]) == size:
        return slices
    return F.interpolate(slices, size, mode="bilinear", antialias=True)


def to_native_grid(scores: Tensor, shape: tuple[int, int], window: Window | None = None) -> Tensor:
    """Resample scores (N, C, h, w) to (N, C, *shape), bilinear; the inverse map of `to_model_grid`.

    The result is contiguous by class: later steps process whole planes, which is several times faster.

    Args:
        window: the part of ``shape`` to return; None: all of it.
    """
    scores = scores.contiguous()
    if tuple(scores.shape[-2:]) != shape:
        if window is None:
            return F.interpolate(scores, shape, mode="bilinear")
        turned = _rows(scores.transpose(2, 3), shape[1], window[1])
        return _rows(turned.transpose(2, 3), shape[0], window[0])
    return scores if window is None else scores[(..., *window)].contiguous()


def undecided(scores: Tensor, shape: tuple[int, int], lead: float) -> tuple[Window, Tensor, Tensor]:
    """Find the part of a slice where the background does not win by far, and how to count pixels elsewhere.

    Bilinear scores are weighted means of their neighbors: if the background leads by ``lead`` at all of them, it also
    does so in between.

    Args:
        scores: (classes, h, w), background first.
        shape: rows and columns of the native grid.
        lead: least difference between the background and each other class.

    Returns:
        the smallest window of the native grid outside of which the background leads; for each pixel of the scores, both
        (h, w), the largest score, and the number of pixels of the native grid outside the window nearest to it.
    """
    others = scores[1:].amax(dim=0)
    open_ = scores[0] - others < lead
    window, inside, every = [], [], []
    for axis, native in enumerate(shape):
        size = scores.shape[1 + axis]
        places = np.flatnonzero(open_.any(dim=1 - axis).cpu().numpy())
        at = (np.arange(native) + 0.5) * (size / native) - 0.5
        used = (at > places[0] - 1) & (at < places[-1] + 1) if len(places) else np.zeros(native, bool)
        window.append(slice(int(used.argmax()), int(used.argmax() + used.sum())))
        nearest = np.rint(at).clip(0, size - 1).astype(np.intp)
        inside.append(np.bincount(nearest[used], minlength=size))
        every.append(np.bincount(nearest, minlength=size))
    counts = torch.from_numpy((np.outer(*every) - np.outer(*inside)).astype(np.float32)).to(scores.device)
    return (window[0], window[1]), torch.maximum(scores[0], others), counts


def _rows(scores: Tensor, native: int, part: slice) -> Tensor:
    """Interpolate (N, C, h, w) linearly along h, at a part of the rows of the native grid."""
    scores = scores.contiguous()  # copying whole rows is several times faster than copying values
    size = scores.shape[2]
    at = (torch.arange(part.start, part.stop, device=scores.device) + 0.5) * (size / native) - 0.5
    at = at.clamp_(0, size - 1)
    below = at.long()
    above = (below + 1).clamp_(max=size - 1)
    return torch.lerp(scores.index_select(2, below), scores.index_select(2, above), (at - below)[:, None])
