"""Content of a case's report; `html` and `pdf` only lay it out."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL.Image import Image

from ..measure import CardiacFunction, RegionalFunction
from ..measure.segments import NAMES
from ..model import Model
from ..model.enhancement import Enhancement
from ..pictures.bullseye import bullseye
from ..pictures.curve import curves_of, draw_curves, marks_of
from ..pictures.drawing import Color, Drawing, svg
from ..pictures.phases import Moment, draw_moments
from .values import value_texts

DISCLAIMER = (
    "Research use only. DINSegment is not a medical device: do not use it for diagnosis, treatment or any other "
    "clinical decision."
)
_NOT_REPORTED = "not reported"
_RINGS = ("Base", "Mid", "Apex")
_DATED = {"Report created", "Segmented"}  # names in the provenance whose values are dates
_THICKNESS, _THICKENING = (4.0, 14.0), (0.0, 80.0)  # range of the bull's-eyes' colors in mm and percent


@dataclass(frozen=True)
class Reviewer:
    """A person who has reviewed a result: name, date (ISO 8601), and comment."""

    name: str
    date: str
    comment: str = ""


@dataclass(frozen=True, eq=False)
class Report:
    """Content of a case's report, as plain text.

    Args:
        title: name or pseudonym of the case.
        identity: names and values: patient, study, series, and frames shown.
        columns, rows: headings of the images, and for each row its heading and images.
        legend: structures and their colors.
        curve: volume-time curves; None if not a cine.
        values: quantity, value with unit, and range with one basal slice fewer or more.
        plots_heading: what the bull's-eye plots show.
        plots: bull's-eye plots.
        notes: definitions of the values.
        notices: what to check.
        slices: slices to review, worst first.
        provenance: names and values: model, weights, program.
        reviewer: None if not reviewed.
    """

    title: str
    identity: tuple[tuple[str, str], ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Image, ...]], ...]
    legend: tuple[tuple[str, Color], ...]
    curve: Drawing | None
    values: tuple[tuple[str, str, str], ...]
    plots_heading: str
    plots: tuple[Drawing, ...]
    notes: tuple[str, ...]
    notices: tuple[str, ...]
    slices: tuple[str, ...]
    provenance: tuple[tuple[str, str], ...]
    reviewer: Reviewer | None = None

    @property
    def undated(self) -> bytes:
        """The texts and plots without dates: equal for reports that differ only in when they were made."""
        reviewed = [self.reviewer.name, self.reviewer.comment] if self.reviewer else []
        parts = [
            self.title, self.identity, self.values, [svg(plot, "") for plot in self.plots], self.notes, self.notices,
            self.slices, [one for one in self.provenance if one[0] not in _DATED], reviewed,
        ]  # fmt: skip
        return json.dumps(parts).encode()


def describe(
    record: Mapping[str, Any], model: Model, moments: Sequence[Moment], geometry: Any,
    study: Sequence[tuple[str, str]] = (), reviewer: Reviewer | None = None,
) -> Report:  # fmt: skip
    """Describe a case from its record.

    Args:
        record: as made by `batch.record.record`; without ``parameters`` if they are unknown.
        model: model that made the labels.
        moments: volumes to show: end-diastole and end-systole for a cine.
        geometry: grid of the labels.
        study: names and values of patient, study and series; empty for a pseudonymous case.
        reviewer: who has reviewed the result.
    """
    cine = record.get("cine")
    function = CardiacFunction.from_dict(cine["function"]) if cine else None
    regional = RegionalFunction.from_dict(cine["regional"]) if cine and cine.get("regional") else None
    middles = [ring[len(ring) // 2] for ring in regional.rings] if regional and regional.rings else []
    places, pictures = draw_moments(moments, geometry, model, middles)
    columns = [f"Slice {place + 1}" for place in places]
    if middles:
        columns = [f"{name}, {slice.lower()}" for name, slice in zip(_RINGS, columns, strict=True)]
    curves = curves_of(function, model) if function else []
    return Report(
        title=str(record["case"]),
        identity=(*_identity(record, study), *(_frames(function, cine["frames"]) if function and cine else ())),
        columns=tuple(columns),
        rows=tuple((moment.name, tuple(row)) for moment, row in zip(moments, pictures, strict=True)),
        legend=tuple((label.name, label.color) for label in model.labels),
        curve=draw_curves(curves, function.times_ms, marks_of(function), size=(560, 300)) if function else None,
        values=tuple(_values(record, function)),
        plots_heading="Wall thickness and thickening by segment" if regional else "Infarct by segment",
        plots=tuple(_plots(regional) if regional else _infarct_plots(record.get("infarct"))),
        notes=tuple(_notes(function, regional, record.get("infarct"))),
        notices=tuple(dict.fromkeys(str(one["text"]) for one in record["notices"])),
        slices=tuple(f"{_place(one)}: {one['text']}" for one in record["review"]),
        provenance=tuple(_provenance(record, model)),
        reviewer=reviewer,
    )


def _place(notice: Mapping[str, Any]) -> str:
    """Slice, and frame of a cine, of a notice from a record, counted from 1."""
    frame = notice.get("frame")
    return f"Slice {notice['slice'] + 1}" + (f", frame {frame + 1}" if frame is not None else "")


def _identity(record: Mapping[str, Any], study: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    source = record["input"]
    hidden = source["path"] is None
    found = [("Pseudonym" if hidden else "Case", str(record["case"])), *study]
    if not hidden and not study:
        found.append(("Input", str(source["name"])))
    size, count = source["spacing"], reversed(source["shape"])  # both (I, J, K)
    text = f"{' x '.join(f'{mm:.2f}' for mm in size)} mm, {' x '.join(map(str, count))}"
    return [*found, ("Voxels", text)]


def _frames(function: CardiacFunction, count: int) -> list[tuple[str, str]]:
    found = []
    for name, frame in (("End-diastole", function.ed_frame), ("End-systole", function.es_frame)):
        time = f" ({function.times_ms[frame]:.0f} ms)" if function.times_ms and frame is not None else ""
        found.append((name, "unknown" if frame is None else f"frame {frame + 1} of {count}{time}"))
    return found


def _values(record: Mapping[str, Any], function: CardiacFunction | None) -> list[tuple[str, str, str]]:
    if function is None:
        rows = [(str(one["name"]), f"{one['volume_ml']:.1f} ml", "") for one in record["structures"]]
        return [*rows, *_infarct(record.get("infarct"))]
    rows = [(row["quantity"], *value_texts(row)) for row in function.rows()]
    if function.heart_rate is not None:
        rows.append(("Heart rate", f"{function.heart_rate:.0f} bpm", ""))
    return rows


def _infarct(size: Mapping[str, Any] | None) -> list[tuple[str, str, str]]:
    """Rows for late enhancement: infarct with no-reflow, in total and by slice."""
    if size is None or size["share_percent"] is None:
        return []
    rows = [("Infarct with no-reflow", f"{size['infarct_ml']:.1f} ml, {size['infarct_g']:.1f} g", "")]
    rows.append(("Infarct, share of the wall", f"{size['share_percent']:.1f}%", ""))
    shares = enumerate(size["slice_share_percent"], start=1)
    return [*rows, *((f"Infarct, slice {number}", f"{share:.1f}%", "") for number, share in shares if share)]


def _plots(regional: RegionalFunction) -> list[Drawing]:
    shown = (
        ("Wall at end-diastole", "mm", "ed_mm", _THICKNESS, 1), ("Wall at end-systole", "mm", "es_mm", _THICKNESS, 1),
        ("Thickening", "%", "thickening_percent", _THICKENING, 0),
    )  # fmt: skip
    return [
        bullseye({number: getattr(one, key) for number, one in regional.segments.items()}, title, unit, bounds, digits)
        for title, unit, key, bounds, digits in shown
    ]


def _infarct_plots(size: Mapping[str, Any] | None) -> list[Drawing]:
    shares = size.get("segment_share_percent") if size else None
    if not shares:
        return []
    values = {number: shares.get(str(number)) for number in NAMES}
    return [bullseye(values, "Infarct, share of the wall", "%", (0.0, 100.0), 0)]


def _notes(
    function: CardiacFunction | None, regional: RegionalFunction | None, infarct: Mapping[str, Any] | None
) -> list[str]:
    if function is None:
        notes = ["Volumes count the voxels of each label."]
        if infarct is not None:
            notes.append(
                f"Infarct: {infarct['method']}; mass = volume x 1.05 g/ml. "
                + _by_segment(infarct.get("insertion_from"))
            )
        return notes
    notes = [
        "Volumes by slice summation (modified Simpson); ranges with one basal slice fewer or more. Papillary muscles "
        "belong to the cavity. Mass: wall volume at end-diastole x 1.05 g/ml."
    ]
    if function.bsa_m2 is None:
        notes.append("Indexed values are not reported: height and weight are not known.")
    else:
        notes.append(
            f"Body surface area (BSA) {function.bsa_m2:.2f} m²: square root of height in cm x weight in kg / 3600 "
            "(Mosteller, N Engl J Med 1987)."
        )
    if function.heart_rate is None:
        notes.append("Cardiac output is not reported: the heart rate is not known.")
    if regional:
        notes.append(
            "Wall: centerline method in short-axis slices (Sheehan et al., Circulation 1986), segments of the American "
            "Heart Association (Cerqueira et al., Circulation 2002). Segment 17 is not assessed."
        )
    return [*notes, "Reference ranges are not given."]


def _by_segment(source: str | None) -> str:
    if source is None:
        return "By segment it is not reported: see the warnings."
    return (
        f"Segments of the American Heart Association (Cerqueira et al., Circulation 2002), from the insertions of the "
        f"right ventricle given by {source}."
    )


def _provenance(record: Mapping[str, Any], model: Model) -> list[tuple[str, str]]:
    made, parameters = record["model"], record.get("parameters")
    found = [
        ("Model", f"{model.title}, {made['id']} {made['version'] or '(version unknown)'}"),
        ("Weights (SHA-256)", str(made["weights_sha256"] or "unknown")),
        ("Program", f"DINSegment {record['versions']['dinsegment']}"),
    ]
    if parameters is None:  # the labels may have been edited since
        return [*found, ("Report created", str(record["date"]))]
    how = Enhancement(parameters["enhancement"]["method"], parameters["enhancement"]["strength"])
    return [*found, ("Enhancement", str(how)), ("Segmented", str(record["date"]))]
