"""Regional function of the left ventricle: wall thickness at end-diastole and end-systole, and thickening."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..errors import ModelError
from ..geometry import Geometry
from ..messages import Sentence as _
from ..model import LEFT_VENTRICLE, MYOCARDIUM, RIGHT_VENTRICLE, Model, label_of
from ..model.orientation import Orientation, orientation
from ..notices import Notice
from .function import ENCLOSED, base_first, cut, enclosed
from .segments import APEX, NAMES, RINGS, Septum, contact, rings, septum, turn_of
from .wall import Wall, measure_wall

_SEGMENTS = {0: range(1, 7), 1: range(7, 13), 2: range(13, 17)}  # of each ring


@dataclass(frozen=True)
class Insertion:
    """Where the right ventricle meets the left one, as a person says: points (3,) in RAS mm."""

    anterior: tuple[float, float, float]
    inferior: tuple[float, float, float]


@dataclass(frozen=True)
class Thickness:
    """The wall of a slice or of a segment; None where a value is not reported.

    Args:
        ed_mm, es_mm: mean length of the chords at end-diastole and end-systole, see `wall.measure_wall`.
        thickening_percent: 100 (ES - ED) / ED.
        reason: why something is not reported; None: everything is.
    """

    ed_mm: float | None = None
    es_mm: float | None = None
    thickening_percent: float | None = None
    reason: str | None = None


@dataclass(frozen=True)
class RegionalFunction:
    """What labels say about the left ventricle's wall.

    Args:
        segments: by number, 1 to 17; 17 is not assessed.
        slices: of the slices that count, by their place in the file, counted from 0, from base to apex.
        rings: the slices of the basal, mid and apical ring; empty where the slices are not divided.
        notices: what is not reported, and why, and what to check.
    """

    segments: dict[int, Thickness]
    slices: dict[int, Thickness]
    rings: tuple[tuple[int, ...], ...]
    notices: tuple[Notice, ...]

    def as_dict(self) -> dict[str, Any]:
        """Everything for JSON, whose keys are texts."""
        tables = {
            name: {str(number): asdict(one) for number, one in table.items()}
            for name, table in (("segments", self.segments), ("slices", self.slices))
        }
        return {
            **tables,
            "rings": [list(ring) for ring in self.rings],
            "notices": [one.as_dict() for one in self.notices],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "RegionalFunction":
        """The way back from `as_dict`."""
        segments, slices = (
            {int(number): Thickness(**one) for number, one in values[name].items()} for name in ("segments", "slices")
        )
        return cls(
            segments, slices, tuple(map(tuple, values["rings"])), tuple(map(Notice.from_json, values["notices"]))
        )


def regional_function(
    ed: np.ndarray, es: np.ndarray | None, geometry: Geometry, model: Model, insertion: Insertion | None = None
) -> RegionalFunction:
    """Measure the wall by slice and by the American Heart Association's segments, see `segments` and `wall`.

    A slice counts when its myocardium closes around the cavity at end-diastole (`function.ENCLOSED` of the cavity's
    outline). Thirds of these slices are the rings, and a slice keeps its ring at end-systole, when the base has come
    down: its segments are means over the ring's slices that still close then. A septum reaches over the arc in which
    the right ventricle lies on the wall, at each of the two moments; where an apical ring shows no right ventricle, the
    mid ring's septum stands for it.

    Args:
        ed, es: labels (K, J, I) uint8 at end-diastole and end-systole; None: there is no end-systole.
        geometry: their grid.
        model: whose labels they are.
        insertion: takes the place of what the right ventricle's label shows, at both moments.

    Raises:
        ModelError: the model has no left ventricle or no myocardium.
        ValueError: labels and geometry differ in shape.
    """
    if any(labels is not None and labels.shape != geometry.shape for labels in (ed, es)):
        raise ValueError(f"labels and geometry {geometry.shape} differ in shape")
    values = [label.value if (label := label_of(model, code)) else None for code in _CODES]
    if values[0] is None or values[1] is None:
        raise ModelError(
            _("The model {model} has no left ventricle with its wall: choose a cardiac model.", model=model.id)
        )
    at_ed = _Moment(ed, geometry, model, values)
    counted = [place for place in at_ed.places if place in at_ed.walls]
    at_es = None if es is None or np.array_equal(ed, es) else _Moment(es, geometry, model, values)
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
    parts = _divided(counted)
    texts: list[str] = []
    segments: dict[int, Thickness] = {}
    moments = []
    for moment in (at_ed, at_es):
        if moment:
            septa, doubt = _septa(moment, parts, insertion, geometry)
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
    )


_CODES = (LEFT_VENTRICLE, MYOCARDIUM, RIGHT_VENTRICLE)


class _Moment:
    """Labels at one moment, as slices (S, H, W) of the model's axes, with the walls of the slices that close."""

    def __init__(self, labels: np.ndarray, geometry: Geometry, model: Model, values: Sequence[int | None]) -> None:
        self.orient: Orientation = orientation(geometry, model.axes)
        planes = self.orient.to_model(labels)
        self.cavity, self.wall, self.right = (
            np.zeros(planes.shape, bool) if value is None else planes == value for value in values
        )
        self.spacing = np.array(self.orient.spacing[1:])
        signs = np.where(self.orient.flipped, -1, 1)
        self.axes = geometry.directions[:, ::-1][:, list(self.orient.order)] * signs  # (3, 3) of slice, row, column
        self.areas = np.count_nonzero(self.cavity, axis=(1, 2))
        towards_apex = slice(None, None, 1 if base_first(self.areas) else -1)
        self.places = list(range(len(planes)))[towards_apex]  # of the slices, base first
        self.walls: dict[int, Wall] = {}
        for place in self.places:
            cavity, wall = self.cavity[place], self.wall[place]
            closes = cavity.any() and enclosed(cavity, wall) >= ENCLOSED
            if closes and (found := measure_wall(cavity, wall, tuple(self.spacing))):
                self.walls[place] = found

    def stored(self, place: int) -> int:
        """The place of a slice in the file."""
        return len(self.cavity) - 1 - place if self.orient.flipped[0] else place

    def undivided(self, counted: Sequence[int], areas: np.ndarray) -> str | None:
        """Why the slices cannot be divided into rings; None: they can. ``areas``: cavity at all moments, base first."""
        if len(counted) < 3:
            return _(
                "Only {count} slices show a closed wall at end-diastole, and three rings need three or more: segments "
                "are not reported.",
                count=len(counted),
            )
        if end := cut(areas, range(len(areas))):
            return _("The stack does not cover the {end} of the left ventricle: segments are not reported.", end=end)
        between = self.places[self.places.index(counted[0]) : self.places.index(counted[-1])]
        if gaps := [place for place in between if place not in counted]:
            return _(
                "The wall does not close around the cavity in slice {number}, between slices where it does: segments "
                "are not reported.",
                number=self.stored(gaps[0]) + 1,
            )
        return None

    def arcs(self, places: Sequence[int]) -> list[np.ndarray]:
        """Where the right ventricle lies on the wall, in those of the slices that show it."""
        found = [
            contact(self.right[at], self.cavity[at] | self.wall[at], self.walls[at].centre, self.spacing)
            for at in places
            if at in self.walls
        ]
        return [arc for arc in found if arc is not None]

    @property
    def turn(self) -> int:
        """The way from the anterior to the inferior insertion in a heart on the left side, see `Septum.turn`.

        Seen from the apex it is counterclockwise.
        """
        apexward = self.axes[:, 0] * (1 if self.places[0] == 0 else -1)
        return 1 if float(np.cross(self.axes[:, 1], self.axes[:, 2]) @ apexward) > 0 else -1


