"""`dinsegment explain`: map which input image each label relies on, as a volume and a picture."""

from argparse import Namespace
from functools import partial

from ...console import Console
from ...engine.parameters import Parameters
from ...model import find_model


def explain(options: Namespace, console: Console) -> int:
    """Return 0."""
    from ... import io
    from ...batch.record import before
    from ...engine.preprocessing import preprocess_volume
    from ...io import outputs
    from ...pictures.slices import draw_attribution

    model = find_model(options.model)
    parameters = Parameters(enhancement=options.enhancement, mirroring=options.mirroring).resolved(model)
    name = io.case_name(options.input)
    paths = [options.output / f"{name}_attribution.{suffix}" for suffix in ("nii.gz", "png")]
    outputs.check(options.input, paths, options.overwrite)
    image = io.read(options.input, options.series, options.frame, reading=io.Reading(options.slices, options.resample))
    for notice in before(image, model, parameters):
        console.warn(f"{name}: {notice.text}")

    from ...engine.attribution import attribution_map
    from ...engine.segmenter import Segmenter  # torch takes seconds to import

    progress = partial(console.progress, name)
    segmenter = Segmenter(model, options.device)
    decided = attribution_map(
        segmenter, image.array, image.geometry, parameters, progress, name=options.input.name or name
    )
    original, enhanced = preprocess_volume(
        image.array, image.geometry, model.axes, model.intensity, parameters.enhancement
    )
    with outputs.beside(paths, options.overwrite) as folder:
        io.write_volume(decided, image, folder / paths[0].name)
        draw_attribution(original, enhanced, decided, image.geometry, model, image.name).save(folder / paths[1].name)
    mean = float(decided[abs(decided) > 0.1].mean()) if (abs(decided) > 0.1).any() else 0.0
    text = (
        f"{name}: mean attribution {mean:+.2f} over voxels beyond 0.1 (-1: original image, +1: enhanced image)\n"
        f"written: {', '.join(path.name for path in paths)}"
    )
    console.event("done", text, outputs=[str(path) for path in paths], mean=mean)
    return 0
