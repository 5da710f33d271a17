"""Calibration of a model's probabilities: temperature, reliability curve, and where its errors are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from ..engine.parameters import Parameters
from ..engine.resampling import to_native_grid
from ..engine.results import Result
from ..engine.segmenter import Run, Segmenter
from ..measure import dice
from ..measure.confidence import Bin, calibration_error, errors_held
from ..tabular import csv_text
from .cases import Case
from .figures import new_figure, png

SLICES_STEP, VOXELS_STEP = 4, 29  # the temperature is fitted on every 29th voxel of every fourth slice
_RANGE = 0.25, 4.0  # range of temperatures
_STEPS = 30  # of the golden-section search: to 1e-6 of the range
SHARES = (0.05, 0.1, 0.2, 0.3, 0.5)


@dataclass(frozen=True)
class SliceErrors:
    """A slice of a case: expected and actual number of wrong voxels; labels after the clean-up."""

    case: str
    slice: int
    expected: float
    wrong: int


@dataclass(frozen=True)
class StructureScore:
    """A structure of a case: mean probability of its voxels, share removed by the clean-up, and Dice (nan if none)."""

    case: str
    structure: str
    confidence: float
    removed: float
    dice: float


def sample(segmenter: Segmenter, case: Case, parameters: Parameters) -> tuple[torch.Tensor, torch.Tensor]:
    """Sample scores (N, classes) float32 and reference classes (N,) of voxels across a case."""
    run = Run(segmenter, [case.image], case.geometry, parameters.resolved(segmenter.model))
    run.places = run.places[SLICES_STEP // 2 :: SLICES_STEP] or run.places
    truth = run.orient.to_model(case.label)
    taken: list[tuple[torch.Tensor, torch.Tensor]] = []

    def take(place: tuple[int, int], scores: torch.Tensor) -> None:
        _frame, index = place
        native = to_native_grid(scores, truth.shape[1:])[0]
        seen = torch.from_numpy(truth[index].ravel()[::VOXELS_STEP]).long()
        taken.append((native.flatten(1)[:, ::VOXELS_STEP].T.cpu(), seen))

    run.over_slices(segmenter.scores, take)
    return join(taken)


def join(samples: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Concatenate the samples of several slices or cases."""
    scores, truth = (torch.cat(parts) for parts in zip(*samples, strict=True))
    return scores, truth


def fit_temperature(scores: torch.Tensor, truth: torch.Tensor) -> float:
    """Fit the temperature with the highest likelihood: the smallest mean of -log softmax(scores / T)[truth].

    Args:
        scores: (N, classes); truth: (N,).

    The loss is convex in 1 / T, so a golden-section search finds its minimum. Source: Guo, Pleiss, Sun,
    Weinberger: On Calibration of Modern Neural Networks, ICML 2017.
    """
    golden = (5**0.5 - 1) / 2
    low, high = 1 / _RANGE[1], 1 / _RANGE[0]
    for _ in range(_STEPS):
        left, right = high - golden * (high - low), low + golden * (high - low)
        if F.cross_entropy(scores * left, truth) < F.cross_entropy(scores * right, truth):
            high = right
        else:
            low = left
    return 2 / (low + high)


def winners(scores: torch.Tensor, truth: torch.Tensor, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """Return each voxel's probability of the winning class, and whether it is correct; both (N,)."""
    confidence, won = (scores / temperature).softmax(dim=1).max(dim=1)
    return confidence.numpy(), (won == truth).numpy()


def slice_errors(case: Case, result: Result) -> list[SliceErrors]:
    """Count expected and actual wrong voxels in each slice of a case."""
    confidence = result.confidence
    across = tuple({0, 1, 2} - {confidence.axis})
    wrong = np.count_nonzero(result.labels != case.label, axis=across)
    return [
        SliceErrors(case.name, index, float(expected), int(count))
        for index, (expected, count) in enumerate(zip(confidence.scores, wrong, strict=True))
    ]


def structure_scores(case: Case, result: Result) -> list[StructureScore]:
    """Return a score for each structure of a case that has voxels before the clean-up."""
    sure = result.confidence.structures
    found = result.confidence.voxels.sum(axis=0)
    return [
        StructureScore(
            case.name,
            label.name,
            sure[label.value],
            result.removed.get(label.value, 0) / int(found[label.value]),
            dice(result.labels == label.value, case.label == label.value),
        )  # fmt: skip
        for label in result.model.labels
        if label.value in sure
    ]


def held(slices: Iterable[SliceErrors], share: float) -> tuple[float, float]:
    """Share of all wrong voxels in the worst slices of all cases: ranked by score, and by the errors themselves."""
    expected, wrong = (np.array(values) for values in zip(*((one.expected, one.wrong) for one in slices), strict=True))
    return errors_held(expected, wrong, share), errors_held(wrong, wrong, share)


def picture(before: Sequence[Bin], after: Sequence[Bin], slices: Sequence[SliceErrors], temperature: float) -> bytes:
    """PNG: the reliability curve before and after calibration, and the share of errors in the worst slices."""
    figure = new_figure(10, 4.6)
    left, right = figure.subplots(1, 2)
    left.plot([0, 1], [0, 1], color="0.6", linestyle="dashed")
    for curve, name in ((before, "temperature 1"), (after, f"temperature {temperature:.2f}")):
        seen = [one for one in curve if one.voxels]
        label = f"{name}: error {calibration_error(curve):.4f}"
        left.plot([one.confidence for one in seen], [one.right for one in seen], marker="o", label=label)
    left.set(title="Reliability", xlabel="probability of the label", ylabel="fraction of correct labels")
    shares = np.linspace(0, 1, 101)
    right.plot(100 * shares, [100 * held(slices, share)[0] for share in shares], label="ranked by score")
    right.plot(100 * shares, [100 * held(slices, share)[1] for share in shares], color="0.6", label="ranked by errors")
    right.set(title="Errors in the worst slices", xlabel="slices reviewed, %", ylabel="wrong voxels found, %")
    for axes in (left, right):
        axes.legend(fontsize=8)
        axes.grid(alpha=0.3)
    return png(figure)


def slices_csv(slices: Iterable[SliceErrors]) -> str:
    """Return CSV with a row for each slice."""
    rows = ((one.case, one.slice, f"{one.expected:.2f}", one.wrong) for one in slices)
    return csv_text(("case", "slice", "expected_wrong", "wrong"), rows)


def structures_csv(structures: Iterable[StructureScore]) -> str:
    """Return CSV with a row for each structure of each case."""
    rows = (
        (one.case, one.structure, *(f"{value:.4f}" for value in (one.confidence, one.removed, one.dice)))
        for one in structures
    )
    return csv_text(("case", "structure", "confidence", "removed", "dice"), rows)


def reliability_csv(before: Sequence[Bin], after: Sequence[Bin]) -> str:
    """Return CSV with a row for each bin, before and after calibration."""
    rows = (
        (name, f"{one.low:g}", f"{one.high:g}", one.voxels, f"{one.confidence:.6g}", f"{one.right:.6g}")
        for name, curve in (("before", before), ("after", after))
        for one in curve
    )
    return csv_text(("temperature", "low", "high", "voxels", "confidence", "right"), rows)
