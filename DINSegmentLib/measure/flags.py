"""What about a result should be checked, from the labels and their statistics, without a file."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ..geometry import Geometry
from ..messages import Sentence as _
from ..model import INFARCT, LEFT_VENTRICLE, MYOCARDIUM, Label, Model, label_of, labels_of
from ..notices import Notice
from .masks import bounding_box, largest_part
from .volumes import StructureStatistics

# Of a structure's voxels, how many may lie outside its largest part, before a clean-up. In 3 of the 84 structures of
# the two bundled models' validation cases it were 10 to 29 %, among them the pancreas with the second worst Dice of
# all; in the others at most 3.3 %, single voxels and crumbs (dinsegment calibrate, 2026-11-25, before the clean-up
# doubtful_base came).
MOST_APART = 0.05
# Mean probability of a structure's voxels, after the model's temperature. Of these 84 structures 5 have a Dice below
# 0.7; 4 of them lie below this bound, and of the others one, with a Dice of 0.77 (same run). It finds uncertain
# outlines, not whole slices that a network missed with confidence.
LEAST_CONFIDENCE = 0.85
# Mean brightness of the left ventricle's wall over its cavity's, from the volume's least value on. By the manual labels
# 0.29 to 0.65 in 80 cine volumes of ACDC, and 0.83 to 1.0 in the 76 late-enhancement stacks of EMIDEC, whose pictures
# keep the sign of the signal; of the magnitude the wall is darker, 0.08 in the phantom. By the labels of cardiac-mr on
# the validation parts 0.31 to 0.67 and 0.88 to 0.98 (2026-11-28). Late enhancement in between is not noticed.
CINE_CONTRAST = (0.2, 0.75)


def flags(
    labels: np.ndarray,
    statistics: Sequence[StructureStatistics],
    geometry: Geometry,
    model: Model,
    confidence: Mapping[int, float] | None = None,
    removed: Mapping[int, int] | None = None,
    lowest: float | None = None,
) -> list[Notice]:
    """What to check, structure by structure in the model's order; nothing when all is well.

    A structure that reaches the first or last slice gets no notice: vessels and hearts do so in good volumes. Nor is an
    infarct that is missing or in pieces.

    Args:
        labels: (K, J, I), uint8.
        statistics: of all the model's structures, of these labels.
        geometry: their grid.
        model: says which structures there are and how large they may be (``plausible_ml``).
        confidence: by label value, see `confidence.Confidence.structures`; None: not known.
        removed: by label value, how many voxels in other parts a clean-up took away before; None: no such thing.
        lowest: voxel value of the whole volume; None: not known, and the contrast of a heart is not checked.

    Raises:
        ValueError: labels and geometry differ in shape, or a structure has no statistics.
    """
    if labels.shape != geometry.shape:
        raise ValueError(f"labels {labels.shape} and geometry {geometry.shape} differ in shape")
    by_value = {one.value: one for one in statistics}
    if absent := [label.name for label in model.labels if label.value not in by_value]:
        raise ValueError(f"no statistics of {', '.join(absent)}")
    found: list[Notice] = []
    infarcts = labels_of(model, INFARCT)
    for label in model.labels:
        sure, lost = (confidence or {}).get(label.value), (removed or {}).get(label.value, 0)
        of_one = _of_one(labels, by_value[label.value], geometry, label, sure, lost)
        found += [one for one in of_one if label not in infarcts or one.kind not in ("missing", "parts")]
    return found if lowest is None else [*found, *_contrast(by_value, lowest, model)]


def _contrast(by_value: Mapping[int, StructureStatistics], lowest: float, model: Model) -> Iterator[Notice]:
    """Cine given to a model for late enhancement, or the reverse, as far as brightness shows."""
    cavity, wall = (label_of(model, code) for code in (LEFT_VENTRICLE, MYOCARDIUM))
    if cavity is None or wall is None:
        return
    blood, muscle = by_value[cavity.value].mean, by_value[wall.value].mean
    if blood is None or muscle is None or blood <= lowest:
        return
    ratio, (low, high) = (muscle - lowest) / (blood - lowest), CINE_CONTRAST
    looks_like_cine, late = low <= ratio <= high, label_of(model, INFARCT) is not None
    if looks_like_cine != late:
        return
    what, other = ("late enhancement", "cine") if late else ("cine", "late enhancement")
    yield Notice(
        "contrast",
        _(
            "{wall}: {ratio:.0%} as bright as {cavity}, which does not match the {what} images that {model} was "
            "trained on. Do not use these labels if the volume is {other} or another sequence.",
            wall=wall.name,
            ratio=ratio,
            cavity=cavity.name,
            what=what,
            model=model.id,
            other=other,
        ),
        cavity.name,
    )


def _of_one(
    labels: np.ndarray, figures: StructureStatistics, geometry: Geometry, label: Label, confidence: float | None,
    removed: int,
) -> Iterator[Notice]:  # fmt: skip
    name = label.name
    if not figures.voxels:
        yield Notice("missing", _("{name}: not found. Check whether the volume covers it.", name=name), name)
        return
    if label.plausible_ml is not None:
        low, high = label.plausible_ml
        if not low <= figures.volume_ml <= high:
            yield Notice(
                "volume",
                _(
                    "{name}: implausible volume, {volume:.3g} ml (expected {low:g} to {high:g} ml). Check the result "
                    "and the voxel spacing in the header.",
                    name=name,
                    volume=figures.volume_ml,
                    low=low,
                    high=high,
                ),
                name,
            )
    found = figures.voxels + removed
    mask = labels == label.value
    apart = found - int(np.count_nonzero(largest_part(mask[bounding_box(mask)])))
    if apart > MOST_APART * found:
        fields = {"name": name, "volume": _ml(apart * geometry.voxel_volume / 1000), "share": apart / found}
        yield Notice(
            "parts",
            _(
                "{name}: {volume} ml ({share:.0%}) in disconnected parts was removed. Check that nothing real "
                "was lost.",
                **fields,
            )
            if removed
            else _(
                "{name}: {volume} ml ({share:.0%}) lies in disconnected parts. Check whether they belong to it.",
                **fields,
            ),
            name,
        )
    if figures.touches_border:
        yield Notice(
            "border", _("{name}: touches the edge of a slice. Part of it may be outside the image.", name=name), name
        )
    if confidence is not None and confidence < LEAST_CONFIDENCE:
        yield Notice(
            "confidence",
            _(
                "{name}: low confidence (mean probability {confidence:.2f}, threshold {threshold:.2f}). Check its "
                "outline.",
                name=name,
                confidence=confidence,
                threshold=LEAST_CONFIDENCE,
            ),
            name,
        )


def _ml(volume: float) -> str:
    return f"{volume:.0f}" if volume >= 10 else f"{volume:.2g}"
