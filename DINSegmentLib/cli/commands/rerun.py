"""`dinsegment rerun`: reproduce the labels of an earlier run from its record."""

from argparse import Namespace
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ...batch.summary import show
from ...console import Console
from ...engine.parameters import Parameters
from ...errors import DINSegmentError, InputError, ModelError
from ...isolation import attempt
from ...model import Model, find_model

if TYPE_CHECKING:
    from ...batch.case import Case
    from ...batch.record import Record


def rerun(options: Namespace, console: Console) -> int:
    """Return 0."""
    from ...batch import interrupts
    from ...batch.record import Record
    from ...batch.steps import run
    from ...engine.segmenter import Segmenter
    from ...inputs import archives
    from ...io import outputs

    written = Record.read(options.record)
    if written.input.path is None and not options.input:
        raise InputError(f"{options.record.name} is from an anonymous run and does not name its input: add --input.")
    model = find_model(options.model or written.model.id)
    case, parameters, device = _asked(written, model, options)
    with archives.opened(case.input) as path:
        case = replace(case, input=path, origin=case.input)
        _check_input(case, written.input.sha256)
        if model.sha256 != written.model.weights_sha256:
            raise ModelError(
                f"{options.record.name} was made with other weights of {written.model.id} (version "
                f"{written.model.version}): use --model with their model folder."
            )
        segmenter = Segmenter(model, device)
        progress = partial(console.progress, case.name)
        with outputs.claimed(options.output), interrupts.on_interrupt(quiet=console.machine) as stop:
            record, _ = run(case, segmenter, parameters, options.overwrite, progress, cancelled=stop)
    show(console, asdict(record))
    return 0


def _asked(written: "Record", model: Model, options: Namespace) -> tuple["Case", Parameters, str]:
    """Return case, parameters and device of a record, which may be untrusted.

    The record cannot place files outside the output folder, or give them other names than a run does.
    """
    from ...batch.case import Case
    from ...batch.companions import insertion_of_infarct
    from ...batch.format_table import known
    from ...inputs.archives import place_of_input
    from ...inputs.names import safe
    from ...io import Person, Reading

    fault = InputError(f"{options.record} is not a record of a run (unusable case or outputs): name a NAME.json.")
    try:
        outputs = known(model, written.case, written.outputs, written.cine is not None)
        if outputs is None or safe(written.case) != written.case or outputs[-1].format != "json":
            raise fault
        insertion, source = insertion_of_infarct(written.infarct)
        case = Case(
            input=place_of_input(options.input, written.input.path) or Path(),
            name=written.case,
            output=options.output,
            outputs=tuple(outputs),
            series=options.series or written.input.series,
            frame=written.input.frame,
            reading=Reading(**written.input.reading),
            anonymous=written.input.path is None,
            person=Person(**written.cine["given"]) if written.cine else Person(),
            insertion=insertion,
            insertion_from=source,
            frame_format=next((one.format for one in outputs if one.frame is not None and one.format != "dcm"), None),
            dicom_frames="all" if any(one.frame is not None and one.format == "dcm" for one in outputs) else "phases",
        )
        return case, Parameters.from_json(written.parameters), written.device["name"].partition(":")[0]
    except (KeyError, TypeError, AttributeError) as error:
        raise fault from error


def _check_input(case: "Case", sha256: str) -> None:
    """Check that the input has the same bytes, because others would silently give different labels."""
    from ... import io
    from ...batch.hashes import input_hash

    origin = case.origin or case.input
    if not case.input.exists():
        raise InputError(f"{origin} no longer exists: restore the input.")
    found = attempt(
        lambda: input_hash(io.files_of(case.input, case.series, case.frame, None, case.reading)), str(origin)
    )
    if found.fault is not None and not isinstance(found.fault.error, DINSegmentError):
        raise InputError(found.fault.text)
    if found.value != sha256:
        raise InputError(f"{origin} has changed since that run: restore the original input.")
