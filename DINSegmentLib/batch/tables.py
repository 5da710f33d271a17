"""Tables of a run: `statistics.csv`, a row for each case and structure; `function.csv`, a row for each cine;
`segments.csv`, a row for each cine and segment of its wall; `summary.json`, the outcome of each input.

All are made from entries, one for each input. An entry is either a case's record (see `record.record`), or
data about an input without a result:

- ``case``: ID; missing if the input never became a case. A record without an ID is listed by its input's name.
- ``input``: as in a record, or the path as text.
- ``outcome``: one of `OUTCOMES`; by default ``done``, or ``failed`` if there is an ``error``.
- ``error``: why there is no result, one sentence.
- ``structures``: as in a record, each with values of `measure.StructureStatistics` and `measure.Confidence`:
  ``mean``, ``sd``, ``slices``, ``touches_border``, ``touches_end``, ``confidence``. Missing values are empty.
- ``cine``: as in a record; missing or null if the case is not a cine.
- ``notices``: list with the fields of `notices.Notice`, for a structure or (null) the whole case.
- ``extra``: user columns, name to text.
"""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..io import outputs
from ..measure.segments import NAMES
from ..tabular import csv_text
from .versions import versions

SCHEMA_VERSION = 1
OUTCOMES = ("done", "resumed", "skipped", "refused", "failed", "cancelled")  # resumed: finished by an earlier run

COLUMNS = (
    "case", "input", "frame", "model", "structure", "value", "volume_ml", "mean", "sd", "voxels", "slices",
    "touches_border", "touches_end", "mean_confidence", "notices",
)  # fmt: skip
_FLOATS = ("volume_ml", "mean", "sd", "mean_confidence")
_WHOLE_NUMBERS = ("frame", "value", "voxels", "slices")
_VENTRICLE = ("edv_ml", "esv_ml", "sv_ml", "ef_percent")
_WHOLE = ("mass_g", "heart_rate", "cardiac_output_l_min", "bsa_m2")
_INDEXED = (
    "lv_edv_ml_m2", "lv_esv_ml_m2", "lv_sv_ml_m2", "rv_edv_ml_m2", "rv_esv_ml_m2", "rv_sv_ml_m2", "mass_g_m2",
    "cardiac_index_l_min_m2",
)  # fmt: skip
SEGMENT_COLUMNS = (
    "case", "input", "model", "segment", "name", "ed_mm", "es_mm", "thickening_percent", "reason",
)  # fmt: skip
FUNCTION_COLUMNS = (
    "case", "input", "model", "frames", "ed_frame", "es_frame", *(f"lv_{name}" for name in _VENTRICLE),
    *(f"rv_{name}" for name in _VENTRICLE), *_WHOLE, *_INDEXED, "warnings",
)  # fmt: skip

_FORMULA = ("=", "+", "-", "@")  # a spreadsheet would run cells that begin with these
_NUMBER = re.compile(r"[+-]?([0-9]+[.,]?[0-9]*|[.,][0-9]+)([eE][+-]?[0-9]+)?")
_BREAKING = {"Cc", "Cs", "Zl", "Zp"}  # Unicode categories: controls, surrogates, line and paragraph separators


def write_statistics(entries: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Write `statistics.csv`: UTF-8, commas, `COLUMNS` and then the user columns.

    Rows are sorted by case ID, then as in the record, so that the same results give the same bytes,
    whatever their order. ``notices`` has the kinds of notices about the structure and the whole case, separated by
    spaces. A user column with the name of a table column becomes ``own NAME``. Cells never contain formulas
    (such text gets a leading apostrophe) or line breaks (written as backslash and n).

    Raises:
        OutputError: the file cannot be written; an existing table is unchanged.
    """
    _write_rows(COLUMNS, _statistics(entries), path)


def write_parquet(entries: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Write the same table as Parquet with numeric types and null for empty cells; does nothing without pyarrow.

    Raises:
        OutputError: the file cannot be written; an existing table is unchanged.
    """
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError:
        return
    rows = _statistics(entries)
    own = _own_columns(rows)
    kinds = {name: arrow.float64() for name in _FLOATS} | {name: arrow.int64() for name in _WHOLE_NUMBERS}
    schema = arrow.schema([
        *(arrow.field(name, kinds.get(name, arrow.string())) for name in COLUMNS),
        *(arrow.field(f"own {name}" if name in COLUMNS else name, arrow.string()) for name in own),
    ])  # fmt: skip
    values = [
        [*(None if cell in ("", None) else cell for cell in row), *(extra.get(name) for name in own)]
        for entry, lines in rows for extra in [entry.get("extra") or {}] for row in lines
    ]  # fmt: skip
    read: dict[str, Any] = {"double": float, "int64": int}
    columns = [
        [None if value is None else read.get(str(field.type), str)(value) for value in column]
        for field, column in zip(schema, zip(*values, strict=True) if values else [()] * len(schema), strict=True)
    ]
    with outputs.beside([path]) as folder:
        table = arrow.table(
            [arrow.array(cells, field.type) for field, cells in zip(schema, columns, strict=True)], schema
        )
        parquet.write_table(table, folder / path.name)


def _statistics(entries: Iterable[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], list[Sequence[Any]]]]:
    entries = [entry for entry in _in_order(entries) if entry.get("structures")]
    return [(entry, [_row(entry, one) for one in entry["structures"]]) for entry in entries]


