"""The picture of a beat: volumes of the structures over time; by Pillow, without OpenGL."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from PIL import Image, ImageDraw

from .sheet import fit, font

_SIZE = (960, 560)
_FIELD = (84, 116, 930, 470)  # left, top, right and bottom of the axes
_SHARP = 2  # lines are drawn so many times larger: Pillow knows no smooth ones
_BACKGROUND, _GRID, _BRIGHT, _DIM = (17, 19, 23), (48, 52, 60), (240, 242, 245), (152, 158, 168)
_STEPS = (1, 2, 5, 10)


@dataclass(frozen=True)
class Curve:
    """A structure's name, colour (r, g, b) and volume in ml at every frame; None: there is none, a gap."""

    name: str
    color: tuple[int, int, int]
    volumes: Sequence[float | None]


def draw_curves(
    curves: Sequence[Curve], times: Sequence[float] | None, marks: Mapping[str, int], title: str, subtitle: str = ""
) -> Image.Image:
    """Draw volume-time curves.

    Args:
        curves: all with one volume for every frame.
        times: of the frames in ms; None: the axis counts frames from 1.
        marks: frames, counted from 0, at which a vertical line stands, by the text over it, such as ``ED``.
        title, subtitle: the headline.

    Returns:
        RGB, 960 x 560. The volume axis begins at 0; each curve has its name in the legend below.
    """
    places = list(times) if times else list(range(1, 1 + len(curves[0].volumes)))
    highest = max(volume or 0.0 for curve in curves for volume in curve.volumes)
    upward = _ticks(0.0, highest or 1.0)
    along = _ticks(places[0], places[-1], whole=times is None)
    across = _Scale(min(along[0], places[0]), max(along[-1], places[-1]), _FIELD[0], _FIELD[2])
    up = _Scale(0.0, upward[-1], _FIELD[3], _FIELD[1])

    image = Image.new("RGB", (_SHARP * _SIZE[0], _SHARP * _SIZE[1]), _BACKGROUND)
    draw = ImageDraw.Draw(image)
    for value in upward:
        _line(draw, [(_FIELD[0], up(value)), (_FIELD[2], up(value))], _GRID, 1)
    for frame in marks.values():
        x = across(places[frame])
        _line(draw, [(x, _FIELD[1]), (x, _FIELD[3])], _DIM, 1)
    for curve in curves:
        points = [None if y is None else (across(x), up(y)) for x, y in zip(places, curve.volumes, strict=True)]
        for start, end in pairwise(points):
            if start is not None and end is not None:
                _line(draw, [start, end], curve.color, 3)
        for x, y in filter(None, points):
            draw.ellipse([_SHARP * v for v in (x - 3.5, y - 3.5, x + 3.5, y + 3.5)], curve.color)

    image = image.resize(_SIZE, Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(image)
    room = _SIZE[0] - 2 * 24
    draw.text((24, 20), fit(title, 24, room), _BRIGHT, font(24), "lt")
    draw.text((24, 52), fit(subtitle, 15, room), _DIM, font(15), "lt")
    for value in upward:
        draw.text((_FIELD[0] - 10, up(value)), f"{value:g}", _DIM, font(14), "rm")
    for value in along:
        draw.text((across(value), _FIELD[3] + 10), f"{value:g}", _DIM, font(14), "mt")
    draw.text((24, _FIELD[1] - 14), "ml", _DIM, font(14), "ls")
    draw.text((_FIELD[2], _FIELD[3] + 30), "frame" if times is None else "ms", _DIM, font(14), "rt")
    for text, frame in marks.items():
        draw.text((across(places[frame]), _FIELD[1] - 6), text, _BRIGHT, font(14), "ms")
    x = _FIELD[0]
    for curve in curves:
        draw.rounded_rectangle((x, 516, x + 18, 534), 4, curve.color)
        draw.text((x + 26, 525), fit(curve.name, 16, 240), _BRIGHT, font(16), "lm")
        x += 26 + round(font(16).getlength(curve.name)) + 30
    return image


@dataclass(frozen=True)
class _Scale:
    """Values from ``low`` to ``high`` to pixels from ``start`` to ``end``."""

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


def _line(
    draw: ImageDraw.ImageDraw, points: Sequence[tuple[float, float]], color: tuple[int, int, int], width: int
) -> None:
    draw.line([(_SHARP * x, _SHARP * y) for x, y in points], color, _SHARP * width)
