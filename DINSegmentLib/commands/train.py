"""`dinsegment train`."""

from argparse import Namespace
from dataclasses import replace

from .. import models
from ..console import Console


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
