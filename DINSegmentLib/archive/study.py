"""Processing of a study in an archive: choose, fetch, segment, store; finished steps are skipped."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom

from ..batch import steps
from ..batch.record import Record, model_used
from ..engine.parameters import Parameters
from ..errors import InputError
from ..inputs import search
from ..inputs.candidates import Found
from ..model import Model
from .choice import Choice, choose
from .connection import Archive, check_uid
from .journal import Entry, Journal

if TYPE_CHECKING:
    from ..engine.segmenter import Segmenter

_IMAGES, _HEADERS = ".images", ".headers"  # hidden, so that they are never taken for results


@dataclass(frozen=True)
class Wish:
    """What to do with each study.

    Args:
        models: models to choose from; the first that suits a series is used.
        parameters: parameters of the engine.
        output: output folder, with a subfolder for each study.
        formats: formats from `batch.FORMATS`; DICOM files among them are stored in the archive.
        series: number, description or UID of the requested series; None for all that suit a model.
        dicom_frames: one of `dicom_results.FRAMES`.
    """

    models: Sequence[Model]
    parameters: Parameters
    output: Path
    formats: Sequence[str] = ("dcm", "dicom-pdf")
    series: str | None = None
    dicom_frames: str = "phases"

    @property
    def text(self) -> str:
        """Return what determines the results, for the journal."""
        about = [[asdict(model_used(one)), asdict(self.parameters.resolved(one))] for one in self.models]
        return json.dumps([about, self.series, self.dicom_frames, sorted(self.formats)], sort_keys=True)


Progress = Callable[[str, int, int], None]
Report = Callable[[Record], None]


def is_stored(archive: Archive, study: str, count: int, wish: Wish, journal: Journal) -> bool:
    """Whether an earlier run stored the results of this request, and the archive still has them and nothing new.

    Args:
        count: number of instances of the study in the archive now.
    """
    entry = journal.find(study, wish.text)
    if entry is None or not entry.stored or not entry.covers(count):
        return False
    series = {uid for uid, _ in entry.stored}
    there = {(uid, one) for uid in series for one in archive.instances(study, uid)}
    return there.issuperset(entry.stored)


def process(
    archive: Archive, study: str, count: int, wish: Wish, journal: Journal, warm: Callable[[Model], "Segmenter"],
    report: Report, progress: Progress, cancelled: Callable[[], bool] | None = None,
) -> int:  # fmt: skip
    """Segment a study and store the results in its archive.

    An interrupted run resumes: it does not fetch images that exist, segment finished cases, or store
    what the archive already has.

    Args:
        count: number of instances of the study in the archive; if more arrive later, the study is processed again.
        warm: returns the segmenter of a model, which stays loaded between studies.
        report: called with the record of each segmented case.
        progress: called with the current step and its progress.

    Returns:
        the number of objects stored; 0 if the archive already had all.

    Raises:
        ArchiveError: the archive refuses, or does not have the study.
        DINSegmentError: no series suits a model, or one cannot be segmented, or results cannot be written.
        Cancelled: ``cancelled`` returned True.
    """
    check_uid(study)
    folder = wish.output / study
    headers, images = folder / _HEADERS, folder / _IMAGES
    shutil.rmtree(headers, ignore_errors=True)
    try:
        choices = choose(archive, study, wish.models, wish.series, headers)
    finally:
        shutil.rmtree(headers, ignore_errors=True)
    results: list[Path] = []
    for choice in choices:
        _fetch(archive, study, choice, images, progress)
        for found in _cases(images, choice, study):
            case = steps.plan(
                replace(found, model=str(choice.model.folder)), folder, wish.formats, False, choice.model.labels,
                dicom_frames=wish.dicom_frames,
            )  # fmt: skip
            record = steps.finished(case, choice.model, wish.parameters)
            if record is None:
                record, _ = steps.run(
                    case, warm(choice.model), wish.parameters, True, _named(progress, case.name), cancelled=cancelled
                )
                report(record)
            results += [folder / name for name in record.outputs if name.endswith(".dcm")]
    stored = archive.store(results)
    journal.add(Entry(study, wish.text, count + stored, tuple(_place(path) for path in results)))
    shutil.rmtree(images, ignore_errors=True)
    return stored


def _fetch(archive: Archive, study: str, choice: Choice, images: Path, progress: Progress) -> None:
    by_series: dict[tuple[str, str], list[str]] = {}
    for name, series, uid in choice.instances:
        by_series.setdefault((name, series), []).append(uid)
    done = 0
    for (name, series), uids in by_series.items():
        progress("fetching", done, len(choice.instances))
        archive.fetch(study, series, uids, images / choice.name / name)
        done += len(uids)
    progress("fetching", done, len(choice.instances))


def _cases(images: Path, choice: Choice, study: str) -> list[Found]:
    """Create the case of the fetched files, which must match the headers; it has the name of their common folder."""
    wanted = {images / choice.name / name / f"{uid}.dcm" for name, _, uid in choice.instances}
    items = search.find([images])
    found = [one for one in items if isinstance(one, Found) and wanted.issuperset(one.files)]
    if not found:
        refused = next((one.reason for one in items if not isinstance(one, Found) and not one.expected), "")
        raise InputError(refused or f"The images of study {study} do not match their headers: fetch the study again.")
    return found


def _place(path: Path) -> tuple[str, str]:
    data = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["SeriesInstanceUID", "SOPInstanceUID"])
    return str(data.SeriesInstanceUID), str(data.SOPInstanceUID)


def _named(progress: Progress, name: str) -> Callable[[int, int], None]:
    return lambda done, count: progress(name, done, count)
