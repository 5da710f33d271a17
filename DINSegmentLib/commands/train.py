"""`dinsegment train`."""

import json
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import Any

from .. import models
from ..console import Console
from ..errors import InputError


def train(options: Namespace, console: Console) -> int:
    """0 when the plan is done; an interrupted run goes on at the next call."""
    import torch

    from ..engine.device import choose
    from ..training.cases import case_files
    from ..training.recipe import read_config
    from ..training.run import Run
    from ..training.train import train as run

    config = read_config(options.config)
    data = options.data or config.data
    if data is None:
        raise InputError(f"{options.config} names no data folder: add data to it, or give --data.")
    for split in ("train", "valid"):  # before the run folder is made
        case_files(data, split)
    recipe = config.recipe
    if options.steps is not None:
        recipe = replace(recipe, steps=options.steps)
    if options.minutes is not None:
        recipe = replace(recipe, minutes=options.minutes, steps=0)
    model = Run(options.output).begin_model(_manifest(config.model, data, config.network))
    device = choose(options.device)
    plan = f"{recipe.steps} steps" if recipe.steps else f"{recipe.minutes:g} minutes"
    console.event("device", f"Training {model.id} for {plan} on {device.name} ({device.reason}).")
    best = run(
        model, data, options.output, recipe, torch.device(device.name),
        lambda p: console.event(
            "progress", str(p), share=p.share, step=p.step, loss=p.loss, dice=p.dice, seconds_left=p.seconds_left
        ),
        options.init,
    )  # fmt: skip
    console.event("done", f"Best weights by validation: {best}", weights=str(best))
    return 0


def _manifest(model: str | None, data: Path, network: dict[str, Any]) -> dict[str, Any]:
    """Manifest of what is trained: a known model's, or that of the data folder's `dataset.toml`."""
    if model is None:
        from ..training import dataset

        values = dataset.manifest(data)
    else:
        values = json.loads((models.find(model).folder / models.MANIFEST).read_text(encoding="utf-8"))
    return {**values, "network": {**values["network"], **network}}
