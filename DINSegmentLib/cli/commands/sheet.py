"""`dinsegment sheet`: draw augmented training samples for visual inspection."""

from argparse import Namespace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from ...console import Console
from ...errors import InputError
from .train import manifest_of

_CASES = 8  # enough to choose from, and quick to read


def sheet(options: Namespace, console: Console) -> int:
    """Return 0."""
    from ...io import outputs
    from ...training.cases import cases
    from ...training.recipe import read_config
    from ...training.run import Run, write
    from ...training.sheet import sheet as draw
    from ...training.slices import load_slices

    config = read_config(options.config)
    data = options.data or config.data
    if data is None:
        raise InputError(f"{options.config} names no data folder: add data to it, or use --data.")
    if options.output.suffix != ".png":
        raise InputError(f"{options.output} is not an image name: use a name that ends with .png.")
    outputs.check(options.config, [options.output], options.overwrite)
    volumes = islice(cases(data, "train"), _CASES)
    with TemporaryDirectory() as folder:
        model = Run(Path(folder)).begin_model(manifest_of(config.model, data, config.network))
    slices = load_slices(volumes, model, config.recipe.canvas, config.recipe.spacing)
    write(options.output, draw(slices, model, config.recipe))
    console.event("done", f"Augmented samples: {options.output}", output=str(options.output))
    return 0
