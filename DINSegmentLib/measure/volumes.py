"""Volume, brightness and border contact of each structure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..geometry import Geometry
from ..model import Label

_SLAB = 1 << 20  # voxels; limits the memory used for counting


@dataclass(frozen=True)
class StructureStatistics:
    """Statistics of one structure.

    Args:
        name, value: of the structure's label.
        voxels: number of voxels with the label.
        volume_ml: volume in milliliters.
        mean, sd: of the image over these voxels (SD of the population, not of a sample); None if there are none.
        slices: number of slices that contain it.
        touches_border: whether it has a voxel in the first or last row or column of a slice.
        touches_end: whether it is in the first or last slice, as an aorta always is and a heart may be.
    """

    name: str
    value: int
    voxels: int
    volume_ml: float
    mean: float | None
    sd: float | None
    slices: int
    touches_border: bool
    touches_end: bool


def statistics(
    labels: np.ndarray, image: np.ndarray, geometry: Geometry, structures: Sequence[Label], axis: int
) -> list[StructureStatistics]:
    """Compute volume, intensity and border contact of each structure, in the given order.

    Args:
        labels: (K, J, I), uint8; values not in ``structures`` are ignored.
        image: (K, J, I), any real type; the volume as loaded.
        geometry: their common grid; sheared grids are supported.
        structures: the labels of a model.
        axis: array axis across the slices, 0, 1 or 2; `model.orientation` finds it for a model.

    Raises:
        ValueError: labels, image and geometry differ in shape.
    """
    if not labels.shape == image.shape == geometry.shape:
        raise ValueError(f"labels {labels.shape}, image {image.shape} and geometry {geometry.shape} differ in shape")
    counts, means, deviations, slices = _count(labels, image, axis)
    end, *sides = (_on_faces(labels, across) for across in (axis, *({0, 1, 2} - {axis})))
    return [
        StructureStatistics(
            one.name,
            one.value,
            int(counts[one.value]),
            float(counts[one.value] * geometry.voxel_volume / 1000),
            float(means[one.value]) if counts[one.value] else None,
            float(deviations[one.value]) if counts[one.value] else None,
            int(slices[one.value]),
            any(bool(side[one.value]) for side in sides),
            bool(end[one.value]),
        )
        for one in structures
    ]


def _count(labels: np.ndarray, image: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Count voxels, mean and SD of the image (float64), and slices for each label value; 0 is ignored.

    Squares are summed around a mean estimated from the first slab: precise even if values are large
    and differ little, and each voxel is read only once.
    """
    counts, sums, squares, middles = np.zeros(256, np.int64), np.zeros(256), np.zeros(256), np.zeros(256)
    places = np.arange(labels.shape[axis]).reshape([-1 if one == axis else 1 for one in range(3)])
    places = np.broadcast_to(places, labels.shape)
    held = np.zeros((256, labels.shape[axis]), bool)
    step = max(1, _SLAB // max(1, labels[0].size))
    for start in range(0, len(labels), step):
        slab = slice(start, start + step)
        inside = labels[slab] > 0
        found, values = labels[slab][inside].astype(np.intp), image[slab][inside]
        new, new_sums = np.bincount(found, minlength=256), np.bincount(found, values, minlength=256)
        first = (counts == 0) & (new > 0)
        middles[first] = new_sums[first] / new[first]
        counts += new
        sums += new_sums
        squares += np.bincount(found, (values - middles[found]) ** 2, minlength=256)
        held[found, places[slab][inside]] = True
    means = sums / np.maximum(counts, 1)
    variances = squares / np.maximum(counts, 1) - (means - middles) ** 2
    return counts, means, np.sqrt(np.maximum(variances, 0)), held.sum(axis=1)


def _on_faces(labels: np.ndarray, axis: int) -> np.ndarray:
    """For each label value, whether it is in the first or last plane across an axis."""
    faces = np.concatenate([labels.take(end, axis).ravel() for end in (0, -1)])
    return np.bincount(faces, minlength=256) > 0
