"""Training slices: cases brought to the model's axes and intensities, centred on one canvas, kept in memory."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..engine.orientation import orientation
from ..engine.preprocessing import normalization
from ..errors import InputError
from ..models import Model
from .cases import Case


@dataclass(frozen=True)
class Slices:
    """All slices of a training set: ``images`` (N, 1, side, side) float16 in [0, 1], ``labels`` the same, uint8."""

    images: Tensor
    labels: Tensor

    def to(self, device: torch.device) -> "Slices":
        return Slices(self.images.to(device), self.labels.to(device))

    def batches(self, size: int, generator: torch.Generator) -> Iterable[tuple[Tensor, Tensor]]:
        """Endless batches, every slice once an epoch: images float32 (size, 1, side, side), labels uint8."""
        while True:
            order = torch.randperm(len(self.images), generator=generator)
            for chosen in order[: len(order) - len(order) % size].reshape(-1, size):
                chosen = chosen.to(self.images.device)
                yield self.images[chosen].float(), self.labels[chosen]


def load_slices(cases: Iterable[Case], model: Model, side: int) -> Slices:
    """Read cases into slices on a canvas of ``side`` x ``side`` pixels (padded with 0, or cropped, at the centre).

    Pixels keep their native size: the scale augmentation covers what lies between it and the model's.

    Raises:
        InputError: there is no case.
    """
    images, labels = [], []
    for case in cases:
        orient = orientation(case.geometry, model.axes)
        normalize = normalization(case.image, model.intensity)
        images.append(_on_canvas(normalize(orient.to_model(case.image)), side).astype(np.float16))
        labels.append(_on_canvas(orient.to_model(case.label), side))
    if not images:
        raise InputError("There is no training case: give a data folder whose split.json names some.")
    return Slices(torch.from_numpy(np.concatenate(images))[:, None], torch.from_numpy(np.concatenate(labels))[:, None])


def _on_canvas(volume: np.ndarray, side: int) -> np.ndarray:
    canvas = np.zeros((len(volume), side, side), volume.dtype)
    source, target = [slice(None)], [slice(None)]
    for n in volume.shape[1:]:
        kept = min(n, side)
        source.append(slice((n - kept) // 2, (n - kept) // 2 + kept))
        target.append(slice((side - kept) // 2, (side - kept) // 2 + kept))
    canvas[tuple(target)] = volume[tuple(source)]
    return canvas
