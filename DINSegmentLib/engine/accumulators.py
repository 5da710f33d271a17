"""What a run keeps of the scores of its slices: labels, their probabilities and margins; and the labels' clean-up."""

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
from .resampling import to_native_grid


class Labels:
    """Labels of the frames of a cine, or of a volume, which is one; filled slice by slice in the model's axes.

    Args:
        model, parameters: of the run.
        orient: from the stored axes to the model's.
        frames: how many.
        shape: (K, J, I) of one, as it is stored.
    """

    def __init__(
        self, model: Model, parameters: Resolved, orient: Orientation, frames: int, shape: tuple[int, int, int]
    ) -> None:
        self._model = model
        self._orient = orient
        # results are stored like the input and filled through a view in the model's axes
        self.labels = np.zeros((frames, *shape), np.uint8)
        self._oriented = [orient.to_model(labels) for labels in self.labels]
        slices = len(self._oriented[0])
        # by frame, slice and class: voxels with the class, their summed probability of it, and that of all voxels
        self._sums = np.zeros((frames, slices, 3, model.network.classes))
        self.removed: list[dict[int, int]] = [{} for _ in range(frames)]
        self._emptied: list[list[Emptied]] = [[] for _ in range(frames)]
        self.confidence_map = np.zeros(shape, np.uint8) if parameters.confidence else None
        self.margins = [Margins.empty(shape) for _ in range(frames) if parameters.margins]

    def take(self, place: tuple[int, int], scores: Tensor) -> None:
        """Keep the result of a slice, given as (frame, index); scores (1, classes, *size)."""
        frame, index = place
        oriented = self._oriented[frame]
        native = to_native_grid(scores, oriented.shape[1:])[0]
        highest, won = winners(native)
        if self.margins:
            for target, values in zip(self.margins[frame].fields, _margins(native, won.long()), strict=True):
                self._orient.to_model(target)[index] = values.to(torch.uint8).cpu().numpy()
        labels = won.cpu().numpy()
        oriented[index] = labels
        confidence, totals = (x.cpu().numpy() for x in self._calibrated(native, highest))
        self._sums[frame, index] = [
            np.bincount(labels.ravel(), minlength=len(native)),
            np.bincount(labels.ravel(), confidence.ravel(), minlength=len(native)),
            totals,
        ]
        if self.confidence_map is not None:
            self._orient.to_model(self.confidence_map)[index] = np.rint(100 * confidence)

    def _calibrated(self, native: Tensor, highest: Tensor) -> tuple[Tensor, Tensor]:
        """Probability of each pixel's label (H, W), and of every class summed over the pixels (classes,).

        ``native`` are scores (classes, H, W), which are overwritten, ``highest`` (H, W) the largest of each pixel.
        The model's temperature divides them and changes no winner.
        """
        # softmax by hand, in place: on a CPU, new memory for every slice costs more than the sums
        native -= highest
        native /= self._model.temperature
        native.exp_()  # 1 for the winner
        confidence = 1 / native.sum(dim=0)
        return confidence, native.flatten(1) @ confidence.flatten()

    def clean(self) -> None:
        """Remove from ``labels`` what the model's manifest asks for; `notices` and ``removed`` report it."""
        if not self._model.cleanup:
            return
        for frame, (labels, oriented) in enumerate(zip(self.labels, self._oriented, strict=True)):
            if "doubtful_base" in self._model.cleanup and (wall := label_of(self._model, MYOCARDIUM)):
                self._emptied[frame] = self._empty_base(frame, wall.value)
            cleaned = clean_up(oriented, self._model)
            lost = np.bincount(oriented[cleaned != oriented], minlength=len(self._model.labels) + 1)
            self.removed[frame] = {label.value: int(lost[label.value]) for label in self._model.labels}
            labels[...] = self._orient.to_stored(cleaned)

    def _empty_base(self, frame: int, wall: int) -> list[Emptied]:
        """Empty the slices of a frame's labels that seem to lie beyond the heart's base; ``wall`` is the myocardium."""
        labels, (voxels, sure) = self._oriented[frame], self._sums[frame, :, :2, wall].T
        voxel_ml = np.prod(self._orient.spacing) / 1000
        emptied = []
        for index in beyond_base(labels, sure / np.maximum(voxels, 1)):
            stored = len(labels) - 1 - index if self._orient.flipped[0] else index
            emptied.append(Emptied(stored, float(np.count_nonzero(labels[index]) * voxel_ml)))
            labels[index] = 0
        return emptied

    def notices(self) -> tuple[Notice, ...]:
        """What the clean-up removed at the base."""
        return notices(self._emptied, self._orient.order[0])

    def confidence(self, frame: int) -> Confidence:
        """What the probabilities of a frame say about its labels; its slices in the order of the input."""
        sums = self._sums[frame, :: -1 if self._orient.flipped[0] else 1]
        return Confidence(self._orient.order[0], sums[:, 0].astype(np.int64), sums[:, 1], sums[:, 2])


def winners(scores: Tensor) -> tuple[Tensor, Tensor]:
    """Of scores (classes, H, W) the largest of each pixel, and the first class that has it, uint8; (H, W) each.

    The same as ``scores.max(dim=0)``, in less than half the time on a CPU: without a search for places, whole planes of
    few bytes a pixel are compared.
    """
    highest, last = scores.amax(dim=0), len(scores) - 1
    before_last = torch.arange(last, -1, -1, dtype=torch.uint8, device=scores.device)[:, None, None]
    return highest, last - ((scores == highest) * before_last).amax(dim=0)


def _margins(logits: Tensor, won: Tensor) -> tuple[Tensor, ...]:
    """Of scores (classes, H, W) and the index of their largest (H, W): the fields of `Margins`, (H, W) each."""
    highest, others = logits.gather(0, won[None])[0], logits.scatter(0, won[None], -torch.inf)
    second, runner_up = others.max(dim=0)
    third = others.scatter_(0, runner_up[None], -torch.inf).amax(dim=0)  # of two classes, minus infinity
    near, far = (((highest - one).clamp_(max=MOST) / MOST).sqrt_().mul_(255).round_() for one in (second, third))
    return won, runner_up, near, far
