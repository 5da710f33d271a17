"""Resampling from a volume's grid to the model's pixel size and slice distance, and of scores back; on the device."""

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from ..errors import GeometryError
from ..messages import Sentence as _
from ..model import Model

# within this relative difference, pixels are not resampled: the network was trained over a wide range of scales
TOLERANCE = 0.01
_SMALLEST = 16  # pixels; the network's coarsest map must not be empty
_WIDEST = 3000.0  # mm; wider than any field of view: a wrong unit would exhaust memory


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


def to_native_grid(scores: Tensor, shape: tuple[int, int]) -> Tensor:
    """Resample scores (N, C, h, w) to (N, C, *shape), bilinear; the inverse map of `to_model_grid`.

    The result is contiguous by class: later steps process whole planes, which is several times faster.
    """
    scores = scores.contiguous()
    if tuple(scores.shape[-2:]) == shape:
        return scores
    return F.interpolate(scores, shape, mode="bilinear")
