"""Regional function of the left ventricle: wall thickness at end-diastole and end-systole, and thickening."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..errors import ModelError
from ..geometry import Geometry
from ..messages import Sentence as _
from ..model import LEFT_VENTRICLE, MYOCARDIUM, RIGHT_VENTRICLE, Model, label_of
from ..notices import Notice
from .function import CardiacFunction
from .segments import APEX, NAMES, RINGS, Septum
from .short_axis import Insertion, ShortAxis, divided, septa_of

_SEGMENTS = {0: range(1, 7), 1: range(7, 13), 2: range(13, 17)}  # by ring


@dataclass(frozen=True)
class Thickness:
    """Wall thickness of a slice or segment; None if a value is not reported.

    Args:
        ed_mm, es_mm: mean chord length at end-diastole and end-systole, see `wall.measure_wall`.
        thickening_percent: 100 (ES - ED) / ED.
        reason: why a value is not reported; None if all values are.
    """

    ed_mm: float | None = None
    es_mm: float | None = None
    thickening_percent: float | None = None
    reason: str | None = None


@dataclass(frozen=True)
class RegionalFunction:
    """Regional function of the left ventricle.

    Args:
        segments: by segment number, 1 to 17; 17 is not assessed.
        slices: of the measured slices by stored index, counted from 0, from base to apex.
        rings: slices of the basal, mid and apical ring; empty if the slices are not divided.
        notices: what is not reported and why, and what to check.
        insertion: of the right ventricle at end-diastole, in the middle of the mid ring; None if unknown.
    """

    segments: dict[int, Thickness]
    slices: dict[int, Thickness]
    rings: tuple[tuple[int, ...], ...]
    notices: tuple[Notice, ...]
    insertion: Insertion | None = None

    def as_dict(self) -> dict[str, Any]:
        """Convert for JSON, with strings as keys."""
        tables = {
            name: {str(number): asdict(one) for number, one in table.items()}
            for name, table in (("segments", self.segments), ("slices", self.slices))
        }
        return {
            **tables,
            "rings": [list(ring) for ring in self.rings],
            "notices": [one.as_dict() for one in self.notices],
            "insertion": asdict(self.insertion) if self.insertion else None,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "RegionalFunction":
        """Restore from `as_dict`."""
        segments, slices = (
            {int(number): Thickness(**one) for number, one in values[name].items()} for name in ("segments", "slices")
        )
        place = values.get("insertion")
        insertion = Insertion(*(tuple(place[name]) for name in ("anterior", "inferior"))) if place else None
        notices = tuple(map(Notice.from_json, values["notices"]))
        return cls(segments, slices, tuple(map(tuple, values["rings"])), notices, insertion)


def regional_function_of_cine(
    labels: Sequence[np.ndarray] | np.ndarray, function: CardiacFunction, geometry: Geometry, model: Model,
    insertion: Insertion | None = None,
) -> RegionalFunction | None:  # fmt: skip
    """Measure the wall of a cine at its end-diastole and end-systole, see `regional_function`.

    Args:
        labels: uint8 (T, K, J, I).

    Returns:
        None if end-diastole is unknown or the model does not label the wall.
    """
    ed, es = function.ed_frame, function.es_frame
    if ed is None or label_of(model, MYOCARDIUM) is None:
        return None
    return regional_function(labels[ed], None if es is None else labels[es], geometry, model, insertion)


def regional_function(
    ed: np.ndarray, es: np.ndarray | None, geometry: Geometry, model: Model, insertion: Insertion | None = None
) -> RegionalFunction:
    """Measure the wall by slice and by AHA segment, see `segments` and `wall`.

    A slice is measured if its myocardium encloses the cavity at end-diastole (`function.ENCLOSED` of the cavity's
    outline). These slices are divided into thirds, the rings. A slice keeps its ring at end-systole, when the base has
    descended: segment values are means over the ring's slices that are still enclosed. The septum is the arc where
    the right ventricle touches the wall, found at each of the two moments; if an apical ring shows no right ventricle,
    it uses the septum of the mid ring. The labels at end-diastole decide which end is the base (`function.base_first`).

    Args:
        ed, es: labels (K, J, I) uint8 at end-diastole and end-systole; None if there is no end-systole.
        geometry: grid of the labels.
        model: model that made the labels.
        insertion: used at both moments in place of the right ventricle's label.

    Raises:
        ModelError: the model does not label left ventricle or myocardium.
        ValueError: labels and geometry differ in shape.
    """
    if any(labels is not None and labels.shape != geometry.shape for labels in (ed, es)):
        raise ValueError(f"labels and geometry {geometry.shape} differ in shape")
    values = [label.value if (label := label_of(model, code)) else None for code in _CODES]
    if values[0] is None or values[1] is None:
        raise ModelError(
            _(
                "The model {model} does not label the left ventricle and its wall: choose a cardiac model.",
                model=model.id,
            )
        )
    at_ed = _moment(ed, geometry, model, values)
    counted = [place for place in at_ed.places if place in at_ed.walls]
    at_es = None if es is None or np.array_equal(ed, es) else _moment(es, geometry, model, values, at_ed.places)
    still = _("End-diastole and end-systole are the same frame or have the same labels: select a cine.")
    slices = {
        place: _thickness(
            [at_ed.walls[place].thickness],
            [at_es.walls[place].thickness] if at_es and place in at_es.walls else [],
            still if at_es is None else _("The wall does not close around the cavity at end-systole."),
        )
        for place in counted
    }
    stored = {place: at_ed.stored(place) for place in at_ed.places}
    by_slice = {stored[place]: one for place, one in slices.items()}
    areas = np.array([moment.areas[at_ed.places] for moment in (at_ed, at_es) if moment])
    if reason := at_ed.undivided(counted, areas):
        return RegionalFunction(_not_assessed(reason), by_slice, (), (Notice("wall", reason),))
    parts = divided(counted)
    texts: list[str] = []
    segments: dict[int, Thickness] = {}
    moments = []
    for moment in (at_ed, at_es):
        if moment:
            septa, doubt = septa_of(moment, parts, insertion)
            moments.append((moment, septa))
            texts += [doubt] if doubt and doubt not in texts else []
    for ring, places in enumerate(parts):
        segments.update(_of_ring(ring, places, moments, still))
    texts += dict.fromkeys(one.reason for one in segments.values() if one.reason)
    segments[APEX] = _apex()
    return RegionalFunction(
        segments,
        by_slice,
        tuple(tuple(stored[at] for at in part) for part in parts),
        tuple(Notice("wall", text) for text in texts),
        None if isinstance(moments[0][1], str) else at_ed.insertion(parts[1], moments[0][1][1]),
    )


def _moment(
    labels: np.ndarray, geometry: Geometry, model: Model, values: Sequence[int | None],
    places: Sequence[int] | None = None,
) -> ShortAxis:  # fmt: skip
    masks = (np.zeros(labels.shape, bool) if value is None else labels == value for value in values)
    return ShortAxis(masks, geometry, model.axes, places)


_CODES = (LEFT_VENTRICLE, MYOCARDIUM, RIGHT_VENTRICLE)


def _of_ring(
    ring: int, places: Sequence[int], moments: Sequence[tuple[ShortAxis, list[Septum] | str]], still: str
) -> dict[int, Thickness]:
    """Measure a ring's segments at end-diastole and, if available, at end-systole."""
    lengths: list[dict[int, np.ndarray] | str] = []
    for moment, septa in moments:
        walls = [moment.walls[place] for place in places if place in moment.walls]
        if isinstance(septa, str) or not walls:
            lengths.append(
                septa
                if isinstance(septa, str)
                else _("No {ring} slice shows a closed wall at end-systole.", ring=RINGS[ring])
            )
            continue
        angles, thickness = (
            np.concatenate([getattr(wall, name) for wall in walls]) for name in ("angles", "thickness")
        )
        held = septa[ring].segments(ring, angles)
        lengths.append({number: thickness[held == number] for number in _SEGMENTS[ring]})
    found = {}
    for number in _SEGMENTS[ring]:
        at = [[] if isinstance(one, str) else [one[number]] for one in lengths]
        reasons = [one for one in lengths if isinstance(one, str)] or ([still] if len(moments) < 2 else [])
        found[number] = _thickness(at[0], at[1] if len(at) > 1 else [], reasons[0] if reasons else None)
    return found


def _thickness(ed: Sequence[np.ndarray], es: Sequence[np.ndarray], reason: str | None) -> Thickness:
    """Average the chords; ``reason`` is used if a value is missing."""
    at_ed, at_es = (float(np.mean(one[0])) if len(one) and len(one[0]) else None for one in (ed, es))
    if at_ed is None or at_es is None:
        return Thickness(at_ed, at_es, None, reason or _("The wall thickness could not be measured in this segment."))
    return Thickness(at_ed, at_es, 100 * (at_es - at_ed) / at_ed, None)


def _apex() -> Thickness:
    return Thickness(reason=_("Not assessed: short-axis slices do not show the apex."))


def _not_assessed(reason: str) -> dict[int, Thickness]:
    return {**{number: Thickness(reason=reason) for number in NAMES if number != APEX}, APEX: _apex()}
