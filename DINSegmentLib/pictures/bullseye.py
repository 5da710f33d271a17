"""Bull's-eye plot of the left ventricle: a value for each AHA segment."""

import math
from collections.abc import Mapping

from ..measure.segments import APEX, NAMES
from .drawing import Area, Color, Drawing, Point, Shape, Text

SIZE = 300
_RADII = (132.0, 98.0, 64.0, 28.0)  # outer edges of the basal, mid and apical ring, and of the apex
_CENTER = (SIZE / 2, 160.0)
_LOW, _HIGH = (247, 251, 255), (33, 102, 172)  # colors of the smallest and the largest value
_NONE: Color = (225, 225, 225)


def bullseye(
    values: Mapping[int, float | None], title: str, unit: str, bounds: tuple[float, float], digits: int = 1
) -> Drawing:
    """Draw a value for each segment, with the anterior wall at the top and the septum on the left.

    Args:
        values: by segment number; None or missing: not reported, gray with a dash. Segment 17 is always not assessed.
        title, unit: description of the values.
        bounds: values of the lightest and the darkest color.
        digits: decimals of the values.
    """
    shapes: list[Shape] = [Text((SIZE / 2, 18), f"{title} ({unit})", 14, anchor="middle")]
    for number, name in NAMES.items():
        value = None if number == APEX else values.get(number)
        shown = "-" if value is None else f"{value:.{digits}f}"
        about = f"{number}, {name}: " + ("not reported" if value is None else f"{shown} {unit}")
        if number == APEX:
            about, shown = f"{number}, {name}: not assessed", "n/a"
        outline, middle = _sector(number)
        fill = _NONE if value is None else _color(value, bounds)
        ink: Color = (255, 255, 255) if sum(fill) < 400 else (27, 31, 39)
        shapes.append(Area(outline, fill, "dim", about))
        shapes.append(Text((middle[0], middle[1] + 5), shown, 13, ink, "middle"))
    return Drawing(SIZE, SIZE, tuple(shapes))


def _sector(number: int) -> tuple[list[Point], Point]:
    """Outline and center of a segment."""
    if number == APEX:
        return [_at(_RADII[3], angle) for angle in range(0, 360, 5)], _CENTER
    ring, place, width = ((number - 1) // 6, (number - 1) % 6, 60) if number < 13 else (2, number - 13, 90)
    start = 90 - width // 2 + place * width  # counterclockwise from the anterior wall, at the top
    angles = range(start, start + width + 1, 3)
    outer, inner = _RADII[ring], _RADII[ring + 1]
    outline = [*(_at(outer, angle) for angle in angles), *(_at(inner, angle) for angle in reversed(angles))]
    return outline, _at((outer + inner) / 2, start + width / 2)


def _at(radius: float, degrees: float) -> Point:
    angle = math.radians(degrees)
    return _CENTER[0] + radius * math.cos(angle), _CENTER[1] - radius * math.sin(angle)


def _color(value: float, bounds: tuple[float, float]) -> Color:
    share = min(1.0, max(0.0, (value - bounds[0]) / (bounds[1] - bounds[0])))
    red, green, blue = (round(low + share * (high - low)) for low, high in zip(_LOW, _HIGH, strict=True))
    return red, green, blue
