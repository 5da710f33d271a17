"""The review page of a run: one HTML file, with the cases' images in a folder next to it."""

import math
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from ..io import outputs
from ..measure import CardiacFunction
from ..model import Model
from ..pictures.curve import curves_of, draw_curves, marks_of
from ..pictures.drawing import svg
from ..pictures.thumbnails import places_in
from .page import page
from .values import value_texts

NAME = "report.html"
PAGE, PDF = "_report.html", "_report.pdf"
"""Endings of a case's report files, to which the review page has links."""

_STYLES = ("colors.css", "overview.css")
_SCRIPTS = ("marks.js", "rows.js", "curves.js", "overview.js")

_NOT_SCORED = {"skipped": "skipped", "cancelled": "not finished"}
"""Outcomes that are neither results nor failures, of which the page shows only the number."""

FEWEST = 5  # minimum number of volumes for finding unusual ones


def write_report(
    records: Sequence[Mapping[str, Any]],
    pictures: Mapping[str, Path],
    folder: Path,
    title: str,
    models: Iterable[Model] = (),
    run: str | None = None,
    into: Path | None = None,
) -> Path:
    """Write ``report.html`` atomically into a run's folder, replacing an older one.

    Args:
        records: of each case in the run, as made by `record.record`; keys may be missing. ``case`` is its unique
            name (otherwise ``input.name``), ``notices`` its warnings, ``confidence`` its mean confidence (otherwise the
            mean over its structures' voxels); a failed case has ``input``, ``case`` and ``error`` (a sentence).
            Those whose ``outcome`` is ``skipped`` or ``cancelled`` are only counted.
        pictures: strip of each case, below the folder; cases may lack one.
        folder: folder of the report.
        title: title of the page.
        models: define the colors of the structures.
        run: name of the run in the browser's storage, which keeps marks; by default derived from the folder's path.
        into: folder in which to write the file before it is moved to ``folder``; None for ``folder``.

    Raises:
        OutputError: the file cannot be written.
    """
    path = (into or folder) / NAME
    by_id = {model.id: model for model in models}
    colors = {label.name: list(label.color) for model in by_id.values() for label in model.labels}
    outcomes = Counter(str(record.get("outcome")) for record in records)
    scored = [record for record in records if record.get("outcome") not in _NOT_SCORED]
    cases = [_case(record, pictures, folder, by_id) for record in scored]
    _rate(cases)
    data = {
        "run": run or sha256(os.fsencode(folder.resolve())).hexdigest()[:16],
        "title": title,
        "colors": colors,
        "cases": cases,
        "others": [f"{outcomes[outcome]} {text}" for outcome, text in _NOT_SCORED.items() if outcomes[outcome]],
    }
    text = page("overview.html", title, _STYLES, _SCRIPTS, data=data)
    with outputs.beside([path]) as beside:
        (beside / NAME).write_text(text, encoding="utf-8", errors="xmlcharrefreplace", newline="\n")
    return path


def deviations(volumes: Sequence[float]) -> list[float]:
    """Robust z-scores of volumes: distance from their median in robust standard deviations.

    0.6745 (v - median) / MAD, with the median absolute deviation; if that is 0, with the mean absolute deviation:
    (v - median) / (1.2533 mean). Source: Iglewicz and Hoaglin, How to Detect and Handle Outliers (1993),
    which calls values beyond 3.5 outliers. All are 0 for fewer than five volumes or equal volumes.
    """
    values = np.array(volumes, np.float64)
    if len(values) < FEWEST:
        return [0.0] * len(values)
    distances = values - np.median(values)
    scale = np.median(np.abs(distances)) / 0.6745 or np.abs(distances).mean() * 1.2533
    return (distances / (scale or 1.0)).tolist()


