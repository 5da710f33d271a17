"""Margins by which each voxel's class leads the others, in four bytes per voxel; surfaces are drawn from them."""

from dataclasses import dataclass

import numpy as np

MOST = 16.0  # about the largest log ratio that a float16 probability can represent


@dataclass(frozen=True, eq=False)
class Margins:
    """Margins of each voxel before temperature and clean-up; a margin is the log of a ratio of probabilities.

    Args:
        first, second: uint8 (K, J, I), the classes with the largest and second largest probability.
        near, far: uint8 (K, J, I), margin of the first class over the second and over the third, stored as 255 x the
            square root of margin / `MOST`, which resolves small margins best; larger margins are clipped to `MOST`.
    """

    first: np.ndarray
    second: np.ndarray
    near: np.ndarray
    far: np.ndarray

    @classmethod
    def empty(cls, shape: tuple[int, int, int]) -> "Margins":
        """Create margins of zero, to be filled."""
        return cls(*np.zeros((4, *shape), np.uint8))

    @property
    def fields(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        return self.first, self.second, self.near, self.far

    def of(self, value: int, box: tuple[slice, ...]) -> np.ndarray:
        """|log(p / q)| in a box, float32: p is the probability of class ``value``, q the largest of the other classes.

        A class that is neither first nor second is treated as the third; few such voxels are near its border.
        """
        close = (self.first[box] == value) | (self.second[box] == value)
        return np.square(np.where(close, self.near[box], self.far[box]) / np.float32(255)) * np.float32(MOST)
