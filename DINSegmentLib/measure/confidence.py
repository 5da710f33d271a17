"""The confidence of a network: in each structure, in each slice, and which slices to review first."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..messages import Sentence as _
from ..model import Label
from ..notices import Notice

FLAGGED = 0.1  # of a volume's slices that are worth a look, the worst first
_LEAST_WRONG = 1.0  # voxels that are expected to be wrong; with fewer a slice needs no look
_SPLIT = 0.25  # of the expected error: where less of it is missing or too much, only the other kind is reported


@dataclass(frozen=True, eq=False)
class Confidence:
    """What a network's probabilities say about its labels, summed up slice by slice.

    Probabilities are those of the scores divided by the model's temperature, at the volume's own resolution; labels are
    the network's, before any clean-up: a part that the clean-up removes is a reason to review a slice, too.

    Args:
        axis: array axis of the stored volume (K, J, I) across the slices.
        voxels: int64 (slices, classes), how many got the class, background first; in the stored order of the slices.
        sure: float64 (slices, classes), over these voxels the sum of the probability of their class.
        expected: float64 (slices, classes), over all voxels of the slice the sum of the probability of the class.
    """

    axis: int
    voxels: np.ndarray
    sure: np.ndarray
    expected: np.ndarray

    @classmethod
    def unknown(cls) -> "Confidence":
        """Of no slice at all: nothing is known."""
        return cls(0, np.zeros((0, 1), np.int64), np.zeros((0, 1)), np.zeros((0, 1)))

    @property
    def structures(self) -> dict[int, float]:
        """By label value, mean probability of the class over its voxels; of those that have one."""
        voxels, sure = self.voxels.sum(axis=0), self.sure.sum(axis=0)
        return {int(value): float(sure[value] / voxels[value]) for value in np.flatnonzero(voxels) if value}

    @property
    def surplus(self) -> np.ndarray:
        """(slices, classes), how many of the voxels with the class are expected to be of another."""
        return np.maximum(self.voxels - self.sure, 0)

    @property
    def missing(self) -> np.ndarray:
        """(slices, classes), how many voxels of the class are expected to have got another."""
        return np.maximum(self.expected - self.sure, 0)

    @property
    def scores(self) -> np.ndarray:
        """(slices,), how many voxels are expected to have a wrong label: the sum of 1 - p of the winning class."""
        return self.surplus.sum(axis=1)


def slices_to_review(confidence: Confidence, labels: Sequence[Label], share: float = FLAGGED) -> list[Notice]:
    """Notices of the worst slices of a volume, the worst first: those with the highest `Confidence.scores`.

    Each names the structure that is most uncertain there.

    Args:
        confidence: of a run.
        labels: structures of its model.
        share: of the volume's slices, in [0, 1], rounded up; slices with less than one expected error are left out.
    """
    return [replace(one, frame=None) for one in frames_to_review([confidence], labels, share)]


def frames_to_review(
    confidences: Sequence[Confidence], labels: Sequence[Label], share: float = FLAGGED
) -> list[Notice]:
    """As `slices_to_review` of a cine: the worst slices of all its frames, each with its frame.

    Args:
        confidences: of every frame.
        labels: structures of the model.
        share: of the slices of all frames together.
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
    """Indices of the highest scores, a share of all of them rounded up, the highest first; of equal ones the first."""
    return np.argsort(-np.asarray(scores), kind="stable")[: int(np.ceil(share * len(scores) - 1e-9))]


def errors_held(scores: np.ndarray, errors: np.ndarray, share: float = FLAGGED) -> float:
    """Which share of all errors lies in the slices with the highest scores; nan where there are no errors.

    Args:
        scores, errors: (slices,); ``errors`` counts the voxels whose label is wrong.
        share: of the slices that are reviewed.
    """
    total = float(np.sum(errors))
    return float(np.sum(np.asarray(errors)[worst(scores, share)])) / total if total else float("nan")


@dataclass(frozen=True)
class Bin:
    """Voxels whose winning probability lies in [low, high[ (the last bin: up to 1).

    Args:
        low, high: edges.
        voxels: how many; 0 leaves the other two nan.
        confidence: mean of their winning probability.
        right: share whose label is right.
    """

    low: float
    high: float
    voxels: int
    confidence: float
    right: float


def reliability(confidence: np.ndarray, right: np.ndarray, bins: int = 10) -> list[Bin]:
    """The reliability curve: whether labels given with probability p are right in a share p of cases.

    Args:
        confidence: (N,), probability of the winning class, in [0, 1].
        right: (N,), whether it is the true one.
        bins: of equal width over [0, 1].

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
    """Expected calibration error: mean distance of confidence and share of right labels, by voxels."""
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
