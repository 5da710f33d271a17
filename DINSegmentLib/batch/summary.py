"""A record as the few lines that a terminal shows of it, and what is said of a run's parameters."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..console import table
from ..engine.parameters import Resolved
from ..inputs.candidates import shown
from ..model import Model


def describe(record: Mapping[str, Any]) -> str:
    """A case's short table (structure, ml) and what was written where."""
    rows = [("structure", "ml"), *((s["name"], f"{s['volume_ml']:.1f}") for s in record["structures"])]
    device, seconds = record["device"], record["timings"]["total"]
    name = shown(Path(record["input"]["path"] or record["case"]).name)
    lines = [f"{name}: {seconds:.1f} s on {device['name']} ({device['reason']})"]
    lines += [
        table(rows),
        *_cine(record["cine"]),
        *device["events"],
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


def uncovered(model: Model, parameters: Resolved) -> str:
    """A warning that the model never saw such an enhancement."""
    low, high = model.enhancement.trained_range
    trained = ", ".join(model.enhancement.trained_methods)
    return (
        f"{model.id} was not trained with {parameters.enhancement} of strength {parameters.strength:g} "
        f"(only {trained}, {low:g} to {high:g}): check the result with care."
    )