def _divided(counted: Sequence[int]) -> list[list[int]]:
    """Slices, base first, in three rings."""
    basal, mid, _apical = rings(len(counted))
    return [list(counted[:basal]), list(counted[basal : basal + mid]), list(counted[basal + mid :])]


def _septa(
    moment: _Moment, parts: Sequence[Sequence[int]], insertion: Insertion | None, geometry: Geometry
) -> tuple[list[Septum] | str, str | None]:
    """The septum of each ring, or why it is not known; and what to check about it."""
    if insertion:
        return [_given(moment, insertion, geometry)] * 3, None
    arcs = [moment.arcs(places) for places in parts]
    if not arcs[0] or not arcs[1]:
        return _(
            "The right ventricle is not labeled along the septum in the {ring} slices: set its insertions, or correct "
            "the labels.",
            ring=RINGS[0 if not arcs[0] else 1],
        ), None
    turn, doubt = turn_of([arc for ring in arcs for arc in ring], moment.axes[:, 1:]), None
    if turn is None:
        turn = moment.turn
        doubt = _(
            "The file's orientation does not clearly show which wall is anterior. The order of the slices does: check "
            "the segments."
        )
    elif turn != moment.turn:
        doubt = _("The slices are mirrored, compared with a heart on the left side: check which wall is anterior.")
    return [septum(ring or arcs[1], turn) for ring in arcs], doubt


def _given(moment: _Moment, insertion: Insertion, geometry: Geometry) -> Septum:
    """The septum between two points of a person's: on the side of the right ventricle, else the shorter way."""
    matrix = np.linalg.inv(geometry.ijk_to_ras)
    centre = np.mean([wall.centre for wall in moment.walls.values()], axis=0)
    angles = []
    for point in (insertion.anterior, insertion.inferior):
        stored = (matrix @ (*point, 1))[:3][::-1]  # (k, j, i)
        at = [stored[axis] for axis in moment.orient.order]
        last = np.subtract(moment.cavity.shape, 1)
        at = [end - one if flip else one for one, flip, end in zip(at, moment.orient.flipped, last, strict=True)]
        away = np.array(at[1:]) * moment.spacing - centre
        angles.append(float(np.arctan2(away[1], away[0])))
    span = (angles[1] - angles[0]) % (2 * np.pi)
    turn = 1 if span <= np.pi else -1
    if arcs := moment.arcs(moment.places):
        middle = septum(arcs, 1)
        turn = 1 if (middle.anterior + middle.span / 2 - angles[0]) % (2 * np.pi) < span else -1
    return Septum(angles[0], span if turn == 1 else 2 * np.pi - span, turn)


def _of_ring(
    ring: int, places: Sequence[int], moments: Sequence[tuple[_Moment, list[Septum] | str]], still: str
) -> dict[int, Thickness]:
    """The segments of a ring at the moments: end-diastole, and end-systole where there is one."""
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
    """Means of chords; ``reason`` counts where one is missing."""
    at_ed, at_es = (float(np.mean(one[0])) if len(one) and len(one[0]) else None for one in (ed, es))
    if at_ed is None or at_es is None:
        return Thickness(at_ed, at_es, None, reason or _("The wall has no chord here."))
    return Thickness(at_ed, at_es, 100 * (at_es - at_ed) / at_ed, None)


def _apex() -> Thickness:
    return Thickness(reason=_("Not assessed: short-axis slices do not show the apex."))


def _not_assessed(reason: str) -> dict[int, Thickness]:
    return {**{number: Thickness(reason=reason) for number in NAMES if number != APEX}, APEX: _apex()}
