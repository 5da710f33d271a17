"""Training slices: cases brought to the model's axes and intensities, centred on one canvas, kept in memory."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..engine.preprocessing import normalization
from ..engine.resampling import neighbour_offsets
from ..errors import InputError
from ..model import Model
from ..model.orientation import orientation
from .cases import Case


class Batch(NamedTuple):
    """Slices with their neighbours; the one in the middle of the channels is the one to label.

    Args:
        images: (N, channels, side, side) float32 in [0, 1].
        labels: the same, uint8.
        pixels: (N, 2) size of the model's pixel along rows and columns, in pixels of the slice.
    """

    images: Tensor
    labels: Tensor
    pixels: Tensor


@dataclass(frozen=True)
class Slices:
    """All slices of a training set.

    Args:
        images: (S, side, side) float16 in [0, 1].
        labels: the same, uint8.
        seen: (S, channels) which slices the network sees to label a slice, itself in the middle.
        pixels: (S, 2) as in `Batch`.
    """

    images: Tensor
    labels: Tensor
    seen: Tensor
    pixels: Tensor

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: torch.device) -> "Slices":
        return Slices(*(getattr(self, field.name).to(device) for field in fields(self)))

    def batches(self, size: int, balance: float, generator: torch.Generator) -> Iterator[Batch]:
        """Endless batches, drawn with replacement.

        Args:
            size: slices a batch.
            balance: share that is drawn for a structure, each structure alike, from the slices that show it; the others
                come from all slices alike.
            generator: on the CPU.
        """
        weights, device = self._weights(balance), self.images.device
        while True:
            chosen = torch.multinomial(weights, size, replacement=True, generator=generator)
            if device.type == "cuda":  # pinned, or every batch would wait for the work before it
                chosen = chosen.pin_memory()
            chosen = chosen.to(device, non_blocking=True)
            seen = self.seen[chosen]
            yield Batch(self.images[seen].float(), self.labels[seen], self.pixels[chosen])

    def _weights(self, balance: float) -> Tensor:
        present = torch.stack([torch.bincount(label.flatten().int(), minlength=256) > 0 for label in self.labels])
        present = present[:, 1:].double().cpu()
        count = present.sum(dim=0)
        by_structure = (present / count.clamp(min=1)).sum(dim=1) / (count > 0).sum().clamp(min=1)
        return (1 - balance) / len(self) + balance * by_structure


def load_slices(cases: Iterable[Case], model: Model, side: int) -> Slices:
    """Read cases into slices on a canvas of ``side`` x ``side`` pixels (padded with 0, or cropped, at the centre).

    Pixels keep their native size; views are drawn at the model's by `Batch.pixels`.

    Raises:
        InputError: there is no case.
    """
    images, labels, seen, pixels = [], [], [], []
    first = 0
    for case in cases:
        orient = orientation(case.geometry, model.axes)
        normalize = normalization(case.image, model.intensity)
        images.append(_on_canvas(normalize(orient.to_model(case.image)), side).astype(np.float16))
        labels.append(_on_canvas(orient.to_model(case.label), side))
        count = len(images[-1])
        offsets = neighbour_offsets(model, orient.spacing[0])
        seen.append(first + (np.arange(count)[:, None] + offsets).clip(0, count - 1))
        pixels.append(np.full((count, 2), [model.spacing / s for s in orient.spacing[1:]], np.float32))
        first += count
    if not images:
        raise InputError("There is no training case: give a data folder whose split names some.")
    return Slices(*(torch.from_numpy(np.concatenate(part)) for part in (images, labels, seen, pixels)))


def _on_canvas(volume: np.ndarray, side: int) -> np.ndarray:
    canvas = np.zeros((len(volume), side, side), volume.dtype)
    source, target = [slice(None)], [slice(None)]
    for n in volume.shape[1:]:
        kept = min(n, side)
        source.append(slice((n - kept) // 2, (n - kept) // 2 + kept))
        target.append(slice((side - kept) // 2, (side - kept) // 2 + kept))
    canvas[tuple(target)] = volume[tuple(source)]
    return canvas
