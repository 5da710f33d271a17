"""`dinsegment enhance`: the enhanced volume, as the network sees it, to a file."""

import tempfile
from argparse import Namespace
from pathlib import Path

from .. import models
from ..console import Console
from ..errors import OutputError

# what a volume gets when no model says better: the cardiac model's rule, which needs no units
_ANY_AXES = models.Axes(slices="stack", rows="PI", columns="L")
_ANY_INTENSITY = models.Intensity(method="percentile", upper=99.0)


def enhance(options: Namespace, console: Console) -> int:
    """Always 0; errors are raised."""
    from .. import headless
    from ..engine.checks import check_array
    from ..engine.preprocessing import preprocess_volume

    path: Path = options.output
    if path.exists() and not options.overwrite:
        raise OutputError(f"{path} exists already: add --overwrite to replace it.")
    axes, intensity, method, strength = _ANY_AXES, _ANY_INTENSITY, "log", 1.0
    if options.model:
        model = models.find(options.model)
        axes, intensity = model.axes, model.intensity
        method, strength = model.enhancement.method, model.enhancement.strength
    method = options.enhancement or method
    strength = strength if options.strength is None else options.strength
    image = headless.read(options.input, options.series, options.frame)
    check_array(image.array, image.geometry, options.input.name)
    _, enhanced = preprocess_volume(image.array, image.geometry, axes, intensity, method, strength)
    _write_whole(enhanced, image, path)
    console.event(
        "done", f"{options.input.name}: {method} of strength {strength:g} written to {path}", output=str(path)
    )
    return 0


def _write_whole(enhanced, image, path: Path) -> None:
    from .. import headless

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".dinsegment-", dir=path.parent) as folder:
            headless.write_volume(enhanced, image, Path(folder) / path.name)
            (Path(folder) / path.name).replace(path)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written ({error.strerror}): choose a folder that you may write to."
        ) from error
