"""Volumes of the structures over the cardiac cycle, drawn the same for a picture, a page and a PDF."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..measure import CardiacFunction
from ..model import LEFT_VENTRICLE, MYOCARDIUM, RIGHT_VENTRICLE, Model, label_of
from .drawing import Color, Disc, Drawing, Line, Shape, Text

_STEPS = (1, 2, 5, 10)


@dataclass(frozen=True)
class Curve:
    """A structure's name, color (r, g, b) and volume in ml at every frame; None: there is none, a gap."""

    name: str
    color: Color
    volumes: Sequence[float | None]


def curves_of(function: CardiacFunction, model: Model, wall: bool = True) -> list[Curve]:
    """The curves of a heart: right ventricle, myocardium (if ``wall``) and left ventricle, which lies on top."""
    volumes = {RIGHT_VENTRICLE: function.rv_ml, MYOCARDIUM: function.myocardium_ml, LEFT_VENTRICLE: function.lv_ml}
    return [
        Curve(label.name, label.color, values)
        for code, values in volumes.items()
        if (label := label_of(model, code)) is not None and (wall or code != MYOCARDIUM)
    ]


def marks_of(function: CardiacFunction) -> dict[str, int]:
    """Frames, counted from 0, of end-diastole and end-systole, where they are known."""
    return {text: at for text, at in (("ED", function.ed_frame), ("ES", function.es_frame)) if at is not None}


def draw_curves(
    curves: Sequence[Curve], times: Sequence[float] | None, marks: Mapping[str, int], title: str = "",
    subtitle: str = "", size: tuple[int, int] = (960, 560),
) -> Drawing:  # fmt: skip
    """Draw volume-time curves.

    Args:
        curves: all with one volume for every frame, of one frame at least.
        times: of the frames in ms; None: the axis counts frames from 1.
        marks: frames, counted from 0, at which a vertical line stands, by the text over it, such as ``ED``.
        title, subtitle: the headline; without a title there is none.
        size: width and height.

    The volume axis begins at 0; each curve has its name in the legend below.
    """
    left, right = 60, size[0] - 24
    top, bottom = (116 if title else 34), size[1] - 84
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
    for value in upward:
        shapes.append(Line([(left, up(value)), (right, up(value))], "line", kind="axis"))
        shapes.append(Text((left - 10, up(value) + 5), f"{value:g}", 14, "dim", "end", "axis"))
    shapes += [Text((across(value), bottom + 20), f"{value:g}", 14, "dim", "middle", "axis") for value in along]
    shapes.append(Text((left - 10, top - 18), "ml", 14, "dim", "end", "axis"))
    shapes.append(Text((right, bottom + 40), "frame" if times is None else "ms", 14, "dim", "end", "axis"))
    for text, frame in marks.items():
        x = across(places[frame])
        shapes.append(Line([(x, top), (x, bottom)], "dim", kind="mark"))
        shapes.append(Text((x, top - 6), text, 14, anchor="middle", kind="mark"))
    for curve in curves:
        shapes += _parts(
            curve, [(across(place), up(volume or 0.0)) for place, volume in zip(places, curve.volumes, strict=True)]
        )
        shapes += [
            Disc((across(place), up(volume)), 3.5, curve.color, _about(curve.name, volume, frame, times))
            for frame, (place, volume) in enumerate(zip(places, curve.volumes, strict=True))
            if volume is not None
        ]
    x = left
    for curve in curves:
        shapes.append(Disc((x + 9, size[1] - 35), 8, curve.color))
        shapes.append(Text((x + 26, size[1] - 29), curve.name, 16, kind="axis", room=240))
        x += 56 + 8 * min(30, len(curve.name))
    return Drawing(*size, tuple(shapes))


def _parts(curve: Curve, points: Sequence[tuple[float, float]]) -> list[Shape]:
    """The curve between gaps."""
    parts: list[list[tuple[float, float]]] = [[]]
    for volume, point in zip(curve.volumes, points, strict=True):
        if volume is None:
            parts.append([])
        else:
            parts[-1].append(point)
    return [Line(part, curve.color, 3, "curve") for part in parts if len(part) > 1]


def _about(name: str, volume: float, frame: int, times: Sequence[float] | None) -> str:
    time = f", {times[frame]:.0f} ms" if times else ""
    return f"{name} {volume:.1f} ml, frame {frame + 1}{time}"


@dataclass(frozen=True)
class _Scale:
    """Values from ``low`` to ``high`` to places from ``start`` to ``end``."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / ((self.high - self.low) or 1) * (self.end - self.start)


def _ticks(low: float, high: float, whole: bool = False) -> list[float]:
    """Round numbers from at most ``low`` to at least ``high``, five to eleven of them where they may be fractions."""
    raw = max((high - low) / 8, 1e-9)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * n for n in _STEPS if power * n >= raw * (1 - 1e-9))
    step = max(1.0, step) if whole else step
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [step * n for n in range(first, last + 1)]
