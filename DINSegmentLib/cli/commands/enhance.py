"""`dinsegment enhance`: write the enhanced volume, as the network receives it, to a file."""

from argparse import Namespace
from pathlib import Path

from ...console import Console
from ...model import Axes, Enhancement, Intensity, find_model

# default without a model: the cardiac model's rule, which does not depend on units
_ANY_AXES = Axes(slices="stack", rows="PI", columns="L")
_ANY_INTENSITY = Intensity(method="percentile", upper=99.0)
_ANY_ENHANCEMENT = Enhancement(method="log", strength=1.0)


def enhance(options: Namespace, console: Console) -> int:
    """Return 0."""
    from ... import io
    from ...checks.volume import check_array
    from ...engine.preprocessing import preprocess_volume
    from ...io import outputs

    path: Path = options.output
    outputs.check(options.input, [path], options.overwrite)
    axes, intensity, default = _ANY_AXES, _ANY_INTENSITY, _ANY_ENHANCEMENT
    if options.model:
        model = find_model(options.model)
        axes, intensity, default = model.axes, model.intensity, model.enhancement.default
    enhancement = options.enhancement.resolved(default)
    image = io.read(options.input, options.series, options.frame, reading=io.Reading(options.slices, options.resample))
    check_array(image.array, image.geometry, options.input.name or image.name)
    _, enhanced = preprocess_volume(image.array, image.geometry, axes, intensity, enhancement)
    with outputs.beside([path], options.overwrite) as folder:
        io.write_volume(enhanced, image, folder / path.name)
    console.event("done", f"{options.input}: {enhancement} written to {path}", output=str(path))
    return 0
