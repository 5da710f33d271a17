"""`dinsegment segment --dicomweb`: segment studies of an archive and store the results in it."""

import math
from argparse import ArgumentParser, Namespace
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...console import Console
from ...engine.parameters import Parameters
from ...engine.warm import WarmModel
from ...errors import ArchiveDenied, ArchiveError, Cancelled, DeviceError, InputError, OutputError
from ...io import outputs
from ...isolation import attempt
from ...model import catalogue, find_model

if TYPE_CHECKING:
    from ...archive.connection import Archive
    from ...archive.journal import Journal
    from ...archive.study import Wish
    from ...batch.record import Record

_PASSING = ArchiveError, OutputError, DeviceError, Cancelled, OSError, MemoryError
"""Errors after which a later attempt with the same images may succeed."""


def add_options(parser: ArgumentParser) -> None:
    """Add the options of `dinsegment segment` for archives."""
    group = parser.add_argument_group(
        "DICOM archive", "fetch studies from an archive instead of INPUT, and store the results there"
    )
    group.add_argument("--dicomweb", metavar="URL", help="DICOMweb service, for example https://host/dicom-web")
    group.add_argument("--study", action="append", metavar="UID", help="study to process; repeatable")
    group.add_argument(
        "--watch",
        metavar="QUERY",
        help="process new studies that match, for example 'ModalitiesInStudy=MR', until stopped",
    )
    group.add_argument(
        "--interval", type=float, default=60.0, metavar="S",
        help="seconds between two searches of --watch, 1 or more; default: 60",
    )  # fmt: skip
    group.add_argument(
        "--credentials", type=Path, metavar="FILE",
        help="file (mode 0600) with user:password or Bearer TOKEN; default: DINSEGMENT_DICOMWEB_USER and _PASSWORD, or "
        "_TOKEN, in the environment",
    )  # fmt: skip
    group.add_argument(
        "--ca-bundle", type=Path, metavar="FILE", help="CA certificates to trust; default: the public ones"
    )


def archive(options: Namespace, console: Console, parameters: Parameters) -> int:
    """Return 0 if all studies succeeded, 1 if some failed, 2 if none succeeded; with ``--watch``, 0 after an interrupt.

    Raises:
        InputError: options cannot be combined.
        OutputError: the output folder is in use or not writable.
    """
    from ...batch.format_table import FORMATS

    _check(options)
    models = list(catalogue().values()) if options.model == "auto" else [find_model(options.model)]
    for model in models:
        parameters.resolved(model)
    try:
        from ...archive import connection, journal, study
    except ImportError as error:
        raise InputError(
            f"DICOMweb needs {error.name}, which is not installed: pip install dicomweb-client."
        ) from error
    credentials = connection.read_credentials(options.credentials)
    patience = math.inf if options.watch else connection.PATIENCE
    service = connection.Archive(options.dicomweb, credentials, options.ca_bundle, patience, console.warn)
    extra = [*["confidence"] * options.confidence, *["png"] * options.preview]
    formats = tuple(dict.fromkeys((*(options.formats or ()), *extra, "dcm", "dicom-pdf")))
    for one in formats:
        FORMATS[one].check()
    wish = study.Wish(models, parameters, options.output, formats, options.series, options.dicom_frames)
    with outputs.claimed(options.output):
        for folder in options.output.iterdir():
            outputs.sweep(folder)  # left by a run that was killed
        run = _Run(service, wish, journal.Journal(options.output), options.device, console)
        return run.watch(options.watch, options.interval) if options.watch else run.studies(options.study)


def _check(options: Namespace) -> None:
    wrong = {
        "INPUT": options.inputs, "--anonymous": options.anonymous, "--pattern": options.pattern,
        "--scheduler": options.scheduler, "--workers": options.workers, "--dry-run": options.dry_run,
        "--frame": options.frame, "--frames-format": options.frames_format, "--heart-rate": options.heart_rate,
        "--height": options.height, "--weight": options.weight, "--overwrite": options.overwrite,
        "--slices": options.slices, "--resample": options.resample, "--no-recursive": not options.recursive,
    }  # fmt: skip
    if given := [name for name, value in wrong.items() if value]:
        raise InputError(f"--dicomweb does not work together with {given[0]}: omit one of them.")
    if bool(options.study) == bool(options.watch):
        raise InputError("--dicomweb needs --study UID or --watch QUERY: add one of them.")
    if not 1 <= options.interval < math.inf:
        raise InputError(f"An interval of {options.interval:g} s is out of range: use an --interval of 1 s or more.")


class _Run:
    """Processing of studies one after another with a loaded model."""

    def __init__(self, archive: "Archive", wish: "Wish", journal: "Journal", device: str, console: Console) -> None:
        self._archive, self._wish, self._journal = archive, wish, journal
        self._device, self._console = device, console
        self._warm = WarmModel()

    def studies(self, wanted: list[str]) -> int:
        from ...batch import interrupts

        with interrupts.on_interrupt(quiet=self._console.machine) as stop:
            self._archive.stop = stop
            try:
                done = [self._one(study, stop) for study in dict.fromkeys(wanted)]
            except Cancelled:
                raise Cancelled("Interrupted. Re-run the same command to resume.") from None
        return 0 if all(done) else 1 if any(done) else 2

    def watch(self, query: str, interval: float) -> int:
        from ...archive import watch
        from ...batch import interrupts

        filters = watch.filters(query)
        self._console.event("watching", f"Watching {self._archive.url} for {query}. Press Ctrl-C to stop.")
        with interrupts.on_interrupt(quiet=self._console.machine) as stop, suppress(Cancelled):
            self._archive.stop = stop
            for study in watch.watch(
                self._archive, filters, self._journal, self._wish.text, stop, self._console.warn, interval
            ):
                self._one(study, stop, watching=True)
        return 0

    def _one(self, study: str, stop: Any, watching: bool = False) -> bool:
        """Process a study; return whether its results are in the archive."""
        fault = attempt(partial(self._store, study, stop, watching), f"Study {study}").fault
        if fault is None:
            return True
        if watching and isinstance(fault.error, ArchiveDenied):
            raise fault.error
        self._console.error(fault.text, study=study)
        return False

    def _store(self, study: str, stop: Any, remember: bool) -> None:
        from ...archive import journal
        from ...archive.study import is_stored, process

        count = self._archive.count(study)  # before the work, so that images that arrive meanwhile count as new
        if is_stored(self._archive, study, count, self._wish, self._journal):
            self._console.event("resumed", f"Study {study}: results are in the archive, skipped.", study=study)
            return
        warm = partial(self._warm.segmenter, device=self._device)
        try:
            stored = process(
                self._archive, study, count, self._wish, self._journal, warm, self._report, self._console.progress, stop
            )
        except _PASSING:
            raise
        except Exception as error:
            if remember:  # the same images would fail again
                self._journal.add(journal.Entry(study, self._wish.text, count, fault=str(error) or repr(error)))
            raise
        self._console.event("stored", f"Study {study}: {stored} objects stored.", study=study, stored=stored)

    def _report(self, record: "Record") -> None:
        from ...batch import summary

        summary.show(self._console, asdict(record), brief=True)
