"""`dinsegment train`, `pack` and `evaluate`."""

import math
from argparse import Namespace
from dataclasses import replace

from .. import models
from ..console import Console
from ..engine.parameters import Parameters


def train(options: Namespace, console: Console) -> int:
    """0 when the planned time is used up; an interrupted run goes on at the next call."""
    import torch

    from ..engine.device import choose
    from ..training.cases import case_files
    from ..training.recipes import recipe
    from ..training.train import train as run

    model = models.find(options.model)
    for split in ("train", "valid"):  # before the run folder is made
        case_files(options.data, split)
    settings = recipe(model)
    if options.minutes is not None:
        settings = replace(settings, minutes=options.minutes)
    device = choose(options.device)
    console.event("device", f"Training {model.id} for {settings.minutes:g} minutes on {device.name} ({device.reason}).")
    best = run(model, options.data, options.output, settings, torch.device(device.name), lambda p: console.event(
        "progress", str(p), share=p.share, step=p.step, loss=p.loss, dice=p.dice
    ))  # fmt: skip
    console.event("done", f"Best weights by validation: {best}", weights=str(best))
    return 0


def pack(options: Namespace, console: Console) -> int:
    """Always 0; errors are raised."""
    from ..training.pack import pack as write

    weights = write(options.run, models.find(options.model).folder)
    size = weights.stat().st_size
    console.event(
        "done", f"{weights}: {size} bytes; the manifest has its new checksum.", weights=str(weights), bytes=size
    )
    return 0


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
