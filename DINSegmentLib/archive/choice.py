"""Choice of a study's series to fetch, by their headers, before pixels are fetched."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from ..batch.cine_results import is_of_heart
from ..checks.fit import Look, notices
from ..errors import ArchiveError, DINSegmentError, InputError
from ..inputs import search
from ..inputs import study as studies
from ..inputs.candidates import Found
from ..io import outputs
from ..io.probe import Glance, peek
from ..model import Model
from .connection import Archive, check_uid

_FROM_HEADERS = ("modality", "slices", "thickness", "pixel", "view")
"""Kinds of notices that can be found without voxels."""


@dataclass(frozen=True)
class Choice:
    """Images to be segmented by a model.

    Args:
        model: the model that suits them.
        name: name of their first series, for a folder.
        instances: (folder of the series, series UID, instance UID) of each.
    """

    model: Model
    name: str
    instances: tuple[tuple[str, str, str], ...]


def choose(archive: Archive, study: str, models: Sequence[Model], series: str | None, folder: Path) -> list[Choice]:
    """Find the stacks of a study that suit a model; of those that suit a cardiac model, only cines if there are any.

    Stacks are formed and checked as for files, from headers that are written to
    ``folder`` without pixels.

    Args:
        models: models to choose from.
        series: number, description or UID: use only this series, whether or not it resembles the training data.
        folder: folder for the headers; the caller removes it.

    Raises:
        ArchiveError: the study is not found, or the archive sends an invalid UID; no file is then written for it.
        InputError: no series suits a model.
        OutputError: a header cannot be written.
    """
    known = archive.series(study)
    if not known:
        raise ArchiveError(f"{archive.url} has no study {study}: check the UID.")
    modalities = {model.modality for model in models}
    places: dict[Path, tuple[str, str, str]] = {}
    described = {str(one.SeriesInstanceUID): one for one in known}
    names = _folder_names([one for one in known if one.get("Modality") in modalities])
    for uid, name in names.items():
        check_uid(uid)
        for header in archive.headers(study, uid):
            instance = str(header.get("SOPInstanceUID", ""))
            check_uid(instance)  # it becomes a file name
            path = folder / name / f"{instance}.dcm"
            _write_header(header, path)
            places[path] = (name, uid, instance)
    found = [one for one in search.find([folder], series=series) if isinstance(one, Found)] if places else []
    fits: list[tuple[Found, Model, bool]] = []
    faults: list[str] = []
    for one in found:
        description = str(described[places[one.files[0]][1]].get("SeriesDescription") or "")
        fitting = studies.described(models, description, series is not None) if len(models) > 1 else models
        fit = _fit(one, fitting, series is not None)
        if isinstance(fit, str):
            faults.append(fit)
        else:
            fits.append(fit)
    if not fits:
        raise InputError(_nothing(study, sorted(modalities), series, faults))
    best = [(one, model) for one, model, cine in fits if cine or not any(c for _, m, c in fits if m is model)]
    order = list(names.values())
    chosen = [(model, tuple(places[path] for path in one.files)) for one, model in best]
    return [Choice(model, min((one[0] for one in there), key=order.index), there) for model, there in chosen]


def _nothing(study: str, modalities: Sequence[str], series: str | None, faults: Sequence[str]) -> str:
    wanted = " or ".join(modalities)
    what = f'series "{series}"' if series else f"series of {wanted} that a model fits"
    advice = "choose a series with --series, or another --model."
    return f"Study {study} has no {what}: {next(filter(None, faults), advice)}"


def _fit(found: Found, models: Sequence[Model], asked: bool) -> tuple[Found, Model, bool] | str:
    """Return the first model that suits a stack, and whether it is a cardiac cine; or the reason why there is none,
    empty if it only differs from the training data."""
    fault = ""
    for model in models:
        of_heart = is_of_heart(model)
        try:
            glance = peek(found.path, found.series, found.frame, found.files, all_frames=of_heart)
        except DINSegmentError as error:
            fault = str(error)
            continue
        if glance.modality == model.modality and (asked or not _is_unlike(glance, model)):
            return found, model, of_heart and glance.frames > 1
    return fault


def _is_unlike(glance: Glance, model: Model) -> bool:
    seen = Look(glance.geometry, 0.0, 1.0, glance.modality or "")
    return any(one.kind in _FROM_HEADERS for one in notices(seen, model))


def _folder_names(series: Sequence[Dataset]) -> dict[str, str]:
    """Name a folder for each series, by its number if that is unique."""
    names: dict[str, str] = {}
    for one in sorted(series, key=lambda one: (int(one.get("SeriesNumber") or 0), str(one.SeriesInstanceUID))):
        name = f"series{int(one.get('SeriesNumber') or 0)}"
        same = sum(known == name or known.startswith(f"{name}-") for known in names.values())
        names[str(one.SeriesInstanceUID)] = f"{name}-{same + 1}" if same else name
    return names


def _write_header(header: Dataset, path: Path) -> None:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = header.SOPClassUID, header.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    with outputs.writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        FileDataset(str(path), header, file_meta=meta, preamble=b"\0" * 128).save_as(path, enforce_file_format=True)
