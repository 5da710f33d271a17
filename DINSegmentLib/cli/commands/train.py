"""`dinsegment train`: train a model."""

import json
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...console import Console
from ...errors import DeviceError, InputError
from ...model import MANIFEST, Model, find_model

_BEGUN_WITH = ("labels", "spacing", "axes", "intensity", "neighbour_distance")  # manifest entries that training uses


def train(options: Namespace, console: Console) -> int:
    """Return 0 when the schedule is complete; an interrupted run resumes at the next call."""
    import torch

    from ...engine.device import choose, is_out_of_memory
    from ...training.cases import case_files
    from ...training.recipe import read_config
    from ...training.run import Run
    from ...training.train import train as run

    config = read_config(options.config)
    data = options.data or config.data
    if data is None:
        raise InputError(f"{options.config} names no data folder: add data to it, or use --data.")
    recipe, partial = config.recipe, config.partial
    if options.partial is not None:
        if partial is None:
            raise InputError(f"{options.config} has no partial labels: add a table [partial], or omit --partial.")
        partial = replace(partial, data=options.partial)
    for split in dict.fromkeys([*recipe.splits, "valid"]):  # check before creating the run folder
        case_files(data, split)
    if options.steps is not None:
        recipe = replace(recipe, steps=options.steps)
    if options.minutes is not None:
        recipe = replace(recipe, minutes=options.minutes, steps=0)
    manifest = manifest_of(config.model, data, config.network)
    model = Run(options.output).begin_model(manifest)
    _check_begun(model, manifest)
    device = choose(options.device)
    plan = f"{recipe.steps} steps" if recipe.steps else f"{recipe.minutes:g} minutes"
    console.event("device", f"Training {model.id} for {plan} on {device.name} ({device.reason}).")
    try:
        best = run(
            model, data, options.output, recipe, torch.device(device.name),
            lambda p: console.event(
                "progress", str(p), share=p.share, step=p.step, loss=p.loss, dice=p.dice, seconds_left=p.seconds_left
            ),
            options.init,
            lambda text: console.event("heads", text),
            partial,
        )  # fmt: skip
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise DeviceError(
            f"The training slices do not fit into the memory of {device.name}: set a smaller canvas in the training "
            "file and use a new run folder, or use fewer cases."
        ) from error
    which = "Best weights by validation" if recipe.keep == "best" else "Last weights, averaged"
    console.event("done", f"{which}: {best}", weights=str(best))
    return 0


def manifest_of(model: str | None, data: Path, network: dict[str, Any]) -> dict[str, Any]:
    """Return the manifest of the model to train: a known model's, or that of the data folder's `dataset.toml`."""
    from ...training import dataset

    if model is None:
        values = dataset.manifest(data)
    else:
        values = json.loads((find_model(model).folder / MANIFEST).read_text(encoding="utf-8"))
        if (data / dataset.FILE).is_file() and len(dataset.manifest(data)["labels"]) != len(values["labels"]):
            raise InputError(
                f"{data / dataset.FILE} names other labels than the model {model}: remove the model from the training "
                "file, or use data for this model."
            )
    return {**values, "network": {**values["network"], **network}}


def _check_begun(model: Model, manifest: dict[str, Any]) -> None:
    """Refuse to resume a run whose manifest differs in entries that training uses."""
    begun = json.loads((model.folder / MANIFEST).read_text(encoding="utf-8"))
    changed = [entry for entry in _BEGUN_WITH if begun.get(entry) != manifest.get(entry)]
    if changed:
        raise InputError(
            f"{model.folder} was started with other {' and '.join(changed)}: restore the data set, or use a new run "
            "folder."
        )