def write_function(entries: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Write `function.csv` if there is a cine: `FUNCTION_COLUMNS` and user columns, as in `write_statistics`.

    Frames are counted from 1. Values that are unknown or not reported are empty; ``warnings`` has the reasons.

    Raises:
        OutputError: the file cannot be written; an existing table is unchanged.
    """
    cines = [entry for entry in _in_order(entries) if entry.get("cine")]
    if cines:
        _write_rows(FUNCTION_COLUMNS, [(entry, [_function(entry)]) for entry in cines], path)


def write_segments(entries: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Write `segments.csv` if the wall of a cine was measured: `SEGMENT_COLUMNS`, a row for each segment.

    Values that are not reported are empty; ``reason`` has the reason.

    Raises:
        OutputError: the file cannot be written; an existing table is unchanged.
    """
    found = [(entry, entry["cine"].get("regional")) for entry in _in_order(entries) if entry.get("cine")]
    measured = [(entry, _segments(entry, regional)) for entry, regional in found if regional]
    if measured:
        _write_rows(SEGMENT_COLUMNS, measured, path)


def _segments(entry: Mapping[str, Any], regional: Mapping[str, Any]) -> list[list[Any]]:
    return [
        [_case(entry), _path(entry), entry["model"]["id"], number, NAMES[number]]
        + [regional["segments"][str(number)][name] for name in SEGMENT_COLUMNS[5:]]
        for number in NAMES
    ]


def _write_rows(
    columns: Sequence[str], entries: Sequence[tuple[Mapping[str, Any], Sequence[Sequence[Any]]]], path: Path
) -> None:
    """Write the rows of all entries, each with its entry's user columns."""
    own = _own_columns(entries)
    header = map(_cell, [*columns, *(f"own {name}" if name in columns else name for name in own)])
    lines = (
        [*map(_cell, row), *(_cell((entry.get("extra") or {}).get(name)) for name in own)]
        for entry, rows in entries
        for row in rows
    )
    _write(csv_text(header, lines), path)


def _own_columns(entries: Sequence[tuple[Mapping[str, Any], Any]]) -> list[str]:
    return list(dict.fromkeys(name for entry, _ in entries for name in entry.get("extra") or {}))


def write_summary(
    entries: Iterable[Mapping[str, Any]], parameters: Mapping[str, Any], timings: Mapping[str, float], path: Path,
    hashes: Mapping[str, str] | None = None,
) -> None:  # fmt: skip
    """Write `summary.json`: the outcome of each input, and the settings of the run.

    It has ``schema``, ``versions``, ``parameters``, ``timings`` and ``tables`` (the hashes) as given, ``counts``
    (``inputs``, the number of each of `OUTCOMES`, and ``noticed``, the number of results with notices) and ``inputs``
    sorted by case ID, each with ``case``, ``input``, ``outcome``, ``reason`` (null if it succeeded),
    ``notices`` (sentences), ``function`` (of a cine, as in `function.csv` with unrounded numbers; otherwise null),
    ``seconds`` (of a result) and ``outputs`` (file names).

    Args:
        parameters: parameters of the run as JSON values.
        timings: seconds of the run by step.
        hashes: SHA-256 of the other tables by name, by which a later run recognizes them.

    Raises:
        OutputError: the file cannot be written; an existing summary is unchanged.
        ValueError: an outcome is not in `OUTCOMES`, or a number is not finite.
    """
    inputs = [_told(entry) for entry in _in_order(entries)]
    counted = Counter(one["outcome"] for one in inputs)
    if unknown := set(counted) - set(OUTCOMES):
        raise ValueError(f"unknown outcome: {', '.join(sorted(unknown))}")
    summary = {
        "schema": SCHEMA_VERSION,
        "versions": versions(),
        "parameters": dict(parameters),
        "timings": {step: round(seconds, 4) for step, seconds in sorted(timings.items())},
        "counts": {
            "inputs": len(inputs),
            **{outcome: counted[outcome] for outcome in OUTCOMES},
            "noticed": sum(bool(one["notices"]) for one in inputs),
        },
        "tables": dict(hashes or {}),
        "inputs": inputs,
    }
    _write(json.dumps(summary, indent=2, ensure_ascii=False, allow_nan=False) + "\n", path)


def _in_order(entries: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(entries, key=lambda entry: (_case(entry) or "", _path(entry)))


def _case(entry: Mapping[str, Any]) -> str | None:
    if entry.get("case") is None and isinstance(entry["input"], Mapping):
        return entry["input"]["name"]
    return entry.get("case")


def _path(entry: Mapping[str, Any]) -> str:
    source = entry["input"]
    return str(source["path"] or source["name"] if isinstance(source, Mapping) else source)


def _told(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "case": _case(entry),
        "input": _path(entry),
        "outcome": entry.get("outcome") or ("failed" if entry.get("error") else "done"),
        "reason": entry.get("error"),
        "notices": [notice["text"] for notice in entry.get("notices") or ()],
        "function": _figures(entry["cine"]) if entry.get("cine") else None,
        "seconds": (entry.get("timings") or {}).get("total"),
        "outputs": list(entry.get("outputs") or ()),
    }


def _row(entry: Mapping[str, Any], structure: Mapping[str, Any]) -> Sequence[Any]:
    name = structure["name"]
    about = [one for one in entry.get("notices") or () if one.get("structure") in (name, None)]
    kinds = [one["kind"] for one in about]
    return (
        _case(entry),
        _path(entry),
        _frame(entry),
        entry["model"]["id"],
        name,
        structure["value"],
        _number(structure.get("volume_ml"), ".3f"),
        _number(structure.get("mean"), ".7g"),
        _number(structure.get("sd"), ".7g"),
        structure.get("voxels"),
        structure.get("slices"),
        _yes(structure.get("touches_border")),
        _yes(structure.get("touches_end")),
        _number(structure.get("confidence"), ".4f"),
        " ".join(dict.fromkeys(kinds)),
    )


def _frame(entry: Mapping[str, Any]) -> int | None:
    """Frame, from 1, to which a row of structures refers."""
    if entry.get("cine"):
        return entry["cine"]["frame"]
    return entry["input"].get("frame") if isinstance(entry["input"], Mapping) else None


def _function(entry: Mapping[str, Any]) -> list[Any]:
    figures = _figures(entry["cine"])
    shown = [f"{value:.7g}" if isinstance(value, float) else value for value in list(figures.values())[:-1]]
    return [_case(entry), _path(entry), entry["model"]["id"], *shown, " ".join(figures["warnings"])]


def _figures(cine: Mapping[str, Any]) -> dict[str, Any]:
    """Values of `FUNCTION_COLUMNS` after the model, with frames counted from 1."""
    function = cine["function"]
    frames = {name: None if function[name] is None else function[name] + 1 for name in ("ed_frame", "es_frame")}
    sides = {f"{side}_{name}": function[side][name] for side in ("lv", "rv") for name in _VENTRICLE}
    indexed = function["indexed"] or {}
    return {
        "frames": cine["frames"],
        **frames,
        **sides,
        **{name: function[name] for name in _WHOLE},
        **{name: indexed.get(name) for name in _INDEXED},
        "warnings": [one["text"] for one in function["notices"]],
    }


def _number(value: float | None, form: str) -> str | None:
    return None if value is None else format(value, form)


def _yes(value: bool | None) -> str | None:
    return None if value is None else "true" if value else "false"


def _cell(value: Any) -> str:
    """Format a value for a cell, on one line and never as a formula."""
    text = "" if value is None else "".join(map(_visible, str(value)))
    return f"'{text}" if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text


def _visible(letter: str) -> str:
    return letter.encode("unicode_escape").decode() if unicodedata.category(letter) in _BREAKING else letter


def _write(text: str, path: Path) -> None:
    with outputs.beside([path]) as folder:
        # surrogates from a name that is not UTF-8 are escaped as in JSON
        (folder / path.name).write_bytes(text.encode("utf-8", "backslashreplace"))
