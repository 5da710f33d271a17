"""A case's report as a PDF of one page, by reportlab."""

import unicodedata
from collections.abc import Sequence
from importlib.util import find_spec
from io import BytesIO
from typing import Any

from ..errors import InputError
from ..pictures.drawing import LIGHT, Area, Disc, Drawing, Line, Text, rgb
from .heart import DISCLAIMER, Report

_PAGE = (595.0, 842.0)  # A4, in points
_MARGIN, _GAP = 34.0, 8.0
_WIDTH = _PAGE[0] - 2 * _MARGIN
_FONT, _BOLD = "Helvetica", "Helvetica-Bold"
_ANCHORS = {"start": "drawString", "middle": "drawCentredString", "end": "drawRightString"}
_TEXT = 7.5  # points
_LINE = 9.6


def check() -> None:
    """Check that PDF can be written on this machine.

    Raises:
        InputError: reportlab is missing.
    """
    if find_spec("reportlab") is None:
        raise InputError("A PDF needs the package reportlab: install it with pip, or choose --format html.")


def pdf(report: Report) -> bytes:
    """Render the report; the same report gives the same bytes.

    Characters that standard PDF fonts lack are written without accents, or as a question mark.

    Raises:
        InputError: reportlab is missing.
    """
    check()
    from reportlab.pdfgen.canvas import Canvas

    content = BytesIO()
    canvas = Canvas(content, pagesize=_PAGE, invariant=1, pageCompression=1)
    canvas.setTitle(_plain(report.title))
    canvas.setCreator("DINSegment")
    _Layout(canvas).draw(report)
    canvas.showPage()
    canvas.save()
    return content.getvalue()


