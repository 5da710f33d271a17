"""`dinsegment enhance`: the enhanced volume, as the network sees it, to a file."""

from argparse import Namespace
from pathlib import Path

from ...console import Console
from ...model import Axes, Intensity, find_model
from ...model.enhancement import check as check_enhancement

# what a volume gets when no model says better: the cardiac model's rule, which needs no units
_ANY_AXES = Axes(slices="stack", rows="PI", columns="L")
_ANY_INTENSITY = Intensity(method="percentile", upper=99.0)


def enhance(options: Namespace, console: Console) -> int:
    """Always 0; errors are raised."""
    from ... import io
    from ...checks.volume import check_array
    from ...engine.preprocessing import preprocess_volume
    from ...io import outputs

    path: Path = options.output
    outputs.check(options.input, [path], options.overwrite)
    axes, intensity, method, strength = _ANY_AXES, _ANY_INTENSITY, "log", 1.0
    if options.model:
        model = find_model(options.model)
        axes, intensity = model.axes, model.intensity
        method, strength = model.enhancement.method, model.enhancement.strength
    method = options.enhancement or method
    strength = strength if options.strength is None else options.strength
    check_enhancement(method, strength)
    image = io.read(options.input, options.series, options.frame)
    check_array(image.array, image.geometry, options.input.name or image.name)
    _, enhanced = preprocess_volume(image.array, image.geometry, axes, intensity, method, strength)
    with outputs.beside([path]) as folder:
        io.write_volume(enhanced, image, folder / path.name)
    console.event("done", f"{options.input}: {method} of strength {strength:g} written to {path}", output=str(path))
    return 0
