"""How well a segmentation agrees with the truth, structure by structure; the formulas are MONAI's.

Surface of a structure = its voxels that have a face neighbour outside it (also those at the border of the volume);
distances run between voxel centres.

- Dice: 2 |P and T| / (|P| + |T|).
- HD95: greater of the two directed 95th percentiles of surface distance, in mm and in voxels (spacing 1).
- ASSD: mean of all surface distances, both ways pooled, in mm.
- NSD, normalised surface Dice: share of surface voxels, both ways pooled, within the tolerance (Nikolov 2018).

Empty structures follow two rules, side by side:

- Ours, the headline. Empty in truth and prediction ("absent"): no value. Empty in one of them ("missed": in the
  prediction, "spurious": in the truth): Dice 0, NSD 0 and no distance; such cases are counted beside the mean distance.
- The TransUNet family's, only for comparison with published tables. Spurious: Dice 1, HD95 0. Absent or missed: Dice 0,
  HD95 0. Its HD95 is in voxels (and pools both ways before the percentile, so small differences remain).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from ..errors import InputError

if TYPE_CHECKING:
    from ..models import Label

NSD_TOLERANCE_MM = 2.0  # our choice for both models: about one pixel of either training grid
METRICS = ("dice", "hd95_mm", "hd95_voxels", "assd_mm", "nsd", "dice_family", "hd95_family")
OUTCOMES = ("scored", "missed", "spurious", "absent")
Outcome = Literal["scored", "missed", "spurious", "absent"]


@dataclass(frozen=True)
class StructureScore:
    """Agreement of one structure in one case; `nan` where the empty-class rule gives no value.

    Args:
        dice, nsd: fractions from 0 to 1.
        hd95_mm, assd_mm: distances in mm.
        hd95_voxels: the same as `hd95_mm`, for a spacing of 1.
        dice_family, hd95_family: Dice and HD95 in voxels by the TransUNet family's empty-class rule.
    """

    value: int
    name: str
    outcome: Outcome
    dice: float
    hd95_mm: float
    hd95_voxels: float
    assd_mm: float
    nsd: float
    dice_family: float
    hd95_family: float


def score(
    prediction: np.ndarray,
    truth: np.ndarray,
    spacing: Sequence[float],
    labels: Sequence[Label],
    tolerance: float = NSD_TOLERANCE_MM,
) -> list[StructureScore]:
    """Score every structure of one case.

    Args:
        prediction, truth: label values, shape (K, J, I).
        spacing: voxel size in mm along (I, J, K), as `Geometry.spacing` gives it.
        labels: structures to score, by `value` and `name`; other values count as background.
        tolerance: surface distance in mm that the normalised surface Dice still accepts.

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
        return _compare(*_crop(prediction, truth), spacing, label, tolerance)
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
        dice_family=family,
        hd95_family=0.0,
    )


def _crop(prediction: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both masks within the box around their union: the same figures from far fewer voxels."""
    union = prediction | truth
    extents = [np.flatnonzero(union.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    box = tuple(slice(extent[0], extent[-1] + 1) for extent in extents)
    return prediction[box], truth[box]


def _compare(
    prediction: np.ndarray, truth: np.ndarray, spacing: list[float], label: Label, tolerance: float
) -> StructureScore:
    import torch  # seconds to import, as MONAI: only those who score pay for it
    from monai.metrics import (
        compute_average_surface_distance,
        compute_dice,
        compute_hausdorff_distance,
        compute_surface_dice,
    )

    pair = tuple(torch.from_numpy(np.ascontiguousarray(mask))[None, None] for mask in (prediction, truth))
    with warnings.catch_warnings():  # MONAI 1.6 calls itself with an argument that it deprecates
        warnings.filterwarnings("ignore", message=".*always_return_as_numpy", category=FutureWarning)
        dice = compute_dice(*pair, include_background=True).item()
        hd95_voxels = compute_hausdorff_distance(*pair, include_background=True, percentile=95).item()
        hd95_mm = compute_hausdorff_distance(*pair, include_background=True, percentile=95, spacing=spacing).item()
        assd = compute_average_surface_distance(*pair, include_background=True, symmetric=True, spacing=spacing).item()
        nsd = compute_surface_dice(*pair, class_thresholds=[tolerance], include_background=True, spacing=spacing).item()
    return StructureScore(
        value=label.value,
        name=label.name,
        outcome="scored",
        dice=dice,
        hd95_mm=hd95_mm,
        hd95_voxels=hd95_voxels,
        assd_mm=assd,
        nsd=nsd,
        dice_family=dice,
        hd95_family=hd95_voxels,
    )
