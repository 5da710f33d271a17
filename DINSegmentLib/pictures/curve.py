"""Volume-time curves of the structures, drawn identically for pictures, pages and PDF."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..measure import CardiacFunction
from ..model import LEFT_VENTRICLE, MYOCARDIUM, RIGHT_VENTRICLE, Model, label_of
from .drawing import Color, Disc, Drawing, Line, Point, Shape, Text

_STEPS = (1, 2, 5, 10)


@dataclass(frozen=True)
class Curve:
    """A structure's name, color (r, g, b) and volume in ml for each frame; None is a gap."""

    name: str
    color: Color
    volumes: Sequence[float | None]


def curves_of(function: CardiacFunction, model: Model, wall: bool = True) -> list[Curve]:
    """Return the curves of a heart: right ventricle, myocardium (if ``wall``) and left ventricle, which is on top."""
    volumes = {RIGHT_VENTRICLE: function.rv_ml, MYOCARDIUM: function.myocardium_ml, LEFT_VENTRICLE: function.lv_ml}
    return [
        Curve(label.name, label.color, values)
        for code, values in volumes.items()
        if (label := label_of(model, code)) is not None and (wall or code != MYOCARDIUM)
    ]


def marks_of(function: CardiacFunction) -> dict[str, int]:
    """Return the frames, counted from 0, of end-diastole and end-systole, if known."""
    return {text: at for text, at in (("ED", function.ed_frame), ("ES", function.es_frame)) if at is not None}


def draw_curves(
    curves: Sequence[Curve], times: Sequence[float] | None, marks: Mapping[str, int], title: str = "",
    subtitle: str = "", size: tuple[int, int] = (960, 560), bare: bool = False,
) -> Drawing:  # fmt: skip
    """Draw volume-time curves.

    Args:
        curves: all with one volume per frame, for at least one frame.
        times: times of the frames in ms; None to number frames from 1.
        marks: label, such as ``ED``, to frame, counted from 0, where a vertical line is drawn.
        title, subtitle: headline; without a title there is none.
        size: width and height.
        bare: draw only lines and marks, for a small picture.

    The volume axis starts at 0; the names of the curves are in the legend below.
    """
    left, right = (8, size[0] - 8) if bare else (60, size[0] - 24)
    top, bottom = (116 if title else 34), size[1] - (8 if bare else 84)
    places = list(times) if times else list(range(1, 1 + len(curves[0].volumes)))
    highest = max(volume or 0.0 for curve in curves for volume in curve.volumes)
    upward = _ticks(0.0, highest or 1.0)
    along = _ticks(places[0], places[-1], whole=times is None)
    across = _Scale(min(along[0], places[0]), max(along[-1], places[-1]), left, right)
    up = _Scale(0.0, upward[-1], bottom, top)

    shapes: list[Shape] = []
    if title:
        room = size[0] - 48
        shapes += [Text((24, 40), title, 24, room=room), Text((24, 66), subtitle, 15, "dim", room=room)]
    if not bare:
        shapes += _axes(across, up, along, upward, "frame" if times is None else "ms")
    for text, frame in marks.items():
        x = across(places[frame])
        shapes.append(Line([(x, top), (x, bottom)], "dim", kind="mark"))
        anchor = "middle" if not bare else "start" if x < left + 15 else "end" if x > right - 15 else "middle"
        shapes.append(Text((x, top - 6), text, 20 if bare else 14, anchor=anchor, kind="mark"))
    for curve in curves:
        points = [
            None if volume is None else (across(place), up(volume))
            for place, volume in zip(places, curve.volumes, strict=True)
        ]
        shapes += _lines(points, curve.color)
        if not bare:
            shapes += _dots(points, curve, times)
    return Drawing(*size, tuple(shapes) if bare else (*shapes, *_legend(curves, left, size[1])))


def _axes(across: "_Scale", up: "_Scale", along: Sequence[float], upward: Sequence[float], unit: str) -> list[Shape]:
    left, right, bottom, top = across.start, across.end, up.start, up.end
    shapes: list[Shape] = []
    for value in upward:
        shapes.append(Line([(left, up(value)), (right, up(value))], "line"))
        shapes.append(Text((left - 10, up(value) + 5), f"{value:g}", 14, "dim", "end"))
    shapes += [Text((across(value), bottom + 20), f"{value:g}", 14, "dim", "middle") for value in along]
    return [
        *shapes,
        Text((left - 10, top - 18), "ml", 14, "dim", "end"),
        Text((right, bottom + 40), unit, 14, "dim", "end"),
    ]


def _lines(points: Sequence[Point | None], color: Color) -> list[Shape]:
    """Draw the parts of a curve between gaps."""
    parts: list[list[Point]] = [[]]
    for point in points:
        if point is None:
            parts.append([])
        else:
            parts[-1].append(point)
    return [Line(part, color, 3, "curve") for part in parts if len(part) > 1]


def _dots(points: Sequence[Point | None], curve: Curve, times: Sequence[float] | None) -> list[Shape]:
    return [
        Disc(point, 3.5, curve.color, _about(curve.name, volume, frame, times))
        for frame, (point, volume) in enumerate(zip(points, curve.volumes, strict=True))
        if point is not None and volume is not None
    ]


def _legend(curves: Sequence[Curve], left: float, height: float) -> list[Shape]:
    shapes: list[Shape] = []
    for curve in curves:
        shapes += [
            Disc((left + 9, height - 35), 8, curve.color),
            Text((left + 26, height - 29), curve.name, 16, room=240),
        ]
        left += 56 + 8 * min(30, len(curve.name))
    return shapes


def _about(name: str, volume: float, frame: int, times: Sequence[float] | None) -> str:
    time = f", {times[frame]:.0f} ms" if times else ""
    return f"{name} {volume:.1f} ml, frame {frame + 1}{time}"


@dataclass(frozen=True)
class _Scale:
    """Linear map of values from ``low`` to ``high`` to positions from ``start`` to ``end``."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / ((self.high - self.low) or 1) * (self.end - self.start)


def _ticks(low: float, high: float, whole: bool = False) -> list[float]:
    """Return round numbers from at most ``low`` to at least ``high``, five to ten if fractions are allowed."""
    raw = max((high - low) / 8, 1e-9)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * n for n in _STEPS if power * n >= raw * (1 - 1e-9))
    step = max(1.0, step) if whole else step
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [step * n for n in range(first, last + 1)]
