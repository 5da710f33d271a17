"""What a run keeps from the scores of each slice: labels, probabilities and margins; and the clean-up of labels."""

import numpy as np
import torch
from torch import Tensor

from ..measure import Confidence
from ..model import MYOCARDIUM, Model, label_of
from ..model.orientation import Orientation
from ..notices import Notice
from .basal_slices import Emptied, beyond_base, notices
from .class_margins import MOST, Margins
from .cleanup import clean_up
from .parameters import Resolved
from .resampling import MIXED, NativePixels, native_pixels, to_native_grid

_CERTAIN = 0.9  # probability above which a class is certain enough to win between pixels of the same class, too


class Labels:
    """Labels of all frames of a cine (a single volume counts as one frame), filled slice by slice in the model's axes.

    Args:
        model, parameters: of the run.
        orient: maps the stored axes to the model's.
        frames: number of frames.
        shape: (K, J, I) of one frame as stored.
    """

    def __init__(
        self, model: Model, parameters: Resolved, orient: Orientation, frames: int, shape: tuple[int, int, int]
    ) -> None:
        self._model = model
        self._orient = orient
        # stored like the input, filled through a view in the model's axes
        self.labels = np.zeros((frames, *shape), np.uint8)
        self._oriented = [orient.to_model(labels) for labels in self.labels]
        slices = len(self._oriented[0])
        # per frame, slice and class: voxels labeled so, their summed probability, and that of all voxels
        self._sums = np.zeros((frames, slices, 3, model.network.classes))
        self.removed: list[dict[int, int]] = [{} for _ in range(frames)]
        self._emptied: list[list[Emptied]] = [[] for _ in range(frames)]
        self.confidence_map = np.zeros(shape, np.uint8) if parameters.confidence else None
        self.margins = [Margins.empty(shape) for _ in range(frames) if parameters.margins]

    def take(self, place: tuple[int, int], scores: Tensor) -> None:
        """Add the scores (1, classes, *size) of one slice; ``place`` is (frame, index).

        Only pixels near a border between structures are interpolated. Elsewhere, labels and probabilities are taken
        from the model's grid, unless a map of all voxels was requested.
        """
        frame, index = place
        shape: tuple[int, int] = self._oriented[frame].shape[1:]
        self._sums[frame, index] = 0  # after memory ran out, a slice comes again
        if self.confidence_map is not None or self.margins:
            self._take_all(frame, index, to_native_grid(scores, shape)[0])
        else:
            self._take_most(frame, index, scores[0], native_pixels(tuple(scores.shape[2:]), shape))

    def _take_most(self, frame: int, index: int, scores: Tensor, pixels: NativePixels) -> None:
        """Add a slice with scores (classes, h, w) of the model's grid; only its mixed pixels are interpolated."""
        planes = scores.clone(memory_format=torch.contiguous_format)
        highest, won = winners(planes)
        confidence = self._soften(planes, highest)
        certain = won if pixels.same else won.masked_fill(confidence < _CERTAIN, MIXED)
        labels = pixels.spread(certain.cpu().numpy())
        mixed = np.flatnonzero(labels == MIXED)
        counts = pixels.counts(mixed)
        self._add(frame, index, won.cpu().numpy(), confidence, planes, counts)
        if mixed.size:
            between = pixels.interpolate(scores, mixed)
            highest, won = winners(between)
            labels.reshape(-1)[mixed] = found = won.cpu().numpy()
            confidence = self._soften(between, highest)
            self._add(frame, index, found, confidence, between)
        self._oriented[frame][index] = labels

    def _take_all(self, frame: int, index: int, native: Tensor) -> None:
        """Add a slice with scores (classes, rows, columns) of the native grid."""
        highest, won = winners(native)
        if self.margins:
            for target, values in zip(self.margins[frame].fields, _margins(native, won.long()), strict=True):
                self._orient.to_model(target)[index] = values.to(torch.uint8).cpu().numpy()
        labels = won.cpu().numpy()
        self._oriented[frame][index] = labels
        confidence = self._soften(native, highest)
        self._add(frame, index, labels, confidence, native)
        if self.confidence_map is not None:
            self._orient.to_model(self.confidence_map)[index] = np.rint(100 * confidence.cpu().numpy())

    def _soften(self, scores: Tensor, highest: Tensor) -> Tensor:
        """Probability of the most probable class, (...), of ``scores`` (classes, ...).

        ``scores`` are overwritten by probabilities relative to that class. ``highest``: (...), the largest scores. The
        scores are divided by the model's temperature, which does not change the largest.
        """
        # in-place softmax: on a CPU, allocating memory for every slice takes longer than the sums
        scores -= highest
        scores /= self._model.temperature
        scores.exp_()  # 1 for the largest
        return 1 / scores.sum(dim=0)

    def _add(
        self, frame: int, index: int, labels: np.ndarray, confidence: Tensor, relative: Tensor,
        counts: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        """Add pixels to the sums of a slice.

        Args:
            labels, confidence: labels and their probabilities, (...).
            relative: as `_soften` leaves the scores, (classes, ...).
            counts: how often each pixel counts, flat; None: once.
        """
        labels, classes = labels.reshape(-1), len(relative)
        weights = confidence.flatten()
        if counts is not None:
            weights = weights * torch.from_numpy(counts).to(weights)
        voxels, sure = (_by_label(labels, values, classes) for values in (counts, weights.cpu().numpy()))
        self._sums[frame, index] += [voxels, sure, (relative.flatten(1) @ weights).cpu().numpy()]

    def clean(self) -> None:
        """Apply the manifest's clean-up steps to ``labels``; `notices` and ``removed`` report what was removed."""
        if not self._model.cleanup:
            return
        for frame, oriented in enumerate(self._oriented):
            if "doubtful_base" in self._model.cleanup and (wall := label_of(self._model, MYOCARDIUM)):
                self._emptied[frame] = self._empty_base(frame, wall.value)
            removed = clean_up(oriented, self._model)
            self.removed[frame] = {label.value: int(removed[label.value]) for label in self._model.labels}

    def _empty_base(self, frame: int, wall: int) -> list[Emptied]:
        """Remove labels from slices of a frame that seem to lie beyond the base; ``wall`` is the myocardium's value."""
        labels, (voxels, sure) = self._oriented[frame], self._sums[frame, :, :2, wall].T
        voxel_ml = np.prod(self._orient.spacing) / 1000
        emptied = []
        for index in beyond_base(labels, sure / np.maximum(voxels, 1)):
            stored = len(labels) - 1 - index if self._orient.flipped[0] else index
            emptied.append(Emptied(stored, float(np.count_nonzero(labels[index]) * voxel_ml)))
            labels[index] = 0
        return emptied

    def notices(self) -> tuple[Notice, ...]:
        """Notices about basal slices whose labels were removed."""
        return notices(self._emptied, self._orient.order[0])

    def confidence(self, frame: int) -> Confidence:
        """Confidence in the labels of a frame, with slices in the order of the input."""
        sums = self._sums[frame, :: -1 if self._orient.flipped[0] else 1]
        return Confidence(self._orient.order[0], sums[:, 0].astype(np.int64), sums[:, 1], sums[:, 2])


def _by_label(labels: np.ndarray, values: np.ndarray | None, classes: int) -> np.ndarray:
    """Sum values (n,) by label (n,) -> (classes,) float64; None: count. Most pixels are background, the remainder."""
    structures = np.flatnonzero(labels)
    total = len(labels) if values is None else values.sum(dtype=np.float64)
    found = np.bincount(labels[structures], None if values is None else values[structures], classes)
    return np.array([total - found.sum(), *found[1:]], np.float64)


def winners(scores: Tensor) -> tuple[Tensor, Tensor]:
    """Return each pixel's largest score and its class, both (...), the class as uint8; the first class wins a tie.

    Same as ``scores.max(dim=0)`` for ``scores`` (classes, ...), in less than half the time on a CPU: it compares whole
    planes and does not track indices.
    """
    highest, last = scores.amax(dim=0), len(scores) - 1
    before_last = torch.arange(last, -1, -1, dtype=torch.uint8, device=scores.device)
    before_last = before_last.reshape(-1, *[1] * highest.ndim)
    return highest, last - ((scores == highest) * before_last).amax(dim=0)


def _margins(logits: Tensor, won: Tensor) -> tuple[Tensor, ...]:
    """Fields of `Margins`, (H, W) each, from scores (classes, H, W) and the class of the largest score (H, W)."""
    highest, others = logits.gather(0, won[None])[0], logits.scatter(0, won[None], -torch.inf)
    second, runner_up = others.max(dim=0)
    third = others.scatter_(0, runner_up[None], -torch.inf).amax(dim=0)  # minus infinity if there are only two classes
    near, far = (((highest - one).clamp_(max=MOST) / MOST).sqrt_().mul_(255).round_() for one in (second, third))
    return won, runner_up, near, far
