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
from .resampling import Window, to_native_grid, undecided

_PLAIN = 6.0  # lead of the background's calibrated score where no voxel needs a check: at least 98% probability


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

        Most of a slice is plainly background. There, labels stay 0 without a check of each voxel, and probabilities are
        summed on the model's grid, unless a map of all voxels was requested.
        """
        frame, index = place
        oriented, window = self._oriented[frame], None
        self._sums[frame, index] = 0  # after memory ran out, a slice comes again
        shape: tuple[int, int] = oriented.shape[1:]
        if self.confidence_map is None and not self.margins:
            window, highest, counts = undecided(scores[0], shape, _PLAIN * self._model.temperature)
            totals = self._calibrated(scores[0].clone(), highest, counts)[1].cpu().numpy()
            self._sums[frame, index, :, 0] += float(counts.sum()), totals[0], 0
            self._sums[frame, index, 2] += totals
        native = to_native_grid(scores, shape, window)[0]
        if native.numel():
            self._take(frame, index, window or (slice(None), slice(None)), native)

    def _take(self, frame: int, index: int, window: Window, native: Tensor) -> None:
        """Add a window of a slice, with scores (classes, *window)."""
        highest, won = winners(native)
        if self.margins:
            for target, values in zip(self.margins[frame].fields, _margins(native, won.long()), strict=True):
                self._orient.to_model(target)[index] = values.to(torch.uint8).cpu().numpy()
        labels = won.cpu().numpy()
        self._oriented[frame][index][window] = labels
        confidence, totals = (x.cpu().numpy() for x in self._calibrated(native, highest))
        self._sums[frame, index] += [
            np.bincount(labels.ravel(), minlength=len(native)),
            np.bincount(labels.ravel(), confidence.ravel(), minlength=len(native)),
            totals,
        ]
        if self.confidence_map is not None:
            self._orient.to_model(self.confidence_map)[index] = np.rint(100 * confidence)

    def _calibrated(self, scores: Tensor, highest: Tensor, counts: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Probability of each pixel's label (H, W), and of each class summed over all pixels (classes,).

        ``scores``: (classes, H, W), overwritten; ``highest``: (H, W), the largest score of each pixel; ``counts``:
        (H, W), how often each pixel counts in the sums, once by default. The scores are divided by the model's
        temperature, which does not change the largest.
        """
        # in-place softmax: on a CPU, allocating memory for every slice takes longer than the sums
        scores -= highest
        scores /= self._model.temperature
        scores.exp_()  # 1 for the largest
        confidence = 1 / scores.sum(dim=0)
        return confidence, scores.flatten(1) @ (confidence if counts is None else confidence * counts).flatten()

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


def winners(scores: Tensor) -> tuple[Tensor, Tensor]:
    """Return each pixel's largest score and its class, both (H, W), the class as uint8; the first class wins a tie.

    Same as ``scores.max(dim=0)`` for ``scores`` (classes, H, W), in less than half the time on a CPU: it compares whole
    planes and does not track indices.
    """
    highest, last = scores.amax(dim=0), len(scores) - 1
    before_last = torch.arange(last, -1, -1, dtype=torch.uint8, device=scores.device)[:, None, None]
    return highest, last - ((scores == highest) * before_last).amax(dim=0)


def _margins(logits: Tensor, won: Tensor) -> tuple[Tensor, ...]:
    """Fields of `Margins`, (H, W) each, from scores (classes, H, W) and the class of the largest score (H, W)."""
    highest, others = logits.gather(0, won[None])[0], logits.scatter(0, won[None], -torch.inf)
    second, runner_up = others.max(dim=0)
    third = others.scatter_(0, runner_up[None], -torch.inf).amax(dim=0)  # minus infinity if there are only two classes
    near, far = (((highest - one).clamp_(max=MOST) / MOST).sqrt_().mul_(255).round_() for one in (second, third))
    return won, runner_up, near, far
