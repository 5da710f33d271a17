"""`dinsegment segment`: segment volumes and cines, and write tables of the results."""

import logging
import warnings
from argparse import Namespace
from collections.abc import Sequence
from contextlib import ExitStack

from ...console import Console, printable
from ...engine.parameters import Parameters
from ...errors import Cancelled, DINSegmentError, InputError, ModelError
from ...inputs import search
from ...inputs.candidates import Found, Refused
from ...io import Reading, surfaces
from ...model import Model, catalogue, find_model
from .archive import archive

AUTO = "auto"
"""Value of ``--model`` that chooses a model for each input, see `inputs.study`."""


def segment(options: Namespace, console: Console) -> int:
    """Return 0 if all succeeded, 1 if some failed, 2 if nothing was written; raise Cancelled after an interrupt."""
    if options.dicomweb:
        return archive(options, console, _parameters(options))
    if not options.inputs:
        raise InputError("No input: name a file or folder, or an archive with --dicomweb.")
    if options.anonymous:
        return _anonymous(options, console)
    model = _model(options)
    parameters = _asked(options, model)
    with ExitStack() as unpacked:
        found = _search(options, console, unpacked)
        if options.dry_run:
            return _dry_run(options, console, found, model, parameters)
        for item in found:
            if isinstance(item, Found) and item.why:
                console.event("chosen", f"{printable(item.case)}: {item.why} ({item.model})", case=item.case)
        return _run(options, console, found, model, parameters)


def _model(options: Namespace) -> Model:
    """Return the model of cases that name none; with ``auto``, each case names its own."""
    return find_model("cardiac-mr" if options.model == AUTO else options.model)


def _parameters(options: Namespace) -> Parameters:
    with_surfaces = not surfaces.FORMATS.isdisjoint([*(options.formats or ()), options.frames_format])
    return Parameters(
        enhancement=options.enhancement, mirroring=options.mirroring, confidence=options.confidence,
        margins=with_surfaces,
    )  # fmt: skip


def _asked(options: Namespace, model: Model) -> Parameters:
    """Return the parameters, rejecting invalid ones before any search."""
    parameters = _parameters(options)
    parameters.resolved(model)
    return parameters


def _search(options: Namespace, console: Console, unpacked: ExitStack) -> list[Found | Refused]:
    with console.stage("Searching for inputs"):
        return search.find(
            options.inputs, options.pattern, options.recursive, options.output, options.series, options.frame,
            Reading(options.slices, options.resample), options.model == AUTO, unpacked,
        )  # fmt: skip


def _run(
    options: Namespace, console: Console, found: Sequence[Found | Refused], model: Model, parameters: Parameters
) -> int:
    from ...batch.session import Session, Settings
    from ...io import Person

    person = Person(options.heart_rate, options.height, options.weight)
    if person != Person() and sum(isinstance(item, Found) for item in found) > 1:
        raise InputError("--heart-rate, --height and --weight describe one patient: use a single input.")
    settings = Settings(
        output=options.output,
        formats=options.formats or ["seg.nrrd"],
        preview=options.preview,
        person=person,
        frame_format=options.frames_format,
        dicom_frames=options.dicom_frames,
        device=options.device,
        workers=options.workers,
        scheduler=options.scheduler,
        overwrite=options.overwrite,
        anonymous=options.anonymous,
        is_program=options.is_program,
        model=options.model,
        again=options.again,
    )
    return Session(found, model, parameters, settings, console).run()


def _dry_run(
    options: Namespace, console: Console, found: Sequence[Found | Refused], model: Model, parameters: Parameters
) -> int:
    from ...batch import plan

    workers = 1 if options.scheduler else options.workers
    with console.stage("Reading the headers"):
        description = plan.describe(
            found, model, options.device, options.mirroring, workers, options.is_program, parameters.margins
        )
    console.event("plan", plan.format_text(description), plan=description)
    return 0 if description["cases"] else 2


def _anonymous(options: Namespace, console: Console) -> int:
    """Run without names or paths in messages, and without warnings and logs of libraries."""
    from ...batch import anonymous

    try:
        model = _model(options)
    except DINSegmentError:
        known = ", ".join(sorted(catalogue()))
        raise ModelError(
            f"Model not found or unusable: choose one of {known}, or a model folder. "
            "Omit --anonymous to see the reason."
        ) from None
    parameters = _asked(options, model)
    if not {"dcm", "dicom-pdf"}.isdisjoint(options.formats or ()):
        raise InputError(
            "DICOM results carry the patient's name and ID and refer to the images by UID, which --anonymous forbids: "
            "choose --format seg.nrrd or nii.gz."
        )
    if options.dry_run:
        raise InputError("--dry-run prints input names: omit --anonymous or --dry-run.")
    threshold = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), ExitStack() as unpacked:
            warnings.simplefilter("ignore")
            found = _search(options, console, unpacked)
            with console.stage("Computing an ID of each input"):
                found = anonymous.hide(found)
            return _run(options, console, found, model, parameters)
    except (Cancelled, BrokenPipeError):
        raise
    except Exception as error:
        raise DINSegmentError(f"The run {anonymous.reason(error)}") from None
    finally:
        logging.disable(threshold)
