"""Confidence of the network in structures and slices, and the slices to review first."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..messages import Sentence as _
from ..model import Label
from ..notices import Notice

FLAGGED = 0.1  # share of a volume's slices to review, worst first
_LEAST_WRONG = 1.0  # expected wrong voxels; slices with fewer need no review
_SPLIT = 0.25  # share of the expected errors: if missing or surplus voxels are fewer, only the other kind is reported


@dataclass(frozen=True, eq=False)
class Confidence:
    """Summary of the network's probabilities for its labels, slice by slice.

    Probabilities come from scores divided by the model's temperature: at the volume's own resolution near borders and
    where the network is uncertain, at the model's elsewhere. Labels are those before any clean-up: a part that the
    clean-up removes is also a reason to review a slice.

    Args:
        axis: array axis across the slices of the stored volume (K, J, I).
        voxels: int64 (slices, classes), voxels labeled as each class, background first; slices in stored order.
        sure: float64 (slices, classes), sum of the class's probability over these voxels.
        expected: float64 (slices, classes), sum of the class's probability over all voxels of the slice.
    """

    axis: int
    voxels: np.ndarray
    sure: np.ndarray
    expected: np.ndarray

    @classmethod
    def unknown(cls) -> "Confidence":
        """Create an empty summary, for unknown confidence."""
        return cls(0, np.zeros((0, 1), np.int64), np.zeros((0, 1)), np.zeros((0, 1)))

    @property
    def structures(self) -> dict[int, float]:
        """Mean probability of each class over its voxels, by label value; without background and empty classes."""
        voxels, sure = self.voxels.sum(axis=0), self.sure.sum(axis=0)
        return {int(value): float(sure[value] / voxels[value]) for value in np.flatnonzero(voxels) if value}

    @property
    def surplus(self) -> np.ndarray:
        """(slices, classes), expected number of voxels that have the label but belong to another class."""
        return np.maximum(self.voxels - self.sure, 0)

    @property
    def missing(self) -> np.ndarray:
        """(slices, classes), expected number of voxels of the class that have another label."""
        return np.maximum(self.expected - self.sure, 0)

    @property
    def scores(self) -> np.ndarray:
        """(slices,), expected number of wrong labels: the sum of 1 - p of the winning class."""
        return self.surplus.sum(axis=1)


def slices_to_review(confidence: Confidence, labels: Sequence[Label], share: float = FLAGGED) -> list[Notice]:
    """Return notices about the slices with the highest `Confidence.scores`, worst first.

    Each names the structure with the most expected errors in the slice.

    Args:
        confidence: of a run.
        labels: structures of the model.
        share: of the volume's slices, in [0, 1], rounded up; slices with less than one expected error are omitted.
    """
    return [replace(one, frame=None) for one in frames_to_review([confidence], labels, share)]


def frames_to_review(
    confidences: Sequence[Confidence], labels: Sequence[Label], share: float = FLAGGED
) -> list[Notice]:
    """Like `slices_to_review`, over all frames of a cine; each notice has its frame.

    Args:
        confidences: one for each frame.
        labels: structures of the model.
        share: of the slices of all frames.
    """
    scores = np.array([confidence.scores for confidence in confidences])
    found = []
    for place in worst(scores.ravel(), share).tolist():
        frame, index = divmod(place, scores.shape[1])
        if scores[frame, index] < _LEAST_WRONG:
            break
        found.append(_notice(confidences[frame], frame, index, labels))
    return found


def _notice(confidence: Confidence, frame: int, index: int, labels: Sequence[Label]) -> Notice:
    surplus, missing = confidence.surplus[index], confidence.missing[index]
    label = max(labels, key=lambda one: surplus[one.value] + missing[one.value])
    reason = _reason(label.name, *(of_class[label.value] for of_class in (confidence.voxels[index], surplus, missing)))
    return Notice(
        "review", reason, label.name, index, confidence.axis, frame, expected_errors=float(confidence.scores[index])
    )


def worst(scores: np.ndarray, share: float) -> np.ndarray:
    """Indices of the highest scores in descending order, a share of all rounded up; ties keep their order."""
    return np.argsort(-np.asarray(scores), kind="stable")[: int(np.ceil(share * len(scores) - 1e-9))]


def errors_held(scores: np.ndarray, errors: np.ndarray, share: float = FLAGGED) -> float:
    """Share of all errors that lies in the slices with the highest scores; nan if there are no errors.

    Args:
        scores, errors: (slices,); ``errors`` counts wrongly labeled voxels.
        share: of the slices to review.
    """
    total = float(np.sum(errors))
    return float(np.sum(np.asarray(errors)[worst(scores, share)])) / total if total else float("nan")


@dataclass(frozen=True)
class Bin:
    """Voxels whose winning probability is in [low, high) (last bin: up to and including 1).

    Args:
        low, high: edges.
        voxels: number of voxels; if 0, the other two values are nan.
        confidence: mean of their winning probability.
        right: share of voxels whose label is correct.
    """

    low: float
    high: float
    voxels: int
    confidence: float
    right: float


def reliability(confidence: np.ndarray, right: np.ndarray, bins: int = 10) -> list[Bin]:
    """Reliability curve: how often labels predicted with probability p are correct.

    Args:
        confidence: (N,), probability of the winning class, in [0, 1].
        right: (N,), whether the label is correct.
        bins: number of bins of equal width over [0, 1].

    Source: Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks, ICML 2017.
    """
    place = np.minimum((np.asarray(confidence) * bins).astype(np.intp), bins - 1)
    voxels = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        means = np.bincount(place, confidence, minlength=bins) / voxels
        rights = np.bincount(place, right, minlength=bins) / voxels
    edges = np.arange(bins + 1) / bins
    return [
        Bin(float(low), float(high), int(count), float(mean), float(share))
        for low, high, count, mean, share in zip(edges, edges[1:], voxels, means, rights, strict=False)
    ]


def calibration_error(curve: Sequence[Bin]) -> float:
    """Expected calibration error: mean difference of confidence and share of correct labels, weighted by voxels."""
    held = [one for one in curve if one.voxels]
    return sum(one.voxels * abs(one.confidence - one.right) for one in held) / sum(one.voxels for one in held)


def _reason(name: str, voxels: int, surplus: float, missing: float) -> str:
    total = surplus + missing
    if not voxels:
        return _(
            "{name}: not labeled in this slice, but about {missing:.0f} voxels may belong to it.",
            name=name,
            missing=missing,
        )
    if missing < _SPLIT * total:
        return _(
            "{name}: about {count:.0f} voxels may be wrong, mostly over-segmentation ({voxels} labeled).",
            count=total,
            name=name,
            voxels=voxels,
        )
    if surplus < _SPLIT * total:
        return _(
            "{name}: about {count:.0f} voxels may be wrong, mostly under-segmentation ({voxels} labeled).",
            count=total,
            name=name,
            voxels=voxels,
        )
    return _("{name}: about {count:.0f} voxels may be wrong ({voxels} labeled).", count=total, name=name, voxels=voxels)
