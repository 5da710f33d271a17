"""The record of a run, `NAME.json`: everything needed to understand and reproduce a result."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .. import bounded
from ..checks import fit
from ..engine.parameters import Resolved
from ..errors import InputError
from ..io.image import Image
from ..measure import StructureStatistics, flags, flags_of_cine, slices_to_review, statistics
from ..measure.infarct_segments import describe_infarct
from ..model import INFARCT, Model, label_of
from ..model.orientation import orientation
from ..notices import Notice
from .case import Beat, Made
from .versions import versions

SCHEMA_VERSION = 2


@dataclass(frozen=True, kw_only=True)
class Source:
    """The input of a run.

    Args:
        name: name of the volume.
        path: absolute path; of an input in an archive, the archive followed by the path in it; None in an anonymous
            run.
        files: number of files read.
        sha256: of the file; for several files, of their sorted hashes (64 hex digits and a line feed each).
        frame, series: selection within the input; None if there is only one.
        reading: the fields of `io.Reading`.
        modality: DICOM only.
        dtype: number type of the voxels.
        shape: (K, J, I).
        spacing: (I, J, K) in mm.
        ijk_to_ras: 4 x 4.
    """

    name: str
    path: str | None
    files: int
    sha256: str
    frame: int | None
    series: str | None
    reading: dict[str, Any]
    modality: str | None
    dtype: str
    shape: list[int]
    spacing: list[float]
    ijk_to_ras: list[list[float]]


@dataclass(frozen=True, kw_only=True)
class ModelUsed:
    """The model of a run."""

    id: str
    version: str
    weights_sha256: str


@dataclass(frozen=True, kw_only=True)
class Record:
    """Contents of ``NAME.json``, in the order in which they are written; all values can be written as JSON.

    Args:
        schema: version of this format.
        date: UTC, ISO 8601.
        case, extra: ID and user columns.
        input, model: see `Source` and `ModelUsed`.
        parameters: the engine's, with defaults filled in; ``batch_size`` None means chosen for the device.
        device: ``name``, ``reason``, ``precision``.
        timings: seconds by step; ``total`` for the engine, ``forward`` for the network alone.
        structures: fields of `measure.StructureStatistics` for each structure; ``confidence``, mean probability of
            its voxels (None: no voxels), and ``removed``, number of voxels in disconnected parts that the clean-up
            removed.
        review: slices to review, worst first, as notices; of a cine, also those of end-systole, with their frame.
        notices: each with the fields of `notices.Notice`, in this order: how the image was read; how it and the
            enhancement differ from the training data; the run; each structure; for a cine, cardiac
            function and the wall; infarct.
        infarct: see `measure.infarct_segments.describe_infarct`; None if the model does not label infarct.
        cine: ``frames``, their number; ``frame``, counted from 1, to which structures and notices without a frame refer
            (end-diastole, or the first if unknown); ``given``, patient data from the user;
            ``person``, see `case.Beat`; ``function``, see `CardiacFunction.as_dict`; ``regional``, see
            `RegionalFunction.as_dict` (None: end-diastole unknown). None if not a cine, or only one frame was used.
        outputs: file names, the record last.
        hashes: ``bytes`` and ``sha256`` of each output except the record.
        versions: of DINSegment, Python and the packages it depends on.
    """

    schema: int = SCHEMA_VERSION
    date: str
    case: str
    extra: dict[str, str]
    input: Source
    model: ModelUsed
    parameters: dict[str, Any]
    device: dict[str, str]
    timings: dict[str, float]
    structures: list[dict[str, Any]]
    review: list[dict[str, Any]]
    notices: list[dict[str, Any]]
    infarct: dict[str, Any] | None
    cine: dict[str, Any] | None
    outputs: list[str]
    hashes: dict[str, dict[str, Any]] = field(default_factory=dict)
    versions: dict[str, str | None]

    @property
    def seed(self) -> bytes:
        """Bytes that identify the result: equal for the same input, model and parameters."""
        deciding = [asdict(self.model), self.parameters, self.input.sha256, self.input.frame]
        return json.dumps(deciding, sort_keys=True).encode()

    @classmethod
    def read(cls, path: Path) -> "Record":
        """Read a record from its file.

        Raises:
            InputError: the file cannot be read, or is not a record of this version.
        """
        try:
            values = bounded.read_json(path)
        except (OSError, ValueError) as error:
            raise InputError(f"{path} cannot be read as a record ({error}): name a NAME.json of a run.") from error
        if _has_former_clahe(values):
            raise InputError(
                f"{path} was made with an earlier clahe method, which has been replaced: its labels cannot be "
                "reproduced, segment the input again."
            )
        if not isinstance(values, dict) or values.get("schema") != SCHEMA_VERSION:
            raise InputError(f"{path} is not a record of this version of DINSegment: name a NAME.json of a run.")
        try:
            bounded.require(values, _SHAPE, "record")
            return cls(**{**values, "input": Source(**values["input"]), "model": ModelUsed(**values["model"])})
        except (bounded.Unusable, TypeError) as error:
            raise InputError(f"{path} is not a record of a run ({error}): name a NAME.json.") from error


def _has_former_clahe(values: Any) -> bool:
    """Whether values are from a schema 1 record, whose ``clahe`` was SimpleITK's adaptive equalization."""
    parameters = values.get("parameters") if isinstance(values, dict) and values.get("schema") == 1 else None
    return isinstance(parameters, dict) and parameters.get("enhancement") == "clahe"


