"""A record as the few lines that a terminal shows of it."""

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..console import Console
from ..inputs.candidates import shown
from ..measure import CardiacFunction
from ..tabular import align


def show(console: Console, record: Mapping[str, Any], printed: Collection[str] = (), brief: bool = False) -> None:
    """Print a case that is done, and its notices.

    Args:
        record: see `record.Record`, as a dictionary.
        printed: kinds of notices that were printed before.
        brief: one of many: of a cine no table.
    """
    console.event("done", describe(record, brief), record=record)
    for notice in record["notices"]:
        if notice["kind"] not in printed:
            console.warn(f"{record['case']}: {notice['text']}")


def describe(record: Mapping[str, Any], brief: bool = False) -> str:
    """A case's short table (structure, ml), of a cine the values of its function, and what was written where."""
    rows = [("structure", "ml"), *((s["name"], f"{s['volume_ml']:.1f}") for s in record["structures"])]
    device, seconds, cine = record["device"], record["timings"]["total"], record["cine"]
    name = shown(Path(record["input"]["path"] or record["case"]).name)
    frames = f"{cine['frames']} frames in " if cine else ""
    lines = [f"{name}: {frames}{seconds:.1f} s on {device['name']} ({device['reason']})", align(rows)]
    if cine:
        lines += [*(_fractions(cine) if brief else _function(cine)), *_from_header(cine["person"])]
    return "\n".join([*lines, f"written: {_listed(record['case'], record['outputs'])}"])


def _fractions(cine: Mapping[str, Any]) -> list[str]:
    """Which frame the table is of, and the ejection fractions, on one line."""
    shown = {side: cine["function"][side.lower()]["ef_percent"] for side in ("LV", "RV")}
    fractions = [f"{side} {'not reported' if value is None else f'{value:.1f}%'}" for side, value in shown.items()]
    return [f"frame {cine['frame']} of {cine['frames']}; ejection fraction {', '.join(fractions)}"]


def _function(cine: Mapping[str, Any]) -> list[str]:
    """Which frame the table is of, and a table of the function."""
    function = CardiacFunction.from_dict(cine["function"])
    rows = [("quantity", "value", "", "±1 basal slice")]
    for row in function.rows():
        value, low, high = (None if row[key] is None else f"{row[key]:.1f}" for key in ("value", "low", "high"))
        rows.append((row["quantity"], value or "not reported", row["unit"], f"{low} to {high}" if low else ""))
    lines = [f"(frame {cine['frame']} of {cine['frames']})", align(rows)]
    if function.ed_frame is not None:
        es = "unknown" if function.es_frame is None else f"frame {function.es_frame + 1}"
        lines.append(f"end-diastole: frame {function.ed_frame + 1}, end-systole: {es}, of {cine['frames']}")
    return lines


def _from_header(person: Mapping[str, Any]) -> list[str]:
    """Which values of a person come from the DICOM header, on one line; nothing where there are none."""
    kinds = {"heart_rate": ("heart rate", "/min"), "height": ("height", " cm"), "weight": ("weight", " kg")}
    told = [f"{kinds[name][0]} {person[name]:.4g}{kinds[name][1]}" for name in person["from_header"]]
    return [f"{', '.join(told)} from the DICOM header"] if told else []


def _listed(case: str, outputs: Sequence[str]) -> str:
    """The names of files; of those of single frames, which may be many, the first and the last."""
    single = [name for name in outputs if re.match(rf"{re.escape(case)}_f\d+[._]", name)]
    listed = ", ".join(shown(name) for name in outputs if name not in single)
    return f"{listed}; {len(single)} of single frames, {single[0]} to {single[-1]}" if single else listed
