"""Detection of slices beyond the base of the heart, where networks label the atria with low wall confidence."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..messages import Sentence as _
from ..notices import Notice

LEAST_SURE = 0.7
"""A slice has low confidence if the mean probability of its wall is below this value.

Chosen on the 10 validation patients of ACDC with the weights of cardiac-mr 0.1.0; its MODEL_CARD.md has the values."""


@dataclass(frozen=True)
class Emptied:
    """A slice whose labels were removed: index in stored order, and milliliters of structures it contained."""

    slice: int
    volume_ml: float


def beyond_base(labels: np.ndarray, wall: np.ndarray) -> list[int]:
    """Find labeled slices at the basal end whose wall has low confidence, up to the first with enough confidence.

    Either end of the stack may be the base. It is in the half of the labeled slices with more labeled voxels; this
    held in 160 ACDC volumes, for manual and predicted labels. Nothing is returned if both halves have equally many
    voxels, or if low confidence extends into the apical half, because then it is not limited to the base.

    Args:
        labels: (slices, rows, columns).
        wall: (slices,), mean probability of the myocardium's voxels; 0 if there are none.
    """
    sizes = np.count_nonzero(labels, axis=(1, 2))
    held = np.flatnonzero(sizes)
    half = len(held) // 2
    first, last = sizes[held[:half]].sum(), sizes[held[len(held) - half :]].sum()
    if first == last:
        return []
    from_base = held if first > last else held[::-1]
    count = int((wall[from_base] >= LEAST_SURE).argmax())  # also 0 if no wall has sufficient confidence
    return sorted(from_base[:count].tolist()) if count <= half else []


def notices(frames: Sequence[Sequence[Emptied]], axis: int) -> tuple[Notice, ...]:
    """Notices about slices across array axis ``axis`` whose labels were removed, in frames of a cine or in a volume."""
    found: dict[int, list[tuple[int, float]]] = {}
    for number, frame in enumerate(frames, start=1):
        for one in frame:
            found.setdefault(one.slice, []).append((number, one.volume_ml))
    return tuple(
        Notice("base", _text(index, places, len(frames)), slice=index, axis=axis)
        for index, places in sorted(found.items())
    )


def _text(index: int, places: Sequence[tuple[int, float]], frames: int) -> str:
    """Notice text for one slice, given the (frame, ml) pairs where its labels were removed."""
    if frames == 1:
        return _(
            "Basal slice {slice}: labels removed ({volume:.1f} ml, low myocardium confidence). Check whether the "
            "ventricles extend to this slice.",
            slice=index + 1,
            volume=places[0][1],
        )
    return _(
        "Basal slice {slice}, {frames}: labels removed (up to {volume:.1f} ml, low myocardium confidence). Check "
        "whether the ventricles extend to this slice.",
        slice=index + 1,
        frames=_frames([number for number, _ml in places]),
        volume=max(volume for _number, volume in places),
    )


def _frames(numbers: Sequence[int]) -> str:
    """Format ascending frame numbers as ``frame 3`` or ``frames 1-4, 7``."""
    if len(numbers) == 1:
        return _("frame {number}", number=numbers[0])
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return _(
        "frames {numbers}", numbers=", ".join("-".join(map(str, dict.fromkeys((run[0], run[-1])))) for run in runs)
    )
