"""A record as the few lines that a terminal shows of it."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ..console import Console, table
from ..inputs.candidates import shown


def show(console: Console, record: Mapping[str, Any], printed: Collection[str] = ()) -> None:
    """Print a case that is done, and its notices, except for kinds that were printed before."""
    console.event("done", describe(record), record=record)
    for notice in record["notices"]:
        if notice["kind"] not in printed:
            console.warn(f"{record['case']}: {notice['text']}")


def describe(record: Mapping[str, Any]) -> str:
    """A case's short table (structure, ml) and what was written where."""
    rows = [("structure", "ml"), *((s["name"], f"{s['volume_ml']:.1f}") for s in record["structures"])]
    device, seconds = record["device"], record["timings"]["total"]
    name = shown(Path(record["input"]["path"] or record["case"]).name)
    lines = [f"{name}: {seconds:.1f} s on {device['name']} ({device['reason']})"]
    lines += [
        table(rows),
        *_cine(record["cine"]),
        f"written: {', '.join(map(shown, record['outputs']))}",
    ]
    return "\n".join(lines)


def _cine(cine: Mapping[str, Any] | None) -> list[str]:
    """Of a cine, which frame the table is of, and the ejection fractions."""
    if cine is None:
        return []
    shown = {side: cine["function"][side.lower()]["ef_percent"] for side in ("LV", "RV")}
    fractions = [f"{side} {'withheld' if value is None else f'{value:.1f} %'}" for side, value in shown.items()]
    text = f"frame {cine['frame']} of {cine['frames']}; ejection fraction {', '.join(fractions)}"
    return [text, *from_header(cine["person"])]


def from_header(person: Mapping[str, Any]) -> list[str]:
    """Which figures of a person come from the DICOM header, on one line; nothing where there are none."""
    kinds = {"heart_rate": ("heart rate", "/min"), "height": ("height", " cm"), "weight": ("weight", " kg")}
    told = [f"{kinds[name][0]} {person[name]:.4g}{kinds[name][1]}" for name in person["from_header"]]
    return [f"{', '.join(told)} from the DICOM header"] if told else []
