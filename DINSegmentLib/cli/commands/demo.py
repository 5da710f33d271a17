"""`dinsegment demo`: segment the bundled sample or the user's volume, and write all outputs with pictures."""

from argparse import Namespace
from dataclasses import asdict
from functools import partial
from pathlib import Path

from ... import resources
from ...batch.summary import show
from ...console import Console
from ...engine.parameters import Parameters
from ...engine.results import Result
from ...errors import InputError
from ...measure import dice
from ...model import catalogue, find_model
from ...tabular import align

SAMPLE_MODEL = "cardiac-mr"
SAMPLES = ("cardiac_phantom_ED.nrrd", "cardiac_phantom_ES.nrrd")


def demo(options: Namespace, console: Console) -> int:
    """Return 0. Results of an earlier demo are replaced."""
    from ...batch import steps
    from ...engine.segmenter import Segmenter
    from ...inputs.candidates import Refused
    from ...inputs.search import find

    if options.input and not options.model:
        known = ", ".join(sorted(catalogue()))
        raise InputError(f"Your own volume needs a model: add --model (make demo INPUT=... MODEL=...), one of {known}.")
    sample = resources.root() / "SampleData"
    inputs = [options.input] if options.input else [sample / name for name in SAMPLES]
    model = find_model(options.model or SAMPLE_MODEL)
    segmenter = Segmenter(model, options.device)
    for item in find(inputs):
        if isinstance(item, Refused):
            raise InputError(item.reason)
        case = steps.plan(item, options.output, ("seg.nrrd", "nii.gz"), preview=True)
        progress = partial(console.progress, case.name)
        record, result = steps.run(case, segmenter, Parameters(), overwrite=True, progress=progress)
        show(console, asdict(record))
        if not options.input and model.id == SAMPLE_MODEL:
            console.text(_against_truth(result, sample / f"{case.name}_label.nrrd"))
        console.text("")
    console.event("where", f"Images, segmentations and records are in {options.output}/.")
    return 0


def _against_truth(result: Result, truth_path: Path) -> str:
    from ... import io

    truth = io.read(truth_path).array
    rows = [("structure", "Dice against the reference")]
    for label in result.model.labels:
        rows.append((label.name, f"{dice(result.labels == label.value, truth == label.value):.3f}"))
    return align(rows)
