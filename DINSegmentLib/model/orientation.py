"""Conversion between the axes of a stored volume and the axes of a model's training slices."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import permutations, product

import numpy as np

from ..geometry import Geometry
from . import Axes

# RAS+ unit vectors of the letters in a manifest's axes
_LETTERS = {
    "R": (1, 0, 0), "L": (-1, 0, 0), "A": (0, 1, 0), "P": (0, -1, 0), "S": (0, 0, 1), "I": (0, 0, -1),
}  # fmt: skip
# voxel sizes or alignments closer than this count as equal, so that rounding in a header makes no difference
_TOLERANCE = 1e-3
# Break ties by the axes' directions in the patient, not by storage order: directions in RAS that
# no scanner prefers, for the slice, row and column axes.
_TIE_BREAK = np.array([[0.31, 0.53, 0.79], [0.59, 0.67, -0.41], [0.83, -0.43, 0.37]])


@dataclass(frozen=True)
class Orientation:
    """Axis order and flips that bring a stored array (K, J, I) to a model's (slice, row, column) order.

    Args:
        order: stored array axis of each model axis.
        flipped: whether each model axis runs opposite to its stored axis.
        spacing: voxel size in mm along (slice, row, column).
    """

    order: tuple[int, int, int]
    flipped: tuple[bool, bool, bool]
    spacing: tuple[float, float, float]

    def to_model(self, volume: np.ndarray) -> np.ndarray:
        """Return a view of a stored array (K, J, I) as (slice, row, column), without copying."""
        return volume.transpose(self.order)[self._flips()]

    def to_stored(self, volume: np.ndarray) -> np.ndarray:
        """Return a view of an array (slice, row, column) as (K, J, I): the exact inverse of `to_model`."""
        return volume[self._flips()].transpose(np.argsort(self.order))

    def _flips(self) -> tuple[slice, ...]:
        return tuple(slice(None, None, -1) if flip else slice(None) for flip in self.flipped)


def orientation(geometry: Geometry, axes: Axes) -> Orientation:
    """Find the axis order and flips that align a volume best with a model's training axes.

    The result depends only on the voxels' positions in the patient: all 48 ways to store a volume give the same
    oriented array. Exception: in a stack of nearly cubic voxels, slices lie along K unless the geometry specifies them.
    """
    # columns: RAS unit vectors and sizes of array axes 0, 1, 2 (K, J, I)
    directions, spacing = geometry.directions[:, ::-1], geometry.spacing[::-1]
    fixed = geometry.across if axes.slices == "stack" else None
    wanted = [_direction(axes.rows), _direction(axes.columns)]
    wanted.insert(0, _TIE_BREAK[0] if fixed is not None else _direction(axes.slices))

    def alignment(targets: Iterable[np.ndarray], order: tuple[int, ...], signs: tuple[int, ...]) -> float:
        return sum(float(t @ directions[:, axis]) * sign for t, axis, sign in zip(targets, order, signs, strict=True))

    candidates = [
        (order, signs)
        for order in permutations((0, 1, 2), 3)
        if fixed is None or order[0] == fixed
        for signs in product((1, -1), (1, -1), (1, -1))
    ]
    best = max(alignment(wanted, *c) for c in candidates)
    alike = [c for c in candidates if alignment(wanted, *c) > best - _TOLERANCE]
    order, signs = max(alike, key=lambda c: alignment(_TIE_BREAK, *c))
    between, along, across = (float(spacing[axis]) for axis in order)
    return Orientation(order, (signs[0] < 0, signs[1] < 0, signs[2] < 0), (between, along, across))


def _direction(letters: str) -> np.ndarray:
    vector = np.array([_LETTERS[letter] for letter in letters], np.float64).sum(axis=0)
    return vector / np.linalg.norm(vector)
