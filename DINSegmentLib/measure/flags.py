"""Checks of a result by its labels and statistics."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from ..geometry import Geometry
from ..messages import Sentence as _
from ..model import INFARCT, LEFT_VENTRICLE, MYOCARDIUM, Label, Model, label_of, labels_of
from ..model.orientation import orientation
from ..notices import Notice
from .confidence import Confidence
from .masks import bounding_box, largest_part
from .volumes import StructureStatistics, statistics

# Largest share of a structure's voxels outside its largest part before clean-up. In 3 of the 84 structures of the
# validation cases of the two bundled models, it was 10 to 29%, among them the pancreas with the second-lowest Dice;
# in the others at most 3.3%, in single voxels and small fragments (dinsegment calibrate, 2026-11-25, before the
# clean-up step doubtful_base was added).
MOST_APART = 0.05
# Mean probability of a structure's voxels, after temperature. Of these 84 structures, 5 have a Dice below
# 0.7; 4 of the 5 are below this bound, and so is one other, with a Dice of 0.77 (same run). The check finds uncertain
# outlines, not whole slices that a network missed with high confidence.
LEAST_CONFIDENCE = 0.85
# Ratio of mean brightness of the left ventricle's wall to its cavity, above the volume's lowest value. With manual
# labels: 0.29 to 0.65 in 80 cine volumes of ACDC, 0.83 to 1.0 in the 76 late-enhancement stacks of EMIDEC, which keep
# the sign of the signal; in magnitude images the wall is darker, 0.08 in the phantom. With labels of cardiac-mr on the
# validation splits: 0.31 to 0.67 and 0.88 to 0.98 (2026-11-29). Late enhancement within the range is not detected.
CINE_CONTRAST = (0.2, 0.75)
_OF_DIASTOLE = {"volume", "contrast"}  # kinds that are not checked at end-systole: plausible volumes are end-diastolic


def flags(
    labels: np.ndarray,
    statistics: Sequence[StructureStatistics],
    geometry: Geometry,
    model: Model,
    confidence: Mapping[int, float] | None = None,
    removed: Mapping[int, int] | None = None,
    lowest: float | None = None,
) -> list[Notice]:
    """Return notices about what to check, structure by structure in the model's order.

    A structure that reaches the first or last slice gets no notice, because vessels and hearts do so in good volumes.
    Neither does an infarct that is missing or in pieces.

    Args:
        labels: (K, J, I), uint8.
        statistics: statistics of these labels for all of the model's structures.
        geometry: grid of the labels.
        model: defines the structures and their plausible volumes (``plausible_ml``).
        confidence: by label value, see `confidence.Confidence.structures`; None if unknown.
        removed: by label value, how many voxels in disconnected parts a clean-up removed; None if there was none.
        lowest: smallest voxel value of the whole volume; None skips the check of cardiac contrast.

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


def flags_of_cine(
    labels: np.ndarray,
    images: Sequence[np.ndarray] | np.ndarray | None,
    phases: tuple[int | None, int | None],
    geometry: Geometry,
    model: Model,
    confidences: Sequence[Confidence] = (),
    removed: Sequence[Mapping[int, int]] = (),
) -> list[Notice]:
    """Return `flags` of end-diastole, and those of end-systole that it does not have; ejection fraction needs both.

    Args:
        labels: (T, K, J, I), uint8.
        images: (K, J, I) of each frame; None skips the check of cardiac contrast.
        phases: frames of end-diastole, otherwise the first one is used, and of end-systole.
        geometry: grid of a frame.
        model: see `flags`.
        confidences, removed: for each frame; empty if unknown.
    """
    axis = orientation(geometry, model.axes).order[0]

    def of(frame: int) -> list[Notice]:
        image = np.zeros_like(labels[frame]) if images is None else images[frame]
        rows = statistics(labels[frame], image, geometry, model.labels, axis)
        sure = confidences[frame].structures if confidences else None
        lost, lowest = removed[frame] if removed else None, None if images is None else float(image.min())
        return flags(labels[frame], rows, geometry, model, sure, lost, lowest)

    ed, es = phases[0] or 0, phases[1]
    found = of(ed)
    known = {(one.kind, one.structure) for one in found}
    if es is not None and es != ed:
        more = [one for one in of(es) if one.kind not in _OF_DIASTOLE and (one.kind, one.structure) not in known]
        at = _("At end-systole, frame {frame}", frame=es + 1)
        found += [replace(one, text=_("{at}: {notice}", at=at, notice=one.text), frame=es) for one in more]
    return found


def _contrast(by_value: Mapping[int, StructureStatistics], lowest: float, model: Model) -> Iterator[Notice]:
    """Detect a cine given to a late-enhancement model, or the reverse, by brightness."""
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
            "{wall}: {ratio:.0%} as bright as {cavity}, which does not match the {what} images that {model} is "
            "meant for. Do not use these labels if the volume is {other} or another sequence.",
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
