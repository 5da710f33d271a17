"""`dinsegment segment`: volumes to files, one after the other with one warm model."""

import logging
from argparse import Namespace
from functools import partial
from pathlib import Path

from .. import models
from ..console import Console, table
from ..engine.parameters import Parameters
from ..errors import DINSegmentError


def segment(options: Namespace, console: Console) -> int:
    """0 all done; 1 some written and some failed; 2 nothing written."""
    from ..batch import case as cases
    from ..engine.segmenter import Segmenter

    model = models.find(options.model)
    parameters = Parameters(options.enhancement, options.strength).resolved(model)
    formats = options.formats or ["seg.nrrd"]
    planned = cases.plan(options.inputs, options.output, formats, options.preview, options.series, options.frame)
    for case in planned:  # before the model is loaded: a question of milliseconds
        cases.check_output(case, options.overwrite)
    if not model.enhancement.covers(parameters.enhancement, parameters.strength):
        console.warn(uncovered(model, parameters))
    segmenter = Segmenter(model, options.device)
    failed = 0
    for case in planned:
        try:
            progress = partial(console.progress, case.name)
            record, _ = cases.run(case, segmenter, parameters, options.overwrite, progress)
        except DINSegmentError as error:
            failed += 1
            console.error(str(error), input=str(case.input))
        except Exception as error:  # one broken case must not cost the others
            failed += 1
            logging.getLogger("dinsegment").exception("unexpected error")
            console.error(f"{case.input} failed unexpectedly ({error}): please report it.", input=str(case.input))
        else:
            console.event("done", describe(record), record=record)
    if len(planned) > 1:
        console.event(
            "summary", f"{len(planned) - failed} of {len(planned)} done.", done=len(planned) - failed, failed=failed
        )
    return 0 if not failed else 2 if failed == len(planned) else 1


def uncovered(model: models.Model, parameters: Parameters) -> str:
    """A warning that the model never saw such an enhancement."""
    low, high = model.enhancement.trained_range
    trained = ", ".join(model.enhancement.trained_methods)
    return (
        f"{model.id} was not trained with {parameters.enhancement} of strength {parameters.strength:g} "
        f"(only {trained}, {low:g} to {high:g}): check the result with care."
    )


def describe(record: dict) -> str:
    """A case's short table (structure, ml) and what was written where."""
    rows = [("structure", "ml"), *((s["name"], f"{s['volume_ml']:.1f}") for s in record["structures"])]
    device, seconds = record["device"], record["timings"]["total"]
    lines = [f"{Path(record['input']['path']).name}: {seconds:.1f} s on {device['name']} ({device['reason']})"]
    lines += [table(rows), *record["device"]["events"], f"written: {', '.join(record['outputs'])}"]
    return "\n".join(lines)