_SHAPE: dict[str, Any] = {
    "case": str, "extra": dict, "parameters": dict, "device": {"name": str, "reason": str}, "timings": dict,
    "structures": [dict], "review": [dict], "notices": [dict], "outputs": [str], "hashes": dict, "cine": dict | None,
    "infarct": dict | None, "model": {"id": str, "version": str, "weights_sha256": str},
    "input": {
        "name": str, "path": str | None, "files": int, "sha256": str, "frame": int | None, "series": str | None,
        "modality": str | None,
    },
}  # fmt: skip


def record(made: Made, outputs: Sequence[str]) -> Record:
    """Create the record of a case, before its files are written.

    Args:
        made: the case with its results.
        outputs: file names of the outputs, in the record's folder.
    """
    case, image, result, beat = made.case, made.image, made.result, made.cine
    axis = orientation(image.geometry, result.model.axes).order[0]
    sure, removed = result.confidence.structures, result.removed
    found = statistics(result.labels, image.array, image.geometry, result.model.labels, axis)
    infarct: dict[str, Any] | None = None
    of_infarct: tuple[Notice, ...] = ()
    if label_of(result.model, INFARCT) is not None:
        infarct, of_infarct = describe_infarct(
            result.labels, image.geometry, result.model, made.insertion, made.insertion_from
        )
    run = beat.result if beat else result  # labels may have been removed from a slice in another frame
    if beat:
        phases = beat.function.ed_frame, beat.function.es_frame
        flagged = flags_of_cine(
            beat.result.labels, beat.cine.array, phases, image.geometry, result.model, beat.result.confidences,
            beat.result.removed,
        )  # fmt: skip
        review = _phases_to_review(beat, result.model)
    else:
        flagged = flags(result.labels, found, image.geometry, result.model, sure, removed, float(image.array.min()))
        review = slices_to_review(result.confidence, result.model.labels)
    notices = (
        *before(image, result.model, result.parameters),
        *run.notices,
        *flagged,
        *(beat.function.notices if beat else ()),
        *(beat.regional.notices if beat and beat.regional else ()),
        *of_infarct,
    )
    return Record(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        case=case.name,
        extra=dict(case.extra),
        input=_source(made),
        model=model_used(result.model),
        parameters=asdict(result.parameters),
        device={**asdict(result.device), "reason": str(result.device.reason)},
        timings={step: round(seconds, 4) for step, seconds in sorted(result.timings.items())},
        structures=[_structure(one, sure.get(one.value), removed.get(one.value, 0)) for one in found],
        review=[one.as_dict() for one in review],
        notices=[one.as_dict() for one in notices],
        infarct=infarct,
        cine=_cine(beat, case.settings) if beat else None,
        outputs=list(outputs),
        versions=versions(),
    )


def before(image: Image, model: Model, parameters: Resolved) -> list[Notice]:
    """Notices known before a run: how the image was read, and how it and the enhancement differ from training data."""
    seen = fit.Look(image.geometry, float(image.array.min()), float(image.array.max()), image.modality or "")
    untrained = fit.untrained(model, parameters.enhancement)
    return [*image.notices, *fit.notices(seen, model), *untrained]


def _phases_to_review(beat: Beat, model: Model) -> list[Notice]:
    """Return the slices to review of the frame of the structures, and of end-systole, with its frame, on which the
    ejection fraction depends as much."""
    confidences, (ed, es) = beat.result.confidences, (beat.function.ed_frame or 0, beat.function.es_frame)
    found = slices_to_review(confidences[ed], model.labels)
    if es is not None and es != ed:
        found += [replace(one, frame=es) for one in slices_to_review(confidences[es], model.labels)]
    return sorted(found, key=lambda one: -(one.expected_errors or 0))


def model_used(model: Model) -> ModelUsed:
    """Describe a model for records."""
    return ModelUsed(id=model.id, version=model.version, weights_sha256=model.sha256)


def _source(made: Made) -> Source:
    case, image = made.case, made.image
    files = made.cine.cine.first.files if made.cine else image.files
    return Source(
        name=image.name,
        path=None if case.anonymous else str((case.origin or case.input).absolute()),
        files=len(files),
        sha256=made.sha256,
        frame=case.frame,
        series=None if case.anonymous else case.series,
        reading=asdict(case.reading),
        modality=image.modality,
        dtype=str(image.array.dtype),
        shape=list(image.geometry.shape),
        spacing=image.geometry.spacing.tolist(),
        ijk_to_ras=image.geometry.ijk_to_ras.tolist(),
    )


def _cine(beat: Beat, settings: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "frames": len(beat.cine.array),
        "frame": beat.frame + 1,
        "given": dict(settings),
        "person": beat.person,
        "function": beat.function.as_dict(),
        "regional": beat.regional.as_dict() if beat.regional else None,
    }


def _structure(found: StructureStatistics, confidence: float | None, removed: int) -> dict[str, Any]:
    """Round the values, so that summation order, which varies between machines, does not change the text."""
    values = {**asdict(found), "confidence": confidence, "removed": removed}
    return {
        key: float(f"{value:.6g}") if isinstance(value, float) and key != "volume_ml" else value
        for key, value in {**values, "volume_ml": round(found.volume_ml, 3)}.items()
    }
