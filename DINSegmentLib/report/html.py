"""A case's report as one self-contained HTML file."""

import base64
from collections.abc import Iterable, Sequence
from html import escape
from io import BytesIO

from PIL.Image import Image

from ..pictures.drawing import Disc, Drawing, svg
from .heart import DISCLAIMER, Report
from .page import page


def html(report: Report) -> str:
    """Render the report."""
    return page(
        "heart.html",
        report.title,
        ("colors.css", "heart.css"),
        disclaimer=escape(DISCLAIMER),
        identity=_pairs(report.identity),
        reviewer=_reviewer(report),
        pictures=_pictures(report),
        legend="".join(map(_legend, report.legend)),
        values=_values(report.values),
        curve=_section("curve", "Volumes over the cardiac cycle", [report.curve] if report.curve else []),
        plots=_section("plots", report.plots_heading, report.plots),
        check=_list("Notices", report.notices or ["None."]) + _list("Slices to review", report.slices or ["None."]),
        notes="".join(f"<li>{escape(note)}</li>" for note in report.notes),
        provenance=_pairs(report.provenance),
    )


def _pairs(pairs: Iterable[tuple[str, str]]) -> str:
    return "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in pairs)


def _reviewer(report: Report) -> str:
    if report.reviewer is None:
        return ""
    one = report.reviewer
    comment = f"<p>{escape(one.comment)}</p>" if one.comment else ""
    return f'<section class="reviewer"><p>Reviewed by {escape(one.name)} on {escape(one.date)}</p>{comment}</section>'


def _pictures(report: Report) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in report.columns)
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(
            f'<td><img alt="{escape(f"{name}, {column}")}" src="{_address(picture)}"></td>'
            for column, picture in zip(report.columns, pictures, strict=True)
        )
        + "</tr>"
        for name, pictures in report.rows
    )
    return f"<tr><td></td>{head}</tr>{rows}"


def _address(picture: Image) -> str:
    content = BytesIO()
    picture.save(content, "JPEG", quality=88, subsampling=0)
    return f"data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode()}"


def _legend(entry: tuple[str, tuple[int, int, int]]) -> str:
    name, color = entry
    return f"<span>{svg(Drawing(10, 10, (Disc((5, 5), 5, color),)), name)}{escape(name)}</span>"


def _values(values: Sequence[tuple[str, str, str]]) -> str:
    ranges = any(range_ for _, _, range_ in values)
    head = '<tr><th></th><th scope="col">Value</th><th scope="col">One basal slice fewer or more</th></tr>'
    rows = [
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td>'
        + (f"<td>{escape(range_)}</td>" if ranges else "")
        + "</tr>"
        for name, value, range_ in values
    ]
    return (head if ranges else "") + "".join(rows)


def _section(kind: str, heading: str, drawings: Sequence[Drawing]) -> str:
    if not drawings:
        return ""
    inside = "".join(svg(drawing, heading) for drawing in drawings)
    return f'<section class="{kind}"><h2>{escape(heading)}</h2><div>{inside}</div></section>'


def _list(heading: str, entries: Sequence[str]) -> str:
    return f"<div><h2>{escape(heading)}</h2><ul>{''.join(f'<li>{escape(one)}</li>' for one in entries)}</ul></div>"
