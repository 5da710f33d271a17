"""`dinsegment function`: all frames of a cine to labels, and the heart's function to a table, a record and a curve."""

import re
from argparse import Namespace
from functools import partial
from pathlib import Path
from typing import Any

from ...batch.summary import from_header
from ...checks.fit import untrained
from ...console import Console, table
from ...engine.parameters import Parameters
from ...io import surfaces
from ...model import find_model


def function(options: Namespace, console: Console) -> int:
    """Always 0; errors are raised."""
    from ... import io
    from ...batch import cine, interrupts
    from ...io import outputs

    model = find_model(options.model)
    parameters = Parameters(
        enhancement=options.enhancement, mirroring=options.mirroring, margins=options.frames_format in surfaces.FORMATS
    )
    resolved = parameters.resolved(model)  # refused before anything is read
    case = cine.CineCase(
        options.input, io.case_name(options.input).removesuffix(".seq"), options.output, options.series,
        options.frames_format, options.heart_rate, options.height, options.weight,
        model.labels,
    )  # fmt: skip
    outputs.sweep(options.output)
    if not options.overwrite and (written := cine.finished(case, model, parameters)):
        console.event("resumed", f"{case.name} was done before: nothing to do.", record=written)
        return 0
    cine.check(case, model, options.overwrite)
    for notice in untrained(model, resolved.enhancement):
        console.warn(notice.text)
    from ...engine.segmenter import Segmenter  # torch takes seconds: not for inputs that cannot be used

    segmenter, progress = Segmenter(model, options.device), partial(console.progress, case.name)
    with outputs.claimed(options.output), interrupts.on_interrupt(quiet=console.machine) as stop:
        written, function = cine.run(case, segmenter, parameters, options.overwrite, progress, stop)
    console.event("done", describe(written, function), record=written)
    for notice in function.notices:
        if notice.kind != "enhancement":  # printed before the run
            console.warn(notice.text)
    return 0


def describe(written: dict[str, Any], function: Any) -> str:
    """The short table of a heart's function, and what was written where."""
    device, seconds = written["device"], written["timings"]["total"]
    rows = [("quantity", "value", "", "one base slice less or more")]
    for row in function.rows():
        value, low, high = (None if row[key] is None else f"{row[key]:.1f}" for key in ("value", "low", "high"))
        rows.append((row["quantity"], value or "withheld", row["unit"], f"{low} to {high}" if low else ""))
    lines = [
        f"{Path(written['input']['path']).name}: {written['frames']} frames in {seconds:.1f} s on {device['name']} "
        f"({device['reason']})",
        table(rows),
    ]
    if function.ed_frame is not None:
        es = "unknown" if function.es_frame is None else f"frame {function.es_frame + 1}"
        lines.append(f"end-diastole: frame {function.ed_frame + 1}, end-systole: {es}, of {written['frames']}")
    lines += from_header(written["person"])
    return "\n".join([*lines, f"written: {_listed(written['case'], written['outputs'])}"])


def _listed(case: str, outputs: list[str]) -> str:
    """The names of files; of those of single frames, which may be many, the first and the last."""
    single = [name for name in outputs if re.match(rf"{re.escape(case)}_f\d+[._]", name)]
    listed = ", ".join(name for name in outputs if name not in single)
    return f"{listed}; {len(single)} of single frames, {single[0]} to {single[-1]}" if single else listed
