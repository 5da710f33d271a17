"""`dinsegment ablation`: train and evaluate the network with components removed."""

from argparse import Namespace
from dataclasses import replace

from ... import __version__
from ...console import Console
from ...errors import InputError
from ...model import NetworkConfig, find_model


def ablation(options: Namespace, console: Console) -> int:
    """Return 0 when all requested arms are finished; an interrupted run resumes at the next call."""
    import torch

    from ...engine.device import choose
    from ...training.ablation import ARMS, PARTS, finished, run_arm, scores, table, write_table
    from ...training.cases import case_files
    from ...training.recipe import read_config

    config = read_config(options.config)
    data = options.data or config.data
    if data is None or config.model is None:
        raise InputError(f"{options.config} lacks a model or a data folder: add them, or use --data for the folder.")
    for split in ("train", "valid"):
        case_files(data, split)
    model = find_model(config.model)
    model = replace(model, network=NetworkConfig.from_dict({**model.network.as_dict(), **config.network}))
    recipe = config.recipe if options.minutes is None else replace(config.recipe, minutes=options.minutes, steps=0)
    arms = options.arms or config.arms or PARTS
    if unknown := set(arms) - set(ARMS):
        raise InputError(f'There is no arm "{sorted(unknown)[0]}": choose from {", ".join(ARMS)}.')
    device = choose(options.device)
    for seed in options.seeds:
        for arm in arms:
            console.event("arm", f"({arm}) {ARMS[arm].title}, seed {seed}", arm=arm, seed=seed)
            run_arm(
                arm, seed, model, data, options.output, recipe, torch.device(device.name),
                lambda p: console.event("progress", str(p), share=p.share, step=p.step, loss=p.loss, dice=p.dice),
            )  # fmt: skip
    found = scores(model, data, options.output, finished(options.output))
    plan = f"{recipe.steps} steps" if recipe.steps else f"{recipe.minutes:g} minutes"
    run = {
        "model": model.id, "plan": plan, "batch": recipe.batch, "sizes": recipe.sizes, "device": device.name,
        "threads": torch.get_num_threads(), "dinsegment": __version__, "torch": torch.__version__,
    }  # fmt: skip
    write_table(found, options.output, run)
    console.event("done", f"{table(found)}\nwritten to {options.output}", output=str(options.output))
    return 0
