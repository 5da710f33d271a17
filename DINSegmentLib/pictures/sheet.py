"""Layout of sheets: headline, three columns and legend, or rows of tiles; independent of volumes."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from PIL import Image, ImageDraw, ImageFont

_MARGIN, _GAP, _GUTTER = 24, 10, 58
_NARROWEST, _LOWEST = 230, 44  # minimum width of a column and height of a row, so that texts fit
_HEADLINE, _HEADING, _LEGEND_LINE, _LEGEND_GAP = 70, 28, 30, 30
_SWATCH = 20
_BACKGROUND, _BLACK = (17, 19, 23), (0, 0, 0)
_BRIGHT, _DIM = (240, 242, 245), (152, 158, 168)


@dataclass(frozen=True)
class Entry:
    """Legend entry of a structure: label value (or None), color, name, and a remark such as its volume."""

    value: int | str
    color: tuple[int, int, int]
    name: str
    remark: str


class Page:
    """A sheet with rows of three panels and texts around them; long texts are shortened.

    Args:
        size: width and height of a panel.
        rows: number of rows.
        title, subtitle: headline.
        row_heading, headings: headings of the row names, and of the three columns.
        entries: legend.
    """

    def __init__(
        self,
        size: tuple[int, int],
        rows: int,
        title: str,
        subtitle: str,
        row_heading: str,
        headings: Sequence[str],
        entries: Sequence[Entry],
    ) -> None:
        self._size = size
        self._column, self._row = max(size[0], _NARROWEST), max(size[1], _LOWEST)
        self._left, self._top = _MARGIN + _GUTTER, _MARGIN + _HEADLINE + _HEADING
        width = self._left + 3 * self._column + 2 * _GAP + _MARGIN
        legend = _lines(entries, width - self._left - _MARGIN)
        below = self._top + rows * (self._row + _GAP) + _GAP
        self.image = Image.new("RGB", (width, below + len(legend) * _LEGEND_LINE + _MARGIN), _BACKGROUND)
        self._draw = ImageDraw.Draw(self.image)
        room = width - 2 * _MARGIN
        self._text((_MARGIN, _MARGIN), fit(title, 24, room), 24, _BRIGHT, "lt")
        self._text((_MARGIN, _MARGIN + 34), fit(subtitle, 15, room), 15, _DIM, "lt")
        self._text((self._left - 12, self._top - 10), row_heading, 13, _DIM, "rs")
        for column, heading in enumerate(headings):
            x = self._left + column * (self._column + _GAP) + self._column // 2
            self._text((x, self._top - 10), fit(heading, 16, self._column), 16, _BRIGHT, "ms")
        for line, row in enumerate(legend):
            _draw_legend(self._draw, self._left, below + line * _LEGEND_LINE, row)

    def name_row(self, row: int, name: str, remark: str) -> None:
        """Write two lines to the left of a row."""
        x, y = self._left - 12, self._top + row * (self._row + _GAP) + self._row // 2
        self._text((x, y - 2), fit(name, 20, _GUTTER), 20, _BRIGHT, "rs")
        self._text((x, y + 5), fit(remark, 13, _GUTTER), 13, _DIM, "rt")

    def panel(self, row: int, column: int, picture: Image.Image) -> None:
        """Insert an image of the panels' size."""
        self.image.paste(picture, self._corner(row, column))

    def mark_edges(self, row: int, column: int, left: str, top: str) -> None:
        """Write direction letters inside a panel's left and upper edge."""
        (x, y), (width, height) = self._corner(row, column), self._size
        if min(width, height) >= 100:
            self._on_picture((x + 6, y + height // 2), left, 14, "lm")
            self._on_picture((x + width // 2, y + 6), top, 14, "mt")

    def scale_bar(self, row: int, column: int, length: int, text: str) -> None:
        """Draw a scale bar of ``length`` pixels with a text into a panel's lower right corner."""
        (x, y), (width, height) = self._corner(row, column), self._size
        if length + 20 <= width and height >= 100:
            right, bottom = x + width - 10, y + height - 10
            self._draw.rectangle((right - length - 1, bottom - 3, right + 1, bottom + 1), _BLACK)
            self._draw.rectangle((right - length, bottom - 2, right, bottom), _BRIGHT)
            self._on_picture((right, bottom - 7), text, 13, "rs")

    def write_on(self, row: int, column: int, position: tuple[int, int], text: str) -> None:
        """Write a short text centered at x and y of a panel, moved inside if necessary."""
        x, y = (min(max(p, 8), max(8, n - 8)) for p, n in zip(position, self._size, strict=True))
        left, top = self._corner(row, column)
        self._on_picture((left + x, top + y), text, 15, "mm")

    def _corner(self, row: int, column: int) -> tuple[int, int]:
        x = self._left + column * (self._column + _GAP) + (self._column - self._size[0]) // 2
        return x, self._top + row * (self._row + _GAP) + (self._row - self._size[1]) // 2

    def _text(self, place: tuple[int, int], text: str, size: int, color: tuple[int, int, int], anchor: str) -> None:
        self._draw.text(place, text, color, font(size), anchor)

    def _on_picture(self, place: tuple[int, int], text: str, size: int, anchor: str) -> None:
        write(self._draw, place, text, size, anchor)


def tiles(rows: Sequence[tuple[str, Sequence[Image.Image]]], entries: Sequence[Entry] = ()) -> Image.Image:
    """Arrange images of equal size in rows with headings, with a legend below.

    Args:
        rows: heading and images, at least one; rows may differ in length.
        entries: legend.
    """
    width, height = rows[0][1][0].size
    across = _GAP + max(len(pictures) for _, pictures in rows) * (width + _GAP)
    down = _HEADING + height + _GAP
    legend = _lines(entries, across - 2 * _GAP) if entries else []
    sheet = Image.new("RGB", (across, len(rows) * down + _GAP + len(legend) * _LEGEND_LINE), _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for row, (heading, pictures) in enumerate(rows):
        draw.text((_GAP, row * down + 20), fit(heading, 16, across - 2 * _GAP), _BRIGHT, font(16), "ls")
        for column, picture in enumerate(pictures):
            sheet.paste(picture, (_GAP + column * (width + _GAP), row * down + _HEADING))
    for line, found in enumerate(legend):
        _draw_legend(draw, _GAP, len(rows) * down + _GAP + line * _LEGEND_LINE, found)
    return sheet


def write(draw: ImageDraw.ImageDraw, place: tuple[int, int], text: str, size: int, anchor: str) -> None:
    """Write text that is legible on any background."""
    draw.text(place, text, _BRIGHT, font(size), anchor, stroke_width=2, stroke_fill=_BLACK)


def _draw_legend(draw: ImageDraw.ImageDraw, x: int, y: int, entries: Sequence[Entry]) -> None:
    for entry in entries:
        draw.rounded_rectangle((x, y, x + _SWATCH, y + _SWATCH), 4, entry.color)
        write(draw, (x + _SWATCH // 2, y + _SWATCH // 2), str(entry.value), 15, "mm")
        x += _SWATCH + 8
        draw.text((x, y + 16), entry.name, _BRIGHT, font(16), "ls")
        x += _length(entry.name, 16) + 7
        draw.text((x, y + 16), entry.remark, _DIM, font(14), "ls")
        x += _length(entry.remark, 14) + _LEGEND_GAP


@cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _length(text: str, size: int) -> int:
    return round(font(size).getlength(text))


def _plain(text: str) -> str:
    """Restrict a text to the characters of Pillow's font: drop accents, replace others by question marks."""
    return "".join(map(_plain_character, unicodedata.normalize("NFC", text)))


def _plain_character(character: str) -> str:
    letters = "".join(c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c))
    return letters if all(" " <= c <= "~" or c == "·" for c in letters) else "?"


def fit(text: str, size: int, room: int) -> str:
    """Shorten a text in the middle to fit into ``room`` pixels; the end often distinguishes files."""
    text = whole = _plain(text)
    kept = len(whole)
    while _length(text, size) > room and kept:
        kept -= 1
        text = whole[: kept - kept // 2] + "…" + whole[len(whole) - kept // 2 :]
    return text


def _lines(entries: Sequence[Entry], room: int) -> list[list[Entry]]:
    """Arrange entries from left to right in as many lines as needed, with texts that fit."""
    lines: list[list[Entry]] = [[]]
    used = 0
    for entry in entries:
        remark = _plain(entry.remark)
        name = fit(entry.name, 16, room - _SWATCH - 15 - _length(remark, 14))
        width = _SWATCH + 15 + _length(name, 16) + _length(remark, 14)
        if used and used + width > room:
            lines.append([])
            used = 0
        lines[-1].append(Entry(entry.value, entry.color, name, remark))
        used += width + _LEGEND_GAP
    return lines
