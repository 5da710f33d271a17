"""`dinsegment rerun`: the labels of an earlier run once more, from its record."""

from argparse import Namespace
from functools import partial
from pathlib import Path
from typing import Any

from ... import bounded
from ...batch.summary import show
from ...console import Console
from ...engine.parameters import Parameters
from ...errors import DINSegmentError, InputError, ModelError
from ...isolation import attempt
from ...model import Model, find_model


def rerun(options: Namespace, console: Console) -> int:
    """Always 0; errors are raised."""
    from ...batch import interrupts
    from ...batch.case import Case, run
    from ...engine.segmenter import Segmenter
    from ...io import outputs

    written = _read(options.record)
    if "frames" in written:
        raise InputError(f"{options.record} is the record of a cine: give its input to dinsegment function once more.")
    try:
        source = written["input"]
        anonymous = source["path"] is None
        if anonymous and not options.input:
            raise InputError(
                f"{options.record.name} is of an anonymous run and does not know its input: name it with --input."
            )
        path = options.input or Path(source["path"])
        suffixes = tuple(name.removeprefix(written["case"]).removeprefix(".") for name in written["outputs"])
        series, frame = options.series or source["series"], source["frame"]
        case = Case(path, written["case"], options.output, suffixes, series, frame, anonymous=anonymous)
        parameters, device = Parameters.from_json(written["parameters"]), written["device"]["name"].partition(":")[0]
        wanted = written["model"]
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{options.record} is no record of a run ({error} is missing or unusable): name a NAME.json."
        ) from error
    _check_input(case, source["sha256"])
    model = find_model(options.model or wanted["id"])
    _check_outputs(case, model, options.record)
    if model.sha256 != wanted["weights_sha256"]:
        raise ModelError(
            f"{options.record.name} was made with other weights of {wanted['id']} (version {wanted['version']}): "
            "give their model folder with --model."
        )
    segmenter = Segmenter(model, device)
    progress = partial(console.progress, case.name)
    with outputs.claimed(options.output), interrupts.on_interrupt(quiet=console.machine) as stop:
        record, _ = run(case, segmenter, parameters, options.overwrite, progress, cancelled=stop)
    show(console, record)
    return 0


def _read(path: Path) -> dict[str, Any]:
    try:
        found = bounded.read_json(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as a record ({error}): name a NAME.json of a run.") from error
    if not isinstance(found, dict):
        raise InputError(f"{path} is no record of a run: name a NAME.json.")
    return found


def _check_outputs(case: Any, model: Model, record: Path) -> None:
    """A record that somebody else wrote decides neither where files go nor what they are called."""
    from ...batch.case import known_suffixes
    from ...inputs.names import safe

    named = isinstance(case.name, str) and safe(case.name) == case.name
    if not named or case.suffixes[-1:] != ("json",) or not known_suffixes(model).issuperset(case.suffixes):
        raise InputError(f"{record} is not a record of a run (unusable case or outputs): name a NAME.json.")


def _check_input(case: Any, sha256: str) -> None:
    """The same bytes must still be there: other ones would give other labels without a word."""
    from ... import io
    from ...batch.record import input_hash

    if not case.input.exists():
        raise InputError(f"{case.input} does not exist any more: put the input back.")
    found = attempt(lambda: input_hash(io.files_of(case.input, case.series, case.frame)), str(case.input))
    if found.fault is not None and not isinstance(found.fault.error, DINSegmentError):
        raise InputError(found.fault.text)
    if found.value != sha256:
        raise InputError(f"{case.input} has changed since that run: put the former input back.")
