"""Training slices: cases in the model's axes and intensities, centered on a canvas, kept in memory."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
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
    """Slices with their neighbors as channels; the middle channel is the slice to label.

    Args:
        images: (N, channels, side, side) float32 in [0, 1].
        labels: (N, channels, side, side) uint8, labels of the slices and their neighbors.
        pixels: (N, 2), size of the model's pixel along rows and columns, in pixels of the slice.
        unlabeled: (N, classes) bool, structures that a slice's labels leave in the background; None if none.
        extents: (N, 2), rows and columns that a slice fills in the middle of its canvas; None for the whole canvas.
    """

    images: Tensor
    labels: Tensor
    pixels: Tensor
    unlabeled: Tensor | None = None
    extents: Tensor | None = None


@dataclass(frozen=True)
class Slices:
    """All slices of a training set.

    Args:
        images: (S, side, side) float16 in [0, 1].
        labels: the same, uint8.
        seen: (S, channels), indices of the network's input slices for each slice, itself in the middle.
        pixels, extents: (S, 2) as in `Batch`.
    """

    images: Tensor
    labels: Tensor
    seen: Tensor
    pixels: Tensor
    extents: Tensor

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: torch.device) -> "Slices":
        return Slices(*(getattr(self, field.name).to(device) for field in fields(self)))

    def batches(self, size: int, balance: float, generator: torch.Generator) -> Iterator[Batch]:
        """Yield endless batches, sampled with replacement.

        Args:
            size: slices per batch.
            balance: share sampled by structure, all structures equally, from the slices that show it; the rest
                is sampled uniformly from all slices.
            generator: random generator on the CPU.
        """
        weights, device = self._weights(balance), self.images.device
        while True:
            chosen = torch.multinomial(weights, size, replacement=True, generator=generator)
            if device.type == "cuda":  # pinned, otherwise each batch would wait for earlier work
                chosen = chosen.pin_memory()
            chosen = chosen.to(device, non_blocking=True)
            seen = self.seen[chosen]
            yield Batch(self.images[seen].float(), self.labels[seen], self.pixels[chosen], extents=self.extents[chosen])

    def _weights(self, balance: float) -> Tensor:
        present = torch.stack([torch.bincount(label.flatten().int(), minlength=256) > 0 for label in self.labels])
        present = present[:, 1:].double().cpu()
        count = present.sum(dim=0)
        by_structure = (present / count.clamp(min=1)).sum(dim=1) / (count > 0).sum().clamp(min=1)
        return (1 - balance) / len(self) + balance * by_structure


def load_slices(cases: Iterable[Case], model: Model, side: int, spacing: float = 0.0) -> Slices:
    """Read cases into slices on a canvas of ``side`` x ``side`` pixels, centered, padded with 0 or cropped.

    Pixels keep their native size; `Batch.pixels` is used to resample crops to ``spacing`` mm, by default the model's.

    Raises:
        InputError: there are no cases.
    """
    images, labels, seen, pixels, extents = [], [], [], [], []
    first = 0
    for case in cases:
        orient = orientation(case.geometry, model.axes)
        normalize = normalization(case.image, model.intensity)
        images.append(_on_canvas(normalize(orient.to_model(case.image)), side).astype(np.float16))
        labels.append(_on_canvas(orient.to_model(case.label), side))
        count = len(images[-1])
        offsets = neighbour_offsets(model, orient.spacing[0])
        seen.append(first + (np.arange(count)[:, None] + offsets).clip(0, count - 1))
        pixels.append(np.full((count, 2), [(spacing or model.spacing) / s for s in orient.spacing[1:]], np.float32))
        extents.append(np.tile(np.minimum(orient.to_model(case.image).shape[1:], side), (count, 1)))
        first += count
    if not images:
        raise InputError("No training case: use a data folder whose split names some.")
    return Slices(*(torch.from_numpy(np.concatenate(part)) for part in (images, labels, seen, pixels, extents)))


def check_structures(slices: Slices, model: Model) -> None:
    """Reject a training set that lacks one of the model's structures, or has another one.

    Raises:
        InputError: names the structure and its value.
    """
    found = set(slices.labels.unique().tolist()) - {0}
    for label in model.labels:
        if label.value not in found:
            raise InputError(
                f"No training case of {model.id} has the structure {label.name} (label {label.value}): use cases that "
                "show it, or a model without it."
            )
    if more := sorted(found - {label.value for label in model.labels}):
        raise InputError(
            f"A training case has label {more[0]}, but {model.id} has 1 to {len(model.labels)}: use data for it."
        )


def relabeled(cases: Iterable[Case], model: Model, labels: Mapping[str, Sequence[int]]) -> Iterator[Case]:
    """Yield the cases of another data set with the model's label values.

    Args:
        labels: structure of the model -> values in the data that belong to it.

    Raises:
        InputError: a structure is not in the model, a value is used twice, or a case has a value that is not listed.
    """
    by_name = {label.name: label.value for label in model.labels}
    table = np.full(256, 255, np.uint8)
    table[0] = 0
    for name, values in labels.items():
        if name not in by_name:
            known = ", ".join(by_name)
            raise InputError(f'The partial labels name "{name}", and {model.id} has {known}: name some of these.')
        for value in values:
            if table[value] != 255:
                raise InputError(f"The partial labels give the value {value} to two structures, or to the background.")
            table[value] = by_name[name]
    for case in cases:
        if (odd := np.unique(case.label[table[case.label] == 255])).size:
            raise InputError(f"{case.name} has label {odd[0]}, which the partial labels do not name: add it to them.")
        yield replace(case, label=table[case.label])


def mixed(batches: Iterator[Batch], others: Iterator[Batch], unlabeled: Sequence[bool]) -> Iterator[Batch]:
    """Merge batches of two data sets.

    Args:
        batches: batches of the first, which has all labels.
        others: batches of the second.
        unlabeled: for each class, whether the second data set leaves it in the background.
    """
    for one, other in zip(batches, others, strict=False):
        parts = ("images", "labels", "pixels", "extents")
        images, labels, pixels, extents = (torch.cat([getattr(one, p), getattr(other, p)]) for p in parts)
        left_out = torch.tensor(unlabeled, device=images.device).expand(len(images), -1)
        second = torch.arange(len(images), device=images.device) >= len(one.images)
        yield Batch(images, labels, pixels, left_out & second[:, None], extents)


def _on_canvas(volume: np.ndarray, side: int) -> np.ndarray:
    canvas = np.zeros((len(volume), side, side), volume.dtype)
    source, target = [slice(None)], [slice(None)]
    for n in volume.shape[1:]:
        kept = min(n, side)
        source.append(slice((n - kept) // 2, (n - kept) // 2 + kept))
        target.append(slice((side - kept) // 2, (side - kept) // 2 + kept))
    canvas[tuple(target)] = volume[tuple(source)]
    return canvas