class _Layout:
    """Lays out the page from top to bottom; ``y`` is the distance of the next part from the bottom of the page."""

    def __init__(self, canvas: Any) -> None:
        self.canvas, self.y = canvas, _PAGE[1] - _MARGIN

    def draw(self, report: Report) -> None:
        self._text(_MARGIN, self.y - 12, report.title, 14, _BOLD, width=_WIDTH)
        self.y -= 20
        self._paragraph(DISCLAIMER, color=(179, 23, 31))
        self._pairs(report.identity, 3)
        if any("?" in _plain(value) and "?" not in value for _, value in (("", report.title), *report.identity)):
            self._paragraph("Letters that this file cannot show are question marks: the HTML report shows them.")
        if report.reviewer:
            one = report.reviewer
            said = f" {one.comment}" if one.comment else ""
            self._paragraph(f"Reviewed by {one.name} on {one.date}.{said}", font=_BOLD)
        self._rule()
        top = self.y
        width = 0.56 * _WIDTH
        self._pictures(report, width)
        below = self.y
        self.y = top
        self._values(report.values, _MARGIN + width + 2 * _GAP)
        self.y = min(below, self.y) - _GAP
        self._rule()
        self._curve_and_lists(report)
        if report.plots:
            self._rule()
            self._drawings(report.plots, _MARGIN, _WIDTH, 148)
        self._rule()
        for note in report.notes:
            self._paragraph(note, color=LIGHT["dim"])
        self._pairs(report.provenance, 2)

    def _curve_and_lists(self, report: Report) -> None:
        """Draw the curve next to the lists of what to check, or only the lists, leaving space for the other parts."""
        foot = _MARGIN + 3 * _LINE + 4 * _GAP + sum(_LINE * len(self._lines(note, _WIDTH)) for note in report.notes)
        if report.plots:
            foot += 148 + _GAP
        top, left, bottom = self.y, _MARGIN, self.y
        if report.curve:
            left += 0.5 * _WIDTH
            self._drawings([report.curve], _MARGIN, 0.5 * _WIDTH - _GAP, 160)
            bottom, self.y = self.y, top
        self._entries("Notices", report.notices or ("None.",), left, foot + 5 * _LINE)
        self._entries("Slices to review", report.slices or ("None.",), left, foot)
        self.y = min(self.y, bottom)

    # parts

    def _pairs(self, pairs: Sequence[tuple[str, str]], columns: int) -> None:
        """Write names and values from left to right; a value too long for its column gets a line of its own."""
        room = _WIDTH / columns
        column = 0
        for name, value in pairs:
            text = f"{name}: {value}"
            long = self._length(text) > room - _GAP
            if column and (long or column == columns):
                self.y, column = self.y - _LINE, 0
            self._text(_MARGIN + column * room, self.y - _TEXT, text, width=_WIDTH if long else room - _GAP)
            column = columns if long else column + 1
        self.y -= _LINE + 2

    def _pictures(self, report: Report, width: float) -> None:
        from reportlab.lib.utils import ImageReader

        side = (width - 14) / max(1, len(report.columns))
        side = min(side, 0.24 * _WIDTH)
        for place, name in enumerate(report.columns):
            self._text(_MARGIN + 14 + side * (place + 0.5), self.y - _TEXT, name, color=LIGHT["dim"], anchor="middle")
        self.y -= _LINE + 2
        for name, pictures in report.rows:
            self.canvas.saveState()
            self.canvas.translate(_MARGIN + 8, self.y - side / 2)
            self.canvas.rotate(90)
            self._text(0, 0, name, color=LIGHT["dim"], anchor="middle")
            self.canvas.restoreState()
            for place, picture in enumerate(pictures):
                left = _MARGIN + 14 + side * place
                content = BytesIO()
                picture.save(content, "JPEG", quality=90, subsampling=0)
                self.canvas.drawImage(ImageReader(content), left, self.y - side + 2, side - 2, side - 2)
            self.y -= side
        x = _MARGIN + 14
        for label, color in report.legend:
            self._fill(color)
            self.canvas.circle(x + 3, self.y - 5, 3, stroke=0, fill=1)
            self._text(x + 9, self.y - _TEXT, label)
            x += 20 + self._length(label)
        self.y -= _LINE

    def _values(self, values: Sequence[tuple[str, str, str]], left: float) -> None:
        right = _MARGIN + _WIDTH
        if any(row[2] for row in values):
            self._text(
                right, self.y - _TEXT, "one basal slice fewer or more", color=LIGHT["dim"], anchor="end", size=6.5
            )
            self.y -= _LINE
        for name, value, bounds in values:
            self._text(left, self.y - _TEXT, name, width=right - left - 120)
            self._text(right - 62, self.y - _TEXT, value, anchor="end", font=_BOLD)
            self._text(right, self.y - _TEXT, bounds, anchor="end", color=LIGHT["dim"])
            self.y -= _LINE

    def _entries(self, heading: str, entries: Sequence[str], left: float, foot: float) -> None:
        """Write a list that ends above ``foot``; its last line gives the number of omitted entries."""
        width = _MARGIN + _WIDTH - left
        self._paragraph(heading, left, width, _BOLD)
        for number, entry in enumerate(entries):
            more = len(entries) - number
            if self.y - _LINE * (len(self._lines(f"- {entry}", width)) + (more > 1)) < foot:
                self._paragraph(f"... and {more} more: see the HTML report or the record.", left, width)
                break
            self._paragraph(f"- {entry}", left, width)

    def _drawings(self, drawings: Sequence[Drawing], left: float, width: float, height: float) -> None:
        """Draw drawings side by side, limited by the given height and width."""
        scale = min(height / drawings[0].height, width / sum(one.width for one in drawings))
        room = width / len(drawings)
        for place, drawing in enumerate(drawings):
            self.canvas.saveState()
            self.canvas.translate(left + place * room + (room - scale * drawing.width) / 2, self.y)
            self.canvas.scale(scale, scale)
            for shape in drawing.shapes:
                self._shape(shape)
            self.canvas.restoreState()
        self.y -= scale * drawings[0].height

    def _shape(self, shape: Line | Disc | Area | Text) -> None:
        """Draw a shape of a drawing, whose y increases downward from 0."""
        if isinstance(shape, Text):
            color = rgb(shape.color, LIGHT)
            self._text(
                shape.at[0], -shape.at[1], shape.text, shape.size, color=color, anchor=shape.anchor, width=shape.room
            )
        elif isinstance(shape, Disc):
            self._fill(rgb(shape.color, LIGHT))
            self.canvas.circle(shape.center[0], -shape.center[1], shape.radius, stroke=0, fill=1)
        else:
            path = self.canvas.beginPath()
            for number, (x, y) in enumerate(shape.points):
                (path.lineTo if number else path.moveTo)(x, -y)
            outline = shape.color if isinstance(shape, Line) else shape.outline
            self.canvas.setStrokeColorRGB(*(part / 255 for part in rgb(outline, LIGHT)))
            self.canvas.setLineWidth(shape.width if isinstance(shape, Line) else 0.7)
            if isinstance(shape, Area):
                path.close()
                self._fill(rgb(shape.color, LIGHT))
            self.canvas.drawPath(path, stroke=1, fill=isinstance(shape, Area))

    # text

    def _rule(self) -> None:
        self.canvas.setStrokeColorRGB(*(part / 255 for part in LIGHT["line"]))
        self.canvas.setLineWidth(0.6)
        self.canvas.line(_MARGIN, self.y - 2, _MARGIN + _WIDTH, self.y - 2)
        self.y -= 6

    def _paragraph(
        self, text: str, left: float = _MARGIN, width: float = _WIDTH, font: str = _FONT,
        color: tuple[int, int, int] = LIGHT["ink"],
    ) -> None:  # fmt: skip
        for line in self._lines(text, width, font):
            self._text(left, self.y - _TEXT, line, font=font, color=color)
            self.y -= _LINE

    def _lines(self, text: str, width: float, font: str = _FONT) -> list[str]:
        from reportlab.lib.utils import simpleSplit

        return simpleSplit(_plain(text), font, _TEXT, width)

    def _length(self, text: str, size: float = _TEXT, font: str = _FONT) -> float:
        return self.canvas.stringWidth(_plain(text), font, size)

    def _fill(self, color: tuple[int, int, int]) -> None:
        self.canvas.setFillColorRGB(*(part / 255 for part in color))

    def _text(
        self, x: float, y: float, text: str, size: float = _TEXT, font: str = _FONT,
        color: tuple[int, int, int] = LIGHT["ink"], anchor: str = "start", width: float | None = None,
    ) -> None:  # fmt: skip
        """Write a line of text at its baseline, shortened in the middle to ``width``."""
        shown = whole = _plain(text)
        kept = len(whole)
        while width is not None and kept and self._length(shown, size, font) > width:
            kept -= 1
            shown = whole[: kept - kept // 2] + "..." + whole[len(whole) - kept // 2 :]
        self._fill(color)
        self.canvas.setFont(font, size)
        getattr(self.canvas, _ANCHORS[anchor])(x, y, shown)


def _plain(text: str) -> str:
    """Restrict a text to Western European characters, which the standard PDF fonts have."""
    return "".join(map(_letter, unicodedata.normalize("NFC", " ".join(text.split()))))


def _letter(letter: str) -> str:
    try:
        letter.encode("cp1252")
        return letter
    except UnicodeEncodeError:
        base = "".join(one for one in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(one))
        return base.encode("cp1252", "replace").decode("cp1252") or "?"
