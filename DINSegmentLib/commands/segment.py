"""`dinsegment segment`: volumes to files, one after the other with one warm model."""

import logging
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from .. import models
from ..console import Console, table
from ..engine.parameters import Parameters
from ..errors import DINSegmentError


def segment(options: Namespace, console: Console) -> int:
    """0 all done; 1 some written and some failed; 2 nothing written."""
    from ..batch import case as cases
    from ..batch import outputs

    model = models.find(options.model)
    parameters = Parameters(options.enhancement, options.strength, options.mirroring).resolved(model)
    formats = options.formats or ["seg.nrrd"]
    planned = cases.plan(options.inputs, options.output, formats, options.preview, options.series, options.frame)

    def check(case: cases.Case) -> None:
        outputs.check(case.input, case.paths, options.overwrite)

    def run(case: cases.Case) -> None:
        progress = partial(console.progress, case.name)
        record, _ = cases.run(case, segmenter, parameters, options.overwrite, progress)
        console.event("done", describe(record), record=record)
        modality = record["input"]["modality"]
        if modality not in (None, model.modality):
            console.warn(
                f"{case.input} is {modality}, and {model.id} is for {model.modality}: do not trust the result."
            )

    done = 0
    ready = [case for case in planned if _went_well(check, case, console)]
    if ready:
        from ..engine.segmenter import Segmenter  # torch takes seconds: not for inputs that cannot be used

        if not model.enhancement.covers(parameters.enhancement, parameters.strength):
            console.warn(uncovered(model, parameters))
        segmenter = Segmenter(model, options.device)
        done = sum([_went_well(run, case, console) for case in ready])
    failed = len(planned) - done
    if len(planned) > 1:
        console.event("summary", f"{done} of {len(planned)} done.", done=done, failed=failed)
    return 0 if not failed else 1 if done else 2


def _went_well(work: Callable[[Any], None], case: Any, console: Console) -> bool:
    """Do some work for one case and tell its error, which must not cost the other cases."""
    try:
        work(case)
    except DINSegmentError as error:
        console.error(str(error), input=str(case.input))
    except BrokenPipeError:
        raise  # nobody reads our messages any more
    except Exception as error:
        logging.getLogger("dinsegment").exception("unexpected error")
        console.error(f"{case.input} failed unexpectedly ({error}): please report it.", input=str(case.input))
    else:
        return True
    return False


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
