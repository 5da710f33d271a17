"""Agreement of a segmentation with the reference, structure by structure; a test compares the formulas with MONAI's.

The surface of a structure consists of its voxels with a face neighbor outside (also those at the border of the
volume); distances are measured between voxel centers.

- Dice: 2 |P and T| / (|P| + |T|).
- HD95: greater of the two directed 95th percentiles of surface distance, in mm and in voxels (spacing 1).
- ASSD: mean of all surface distances, both ways pooled, in mm.
- NSD, normalized surface Dice: share of surface voxels, both ways pooled, within the tolerance (Nikolov 2018); for a
  tolerance in mm, and for one voxel (spacing 1).

Two conventions for empty structures are reported side by side:

- Ours, used for headline values. Empty in reference and prediction ("absent"): no value. Empty in one ("missed": in
  the prediction, "spurious": in the reference): Dice 0, both NSD 0 and no distance; such cases are counted next to
  the mean distance.
- The TransUNet family's, only for comparison with published tables. Spurious: Dice 1, HD95 0. Absent or missed: Dice 0,
  HD95 0. Its HD95 is in voxels, the percentile of both directions pooled.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.ndimage import binary_erosion, distance_transform_edt

from ..errors import InputError
from ..measure.masks import bounding_box

if TYPE_CHECKING:
    from ..model import Label

NSD_TOLERANCE_MM = 2.0  # our choice for both models: about one pixel of either training grid
METRICS = ("dice", "hd95_mm", "hd95_voxels", "assd_mm", "nsd", "nsd_voxel", "dice_family", "hd95_family")
OUTCOMES = ("scored", "missed", "spurious", "absent")
Outcome = Literal["scored", "missed", "spurious", "absent"]
_ROUNDING = 1e-6  # in case spacing computed from a header's matrix is not exact


@dataclass(frozen=True)
class StructureScore:
    """Agreement of one structure in one case; `nan` if the empty-structure rule gives no value.

    Args:
        dice, nsd, nsd_voxel: fractions from 0 to 1; the last is the NSD with spacing 1 and a tolerance of 1 voxel.
        hd95_mm, assd_mm: distances in mm.
        hd95_voxels: like `hd95_mm`, with spacing 1.
        dice_family, hd95_family: Dice and HD95 in voxels by the TransUNet family's rule for empty structures.
    """

    value: int
    name: str
    outcome: Outcome
    dice: float
    hd95_mm: float
    hd95_voxels: float
    assd_mm: float
    nsd: float
    nsd_voxel: float
    dice_family: float
    hd95_family: float


def score(
    prediction: np.ndarray,
    truth: np.ndarray,
    spacing: Sequence[float] | np.ndarray,
    labels: Sequence[Label],
    tolerance: float = NSD_TOLERANCE_MM,
) -> list[StructureScore]:
    """Score each structure of one case.

    Args:
        prediction, truth: label values, shape (K, J, I).
        spacing: voxel size in mm along (I, J, K), as in `Geometry.spacing`.
        labels: structures to score; other values count as background.
        tolerance: largest surface distance in mm accepted by the normalized surface Dice.

    Raises:
        InputError: the two arrays differ in shape or are not three-dimensional.
    """
    if prediction.shape != truth.shape or truth.ndim != 3:
        raise InputError(
            f"The prediction is {prediction.shape} and the truth {truth.shape}: both must be labels on one 3-D grid."
        )
    spacing_kji = [float(size) for size in reversed(spacing)]
    return [
        _score_structure(prediction == label.value, truth == label.value, spacing_kji, label, tolerance)
        for label in labels
    ]


def _score_structure(
    prediction: np.ndarray, truth: np.ndarray, spacing: list[float], label: Label, tolerance: float
) -> StructureScore:
    predicted, present = bool(prediction.any()), bool(truth.any())
    if predicted and present:
        box = bounding_box(prediction | truth)  # same result with far fewer voxels
        return _compare(prediction[box], truth[box], spacing, label, tolerance)
    if predicted:
        return _empty(label, "spurious", headline=0.0, family=1.0)
    if present:
        return _empty(label, "missed", headline=0.0, family=0.0)
    return _empty(label, "absent", headline=math.nan, family=0.0)


def _empty(label: Label, outcome: Outcome, headline: float, family: float) -> StructureScore:
    return StructureScore(
        value=label.value,
        name=label.name,
        outcome=outcome,
        dice=headline,
        hd95_mm=math.nan,
        hd95_voxels=math.nan,
        assd_mm=math.nan,
        nsd=headline,
        nsd_voxel=headline,
        dice_family=family,
        hd95_family=0.0,
    )


def _compare(
    prediction: np.ndarray, truth: np.ndarray, spacing: list[float], label: Label, tolerance: float
) -> StructureScore:
    dice = 2 * np.count_nonzero(prediction & truth) / (np.count_nonzero(prediction) + np.count_nonzero(truth))
    mm, voxels = (_surface_distances(prediction, truth, size) for size in (spacing, [1.0, 1.0, 1.0]))
    return StructureScore(
        value=label.value,
        name=label.name,
        outcome="scored",
        dice=dice,
        hd95_mm=_hd95(mm),
        hd95_voxels=_hd95(voxels),
        assd_mm=float(np.concatenate(mm).mean()),
        nsd=_share_within(mm, tolerance),
        nsd_voxel=_share_within(voxels, 1),
        dice_family=dice,
        hd95_family=float(np.percentile(np.concatenate(voxels), 95)),
    )


def _surface_distances(prediction: np.ndarray, truth: np.ndarray, spacing: list[float]) -> list[np.ndarray]:
    """Distances from each surface voxel to the other surface: first the prediction's, then the reference's."""
    surfaces = [mask & ~binary_erosion(mask) for mask in (prediction, truth)]
    return [
        distance_transform_edt(~other, sampling=spacing)[own]
        for own, other in zip(surfaces, reversed(surfaces), strict=True)
    ]


def _hd95(distances: list[np.ndarray]) -> float:
    return float(max(np.percentile(directed, 95) for directed in distances))


def _share_within(distances: list[np.ndarray], tolerance: float) -> float:
    return float((np.concatenate(distances) <= tolerance + _ROUNDING).mean())
