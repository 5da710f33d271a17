"""Drawings of lines, areas and texts, rendered as SVG for pages, by Pillow for files, and by `report.pdf` for PDF."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from PIL import Image, ImageDraw

from .sheet import fit, font

Color = tuple[int, int, int]
Point = tuple[float, float]

DARK: Mapping[str, Color] = {"back": (17, 19, 23), "line": (48, 52, 60), "ink": (240, 242, 245), "dim": (152, 158, 168)}
LIGHT: Mapping[str, Color] = {
    "back": (255, 255, 255),
    "line": (214, 218, 225),
    "ink": (27, 31, 39),
    "dim": (91, 100, 114),
}

_SHARP = 2  # supersampling factor, because Pillow does not smooth lines


@dataclass(frozen=True)
class Line:
    """A line through points; ``color`` is RGB or the name of a theme color; ``kind`` is its SVG class."""

    points: Sequence[Point]
    color: Color | str
    width: float = 1.0
    kind: str = ""


@dataclass(frozen=True)
class Disc:
    """A filled circle, with a tooltip for pages."""

    center: Point
    radius: float
    color: Color | str
    title: str = ""


@dataclass(frozen=True)
class Area:
    """A filled polygon with an outline, with a tooltip for pages."""

    points: Sequence[Point]
    color: Color | str
    outline: Color | str
    title: str = ""


@dataclass(frozen=True)
class Text:
    """A text at the ``start``, ``middle`` or ``end`` of its baseline; shortened to ``room`` if given."""

    at: Point
    text: str
    size: float
    color: Color | str = "ink"
    anchor: str = "start"
    kind: str = ""
    room: float | None = None


Shape = Line | Disc | Area | Text


@dataclass(frozen=True)
class Drawing:
    """Shapes from bottom to top in a box of ``width`` and ``height``; x increases to the right and y down."""

    width: int
    height: int
    shapes: tuple[Shape, ...]


def svg(drawing: Drawing, label: str) -> str:
    """Render a drawing as an SVG element; theme colors are CSS variables of the page, such as ``--ink``.

    Args:
        label: what the drawing shows, for screen readers.
    """
    inside = "".join(map(_element, drawing.shapes))
    box = f"0 0 {drawing.width} {drawing.height}"
    about = f'viewBox="{box}" role="img" aria-label="{escape(label)}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {about}>{inside}</svg>'


def raster(drawing: Drawing, theme: Mapping[str, Color] = DARK) -> Image.Image:
    """Render a drawing as an RGB image of its width and height."""
    image = Image.new("RGB", (_SHARP * drawing.width, _SHARP * drawing.height), theme["back"])
    draw = ImageDraw.Draw(image)
    for shape in drawing.shapes:
        if isinstance(shape, Line):
            points = [(_SHARP * x, _SHARP * y) for x, y in shape.points]
            draw.line(points, rgb(shape.color, theme), round(_SHARP * shape.width), "curve")
        elif isinstance(shape, Area):
            points = [(_SHARP * x, _SHARP * y) for x, y in shape.points]
            draw.polygon(points, rgb(shape.color, theme), rgb(shape.outline, theme), _SHARP)
        elif isinstance(shape, Disc):
            (x, y), radius = shape.center, shape.radius
            box = [_SHARP * value for value in (x - radius, y - radius, x + radius, y + radius)]
            draw.ellipse(box, rgb(shape.color, theme))
    image = image.resize((drawing.width, drawing.height), Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(image)
    for shape in drawing.shapes:  # texts need no supersampling
        if isinstance(shape, Text):
            text = shape.text if shape.room is None else fit(shape.text, round(shape.size), round(shape.room))
            anchor = {"start": "ls", "middle": "ms", "end": "rs"}[shape.anchor]
            draw.text(shape.at, text, rgb(shape.color, theme), font(round(shape.size)), anchor)
    return image


def rgb(color: Color | str, theme: Mapping[str, Color]) -> Color:
    """Return a shape's color in a theme."""
    return theme[color] if isinstance(color, str) else color


def _element(shape: Shape) -> str:
    color = f"var(--{shape.color})" if isinstance(shape.color, str) else "rgb({},{},{})".format(*shape.color)
    if isinstance(shape, Line):
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in shape.points)
        kind = f' class="{shape.kind}"' if shape.kind else ""
        return f'<path{kind} d="{path}" fill="none" stroke="{color}" stroke-width="{shape.width:g}"/>'
    if isinstance(shape, Text):
        (x, y), kind = shape.at, f' class="{shape.kind}"' if shape.kind else ""
        place = f'x="{x:.1f}" y="{y:.1f}" font-size="{shape.size:g}" fill="{color}" text-anchor="{shape.anchor}"'
        return f"<text{kind} {place}>{escape(shape.text)}</text>"
    title = f"<title>{escape(shape.title)}</title>" if shape.title else ""
    if isinstance(shape, Disc):
        (x, y), radius = shape.center, shape.radius
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{color}">{title}</circle>'
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in shape.points)
    outline = f"var(--{shape.outline})" if isinstance(shape.outline, str) else "rgb({},{},{})".format(*shape.outline)
    return f'<polygon points="{points}" fill="{color}" stroke="{outline}">{title}</polygon>'
