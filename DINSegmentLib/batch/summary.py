"""Summary of a record in a few lines for the terminal."""

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..console import Console
from ..inputs.candidates import shown
from ..measure import CardiacFunction
from ..tabular import align


def show(console: Console, record: Mapping[str, Any], printed: Collection[str] = (), brief: bool = False) -> None:
    """Print a finished case and its notices.

    Args:
        record: a `record.Record` as a dictionary.
        printed: kinds of notices that were already printed.
        brief: one of many cases: print no table for a cine.
    """
    console.event("done", describe(record, brief), record=record)
    for notice in record["notices"]:
        if notice["kind"] not in printed:
            console.warn(f"{record['case']}: {notice['text']}")


def describe(record: Mapping[str, Any], brief: bool = False) -> str:
    """Format a case's short table (structure, ml), cardiac function of a cine, and the written files."""
    rows = [("structure", "ml"), *((s["name"], f"{s['volume_ml']:.1f}") for s in record["structures"])]
    device, seconds, cine = record["device"], record["timings"]["total"], record["cine"]
    name = shown(Path(record["input"]["path"] or record["case"]).name)
    frames = f"{cine['frames']} frames in " if cine else ""
    lines = [f"{name}: {frames}{seconds:.1f} s on {device['name']} ({device['reason']})", align(rows)]
    if cine:
        lines += [*(_fractions(cine) if brief else _function(cine)), *_from_header(cine["person"])]
    return "\n".join([*lines, f"written: {_listed(record['case'], record['outputs'])}"])


def _fractions(cine: Mapping[str, Any]) -> list[str]:
    """Line with the frame of the table and the ejection fractions."""
    shown = {side: cine["function"][side.lower()]["ef_percent"] for side in ("LV", "RV")}
    fractions = [f"{side} {'not reported' if value is None else f'{value:.1f}%'}" for side, value in shown.items()]
    return [f"frame {cine['frame']} of {cine['frames']}; ejection fraction {', '.join(fractions)}"]


def _function(cine: Mapping[str, Any]) -> list[str]:
    """Line with the frame of the table, followed by a table of cardiac function."""
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
    """Line that lists which patient data are from the DICOM header; empty if none."""
    kinds = {"heart_rate": ("heart rate", "/min"), "height": ("height", " cm"), "weight": ("weight", " kg")}
    told = [f"{kinds[name][0]} {person[name]:.4g}{kinds[name][1]}" for name in person["from_header"]]
    return [f"{', '.join(told)} from the DICOM header"] if told else []


def _listed(case: str, outputs: Sequence[str]) -> str:
    """List file names; of the files of single frames, which may be many, only the first and last."""
    single = [name for name in outputs if re.match(rf"{re.escape(case)}_f\d+[._]", name)]
    listed = ", ".join(shown(name) for name in outputs if name not in single)
    return f"{listed}; {len(single)} of single frames, {single[0]} to {single[-1]}" if single else listed
