"""By how much a voxel's class is ahead of the others: what surfaces are drawn from, in four bytes a voxel."""

from dataclasses import dataclass

import numpy as np

MOST = 16.0  # about as much as float16 holds of a probability


@dataclass(frozen=True, eq=False)
class Margins:
    """Of each voxel, before temperature and clean-up; a margin is the logarithm of a ratio of probabilities.

    Args:
        first, second: uint8 (K, J, I), the classes with the largest and the second largest probability.
        near, far: uint8 (K, J, I), the first one's margin over the second and over the third, as 255 times the root of
            its share of `MOST`, which is finest for small ones; larger ones than `MOST` count as that.
    """

    first: np.ndarray
    second: np.ndarray
    near: np.ndarray
    far: np.ndarray

    @classmethod
    def empty(cls, shape: tuple[int, int, int]) -> "Margins":
        """To be filled."""
        return cls(*np.zeros((4, *shape), np.uint8))

    @property
    def fields(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        return self.first, self.second, self.near, self.far

    def of(self, value: int, box: tuple[slice, ...]) -> np.ndarray:
        """|log(p / q)| in a box, float32: p the probability of a class, q the largest of the others.

        A class that is neither the first nor the second counts as the third, of which there are few near its border.
        """
        close = (self.first[box] == value) | (self.second[box] == value)
        return np.square(np.where(close, self.near[box], self.far[box]) / np.float32(255)) * np.float32(MOST)
