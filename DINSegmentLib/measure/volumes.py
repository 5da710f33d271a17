"""How large every structure is, and how bright."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..geometry import Geometry
from ..models import Label

_SLAB = 1 << 20  # voxels; bounds the memory for counting


@dataclass(frozen=True)
class StructureStatistics:
    """Figures of one structure.

    Args:
        name, value: of its label.
        voxels: how many have the label.
        volume_ml: their volume in millilitres.
        mean: of the image over them; None where there are none.
    """

    name: str
    value: int
    voxels: int
    volume_ml: float
    mean: float | None


def statistics(
    labels: np.ndarray, image: np.ndarray, geometry: Geometry, structures: Sequence[Label]
) -> list[StructureStatistics]:
    """Size and mean intensity of every structure, in the order given.

    Args:
        labels: (K, J, I), uint8; values that belong to no structure are not counted.
        image: (K, J, I), any real type; the volume as it was loaded.
        geometry: their common grid; a sheared one gives right volumes, too.
        structures: the labels of a model.

    Raises:
        ValueError: labels, image and geometry do not have one shape.
    """
    if not labels.shape == image.shape == geometry.shape:
        raise ValueError(f"labels {labels.shape}, image {image.shape} and geometry {geometry.shape} differ in shape")
    counts, sums = _counts_and_sums(labels, image)
    return [
        StructureStatistics(
            one.name,
            one.value,
            int(counts[one.value]),
            float(counts[one.value] * geometry.voxel_volume / 1000),
            float(sums[one.value] / counts[one.value]) if counts[one.value] else None,
        )
        for one in structures
    ]


def _counts_and_sums(labels: np.ndarray, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Voxels of every label value, and the sum of the image over them in float64; 0, the background, is left out."""
    counts, sums = np.zeros(256, np.int64), np.zeros(256)
    step = max(1, _SLAB // max(1, labels[0].size))
    for start in range(0, len(labels), step):
        slab, values = labels[start : start + step], image[start : start + step]
        inside = slab > 0
        found = slab[inside]
        counts += np.bincount(found, minlength=256)
        sums += np.bincount(found, values[inside], minlength=256)
    return counts, sums
