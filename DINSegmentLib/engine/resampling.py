"""Resampling from a volume's grid to the model's pixel size and slice distance, and of scores back; on the device."""

from dataclasses import dataclass
from functools import lru_cache

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
MIXED = 255  # between pixels of several classes, or of an uncertain one; models have fewer classes


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
    return scores if tuple(scores.shape[-2:]) == shape else F.interpolate(scores, shape, mode="bilinear")


@dataclass(frozen=True)
class _Axis:
    """Places of one axis's native pixels between the model's pixels; arrays (native,).

    Args:
        below, above: the model's pixels on both sides.
        weight: distance from ``below`` in the model's pixels, 0 to 1.
        nearest: the nearer of both.
    """

    below: np.ndarray
    above: np.ndarray
    weight: np.ndarray
    nearest: np.ndarray

    @classmethod
    def between(cls, size: int, native: int) -> "_Axis":
        at = ((np.arange(native) + 0.5) * (size / native) - 0.5).clip(0, size - 1)
        below = at.astype(np.intp)
        return cls(below, (below + 1).clip(max=size - 1), (at - below).astype(np.float32), np.rint(at).astype(np.intp))


class NativePixels:
    """Single pixels of the native grid (H, W), interpolated from scores on the model's grid (h, w).

    Most pixels of a slice lie between four pixels of one class. Bilinear scores are weighted means of their neighbors,
    so these have the same class without a look at their scores.

    Args:
        size: rows and columns of the model's grid.
        shape: rows and columns of the native grid.
    """

    def __init__(self, size: tuple[int, int], shape: tuple[int, int]) -> None:
        self._size, self._shape, self.same = size, shape, size == shape
        self._rows, self._columns = (_Axis.between(n, native) for n, native in zip(size, shape, strict=True))
        rows, columns = (
            np.bincount(axis.nearest, minlength=n) for axis, n in zip((self._rows, self._columns), size, strict=True)
        )
        self._counts = np.outer(rows, columns).ravel()

    def spread(self, classes: np.ndarray) -> np.ndarray:
        """Spread a class to all native pixels that lie between four pixels of it; the others become ``MIXED``.

        Args:
            classes: (h, w) uint8, below ``MIXED`` where the class is certain enough to be spread.

        Returns:
            (H, W) uint8.
        """
        if self.same:
            return classes.copy()
        cells = np.where(classes == _shifted(classes, 0), classes, MIXED)
        cells = np.where(cells == _shifted(cells, 1), cells, MIXED)
        return cells.take(self._columns.below, axis=1).take(self._rows.below, axis=0)

    def counts(self, left_out: np.ndarray) -> np.ndarray:
        """Number of native pixels nearest to each pixel of the model's grid (h w,), int64.

        Args:
            left_out: (n,), flat indices of native pixels that do not count.
        """
        rows, columns = np.divmod(left_out, self._shape[1])
        nearest = self._rows.nearest[rows] * self._size[1] + self._columns.nearest[columns]
        return self._counts - np.bincount(nearest, minlength=len(self._counts))

    def interpolate(self, scores: Tensor, pixels: np.ndarray) -> Tensor:
        """Interpolate scores (C, h, w) at flat indices (n,) of native pixels -> (C, n), on the scores' device."""
        flat = scores.permute(1, 2, 0).flatten(0, 1)  # rows of classes: copied several times faster than single scores
        rows, columns = np.divmod(pixels, self._shape[1])

        def line(row: np.ndarray) -> Tensor:
            left, right = (
                flat.index_select(0, torch.from_numpy(row * self._size[1] + side[columns]).to(flat.device))
                for side in (self._columns.below, self._columns.above)
            )
            return left.lerp_(right, self._weights(self._columns, columns, flat))

        upper, lower = line(self._rows.below[rows]), line(self._rows.above[rows])
        return upper.lerp_(lower, self._weights(self._rows, rows, flat)).T.contiguous()

    @staticmethod
    def _weights(axis: _Axis, places: np.ndarray, like: Tensor) -> Tensor:
        return torch.from_numpy(axis.weight[places])[:, None].to(like)


def _shifted(values: np.ndarray, axis: int) -> np.ndarray:
    """The next pixel's value along an axis; at the end, the last one's."""
    return values.take(np.arange(1, values.shape[axis] + 1), axis=axis, mode="clip")


@lru_cache(maxsize=8)
def native_pixels(size: tuple[int, int], shape: tuple[int, int]) -> NativePixels:
    """Return the same `NativePixels` for all slices of a grid."""
    return NativePixels(size, shape)