def _case(
    record: Mapping[str, Any], pictures: Mapping[str, Path], folder: Path, models: Mapping[str, Model]
) -> dict[str, Any]:
    """Return a case's data for the page."""
    source = record.get("input") or {}
    source = source if isinstance(source, Mapping) else {"path": str(source)}
    case = str(record.get("case") or source.get("name") or source.get("path") or "")
    structures = [_structure(one) for one in record.get("structures") or ()]
    written = record.get("outputs") or ()
    return {
        "case": case,
        "input": str(source.get("path") or ""),
        "model": str((record.get("model") or {}).get("id") or ""),
        "date": str(record.get("date") or ""),
        "error": str(record["error"]) if record.get("error") else "",
        "picture": _address(pictures[case], folder) if case in pictures else "",
        "slices": places_in(pictures[case]) if case in pictures else [],
        "review": [
            {"slice": one.get("slice"), "text": str(one.get("text") or "")}
            for one in record.get("review") or ()
            if one.get("frame") is None  # the picture shows the frame of the structures
        ],
        "reports": [_address(folder / name, folder) for end in (PAGE, PDF) if (name := f"{case}{end}") in written],
        "structures": structures,
        "confidence": _first(_number(record.get("confidence")), _mean_confidence(structures)),
        "notices": [
            {
                "structure": str(notice.get("structure") or ""),
                "text": str(notice.get("text") or notice.get("kind") or ""),
            }
            for notice in record.get("notices") or ()
        ],
        "beat": _beat(case, record.get("cine"), models.get((record.get("model") or {}).get("id") or "")),
    }


def _structure(values: Mapping[str, Any]) -> dict[str, Any]:
    names = ("value", "voxels", "volume_ml", "mean", "sd", "slices", "confidence")
    return {
        "name": str(values.get("name") or values.get("value") or ""),
        **{name: _number(values.get(name)) for name in names},
        "touches_border": bool(values.get("touches_border")),
    }


def _beat(case: str, cine: Mapping[str, Any] | None, model: Model | None) -> dict[str, Any] | None:
    """Return a cine's curve as SVG, small and large, and rows of quantity, value and range, from its record."""
    if not cine:
        return None
    function = CardiacFunction.from_dict(cine["function"])
    rows = [row for row in function.rows() if row["quantity"] != "Cardiac output" or function.heart_rate is not None]
    label = f"Volumes of {case} over the cardiac cycle"
    curves = curves_of(function, model, wall=False) if model else []
    times, marks = function.times_ms, marks_of(function)
    small = draw_curves(curves, times, marks, size=(280, 160), bare=True) if curves else None
    large = draw_curves(curves, times, marks, size=(560, 320)) if curves else None
    return {
        "frames": cine["frames"],
        "frame": cine["frame"],
        "ef": None if function.lv.ef_percent is None else round(function.lv.ef_percent, 1),
        "small": svg(small, label) if small else "",
        "large": svg(large, label) if large else "",
        "figures": [[row["quantity"], *value_texts(row)] for row in rows],
    }


def _rate(cases: list[dict[str, Any]]) -> None:
    """Add to each structure the deviation of its volume from others of the same structure and model."""
    alike = defaultdict(list)
    for case in cases:
        for structure in case["structures"]:
            if structure["volume_ml"] is not None:
                alike[case["model"], structure["name"]].append(structure)
    for structures in alike.values():
        found = deviations([structure["volume_ml"] for structure in structures])
        for structure, deviation in zip(structures, found, strict=True):
            structure["deviation"] = round(deviation, 2)


def _mean_confidence(structures: Sequence[Mapping[str, Any]]) -> float | None:
    known = [(one["confidence"], one["voxels"] or 0) for one in structures if one["confidence"] is not None]
    voxels = sum(count for _, count in known)
    return sum(confidence * count for confidence, count in known) / voxels if voxels else None


def _number(value: Any) -> float | int | None:
    """Return a finite number, otherwise None, because JSON has no others."""
    return value if isinstance(value, int | float) and math.isfinite(value) else None


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)


def _address(path: Path, folder: Path) -> str:
    return "./" + quote(os.fsencode(Path(path).relative_to(folder).as_posix()))
