"""Infarct by segment of the left ventricle, from the labels of a late-enhancement stack."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..errors import ModelError
from ..geometry import Geometry
from ..messages import Sentence as _
from ..model import LEFT_VENTRICLE, Model, label_of
from ..notices import Notice
from .function import cut
from .infarct import infarct_size, infarct_values
from .segments import NAMES
from .short_axis import Insertion, ShortAxis, divided, septum_between


@dataclass(frozen=True)
class InfarctSegments:
    """Infarct as a percentage of the wall, by segment.

    Args:
        share_percent: by segment number, 1 to 16; empty if not reported.
        notices: why it is not reported, that the stack does not cover the ventricle, or what to check.
    """

    share_percent: dict[int, float]
    notices: tuple[Notice, ...]


def infarct_segments(
    labels: np.ndarray, geometry: Geometry, model: Model, insertion: Insertion | None
) -> InfarctSegments:
    """Measure the infarct by the segments of `regional`, in slices with a closed wall.

    Args:
        labels: (K, J, I) uint8 with the model's label values.
        geometry: grid of the labels.
        model: has structures with the codes of left ventricle, myocardium and infarct.
        insertion: of the right ventricle, which the model does not label: from the same patient's cine in the same
            frame of reference (`RegionalFunction.insertion`), from `cardiac-mr` on this image, or from the user.

    Raises:
        ModelError: the model does not label left ventricle, myocardium or infarct.
        ValueError: labels and geometry differ in shape.
    """
    if labels.shape != geometry.shape:
        raise ValueError(f"labels {labels.shape} and geometry {geometry.shape} differ in shape")
    cavity = label_of(model, LEFT_VENTRICLE)
    if cavity is None:
        raise ModelError(
            _("The model {model} does not label the left ventricle: choose a late-enhancement model.", model=model.id)
        )
    dead, _no_reflow, wall = infarct_values(model)
    masks = (np.isin(labels, values) for values in ([cavity.value], wall, []))
    axis = ShortAxis(masks, geometry, model.axes)
    counted, areas = [place for place in axis.places if place in axis.walls], axis.areas[None, axis.places]
    if end := cut(areas, [0]):
        part = _(
            "The stack does not cover the {end} of the left ventricle: infarct and wall are those within the stack, "
            "and segments are not reported.",
            end=end,
        )
        return InfarctSegments({}, (Notice("wall", part),))
    if insertion is None:
        reason = _("Infarct by segment is not reported: the insertions of the right ventricle are not known.")
        return InfarctSegments({}, (Notice("wall", reason),))
    if text := axis.undivided(counted, areas):
        return InfarctSegments({}, (Notice("wall", text),))
    septum, doubt = septum_between(axis, insertion)
    scar = axis.orient.to_model(np.isin(labels, dead))
    voxels, infarcted = np.zeros(1 + max(NAMES)), np.zeros(1 + max(NAMES))
    for ring, places in enumerate(divided(counted)):
        for place in places:
            rows, columns = np.nonzero(axis.wall[place])
            away = np.stack([rows, columns], axis=1) * axis.spacing - axis.walls[place].center
            held = septum.segments(ring, np.arctan2(away[:, 1], away[:, 0]))
            np.add.at(voxels, held, 1)
            np.add.at(infarcted, held, scar[place][rows, columns])
    found = {number: float(100 * infarcted[number] / voxels[number]) for number in NAMES if voxels[number]}
    return InfarctSegments(found, (Notice("wall", doubt),) if doubt else ())


def describe_infarct(
    labels: np.ndarray, geometry: Geometry, model: Model, insertion: Insertion | None, source: str
) -> tuple[dict[str, Any], tuple[Notice, ...]]:
    """Describe an infarct for record and report; arguments and errors as for `infarct_segments`.

    Args:
        source: where the insertion comes from, as a noun.

    A notice names this source.

    Returns:
        values for JSON: those of `InfarctSize.as_dict`, ``segment_share_percent`` by number as a string (empty if
        not reported), ``insertion`` and ``insertion_from`` (None if not reported); and notices.
    """
    found = infarct_segments(labels, geometry, model, insertion)
    shares = {str(number): share for number, share in found.share_percent.items()}
    known = {
        "segment_share_percent": shares,
        "insertion": asdict(insertion) if insertion and shares else None,
        "insertion_from": source if shares else None,
    }
    text = _("Infarct by segment: the position of the septum comes from {source}. Check it.", source=source)
    notices = (*found.notices, Notice("wall", text)) if shares else found.notices
    return {**infarct_size(labels, geometry, model).as_dict(), **known}, notices
