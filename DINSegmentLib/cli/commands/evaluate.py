"""`dinsegment evaluate`: evaluate a model against reference segmentations."""

import math
from argparse import Namespace
from dataclasses import asdict
from datetime import UTC, datetime

import numpy as np

from ...batch.versions import versions
from ...console import Console
from ...engine.parameters import Parameters
from ...geometry import Geometry
from ...io import outputs
from ...model import find_model


def evaluate(options: Namespace, console: Console) -> int:
    """Return 0."""
    from ...engine.segmenter import Segmenter
    from ...training import agreement, cases, infarcts, report, robustness
    from ...training.evaluate import FILES, save
    from ...training.evaluate import evaluate as score
    from ...training.figures import WorstCases, boxplots

    model = find_model(options.model)
    parameters = Parameters(enhancement=options.enhancement, mirroring=options.mirroring).resolved(model)
    files = cases.case_files(options.data, options.split)
    outputs.check(options.data, [options.output / name for name in FILES], options.overwrite)
    segmenter = Segmenter(model, options.device)

    def segment(image: np.ndarray, geometry: Geometry) -> np.ndarray:
        return segmenter.segment(image, geometry, parameters).labels

    worst = WorstCases(model)
    degraded = robustness.Robustness(model, segment)
    function = agreement.Agreement(model)
    dead = infarcts.Infarcts(model)
    found = score(
        segment,
        map(cases.read_case, files),
        model.labels,
        seen=[worst.add, function.add, dead.add, *([degraded.add] if options.robustness else [])],
        progress=lambda done, name: console.event("case", f"{done} of {len(files)}: {name}", done=done, case=name),
    )
    run = {
        "model": model.id, "version": model.version, "weights_sha256": model.sha256,
        "data": options.data.resolve().name, "split": options.split, "enhancement": asdict(parameters.enhancement),
        "mirroring": parameters.mirroring, "cleanup": list(model.cleanup),
        "device": segmenter.device.name, "precision": segmenter.device.precision,
        "versions": versions(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }  # fmt: skip
    text, more = report.format_table(found), {}
    contents: dict[str, str | bytes] = {"boxplots.png": boxplots(found, model.labels), "worst.png": worst.picture()}
    if options.robustness:
        rows = degraded.rows
        text += f"\n\n{robustness.format_table(rows)}"
        more["robustness"] = robustness.json_content(rows)
        contents["robustness.csv"] = robustness.csv_text(rows)
        contents["robustness.png"] = robustness.picture(rows, model)
    if function.pairs:
        text += f"\n\n{agreement.format_table(function)}"
        more["function"] = agreement.json_content(function)
        contents["function.csv"] = agreement.csv_text(function.pairs)
        contents["function.png"] = function.picture()
    if dead.cases:
        text += f"\n\n{infarcts.format_table(dead)}"
        more["infarct"] = infarcts.json_content(dead)
        contents["infarct.csv"] = infarcts.csv_text(dead.cases)
    contents["evaluation.csv"] = report.csv_text(found)
    contents["evaluation.json"] = report.json_text(found, run, more)
    save(options.output, contents)
    means = {
        summary.name: {metric: None if math.isnan(mean) else mean for metric, mean in summary.mean.items()}
        for summary in (*found.structures, found.overall)
    }  # JSON has no NaN
    console.event("done", f"{text}\nwritten to {options.output}", output=str(options.output), mean=means)
    return 0
