"""`dinsegment evaluate`."""

import math
from argparse import Namespace

from .. import models
from ..console import Console
from ..engine.parameters import Parameters


def evaluate(options: Namespace, console: Console) -> int:
    """Always 0; errors are raised."""
    from ..engine.segmenter import Segmenter
    from ..training import cases
    from ..training.evaluate import evaluate as score
    from ..training.evaluate import format_table

    model = models.find(options.model)
    parameters = Parameters(options.enhancement, options.strength, options.mirroring).resolved(model)
    files = cases.case_files(options.data, options.split)
    segmenter = Segmenter(model, options.device)
    report = score(
        lambda image, geometry: segmenter.segment(image, geometry, parameters).labels,
        map(cases.read_case, files),
        model.labels,
        options.output,
        run={
            "model": model.id, "version": model.version, "weights_sha256": model.sha256, "split": options.split,
            "enhancement": parameters.enhancement, "strength": parameters.strength, "mirroring": parameters.mirroring,
            "device": segmenter.device.name, "precision": segmenter.device.precision,
        },
        progress=lambda done, name: console.event("case", f"{done} of {len(files)}: {name}", done=done, case=name),
    )  # fmt: skip
    means = {
        summary.name: {metric: None if math.isnan(mean) else mean for metric, mean in summary.mean.items()}
        for summary in (*report.structures, report.overall)
    }  # JSON knows no NaN
    console.event(
        "done", f"{format_table(report)}\nwritten to {options.output}", output=str(options.output), mean=means
    )
    return 0
