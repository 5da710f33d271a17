"""The record of a run: everything that is needed to tell how a result came about, and to make it again."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .. import bounded
from ..checks import fit
from ..engine.parameters import Resolved
from ..engine.results import Outcome, Result
from ..io.image import Image
from ..measure import StructureStatistics, flags, slices_to_review, statistics
from ..measure.infarct import infarct_size
from ..model import INFARCT, Model, label_of
from ..model.orientation import orientation
from ..notices import Notice
from .cine_results import Beat
from .versions import versions

SCHEMA_VERSION = 1


def record(
    source: Path | None, image: Image, result: Result, outputs: Sequence[str], case: str, extra: Mapping[str, str],
    frame: int | None = None, series: str | None = None, beat: Beat | None = None,
) -> dict[str, Any]:  # fmt: skip
    """What ``NAME.json`` holds, in the order in which it is written.

    Args:
        source: the input as the user named it; None: nobody may know.
        image: what was read from it.
        result: what the engine made of it.
        outputs: file names of the outputs, which lie beside the record.
        case: id of the case.
        extra: the user's own columns.
        frame, series: choice within the input.
        beat: of a cine, of which image and result are one frame.

    Returns:
        values that JSON knows:

        - ``schema``: version of this layout.
        - ``date``: UTC, ISO 8601.
        - ``case``, ``extra``: id and own columns.
        - ``input``: ``name``; ``path`` (null: an anonymous run); ``files`` (how many were read); ``sha256`` of the
          file, or, where there are several, of their hashes (each as 64 letters and a line feed, sorted); ``frame``,
          ``series`` (null: only one); ``modality`` (DICOM only); ``dtype``; ``shape`` (K, J, I); ``spacing`` (I, J, K)
          in mm; ``ijk_to_ras``.
        - ``model``: ``id``, ``version``, ``weights_sha256``.
        - ``parameters``: of the engine, defaults filled in; a ``batch_size`` of null suits the device.
        - ``device``: ``name``, ``reason``, ``precision``.
        - ``timings``: seconds by step; ``total`` is the engine's, ``forward`` the network's alone.
        - ``structures``: ``value``, ``name``, ``voxels``, ``volume_ml`` of each, ``mean`` and ``sd`` of the image
          (null: it is empty), ``slices`` that it is in, whether it ``touches_border`` or ``touches_end``;
          ``confidence``, the mean probability of the voxels that the network gave it (null: none), and ``removed``, how
          many voxels in other parts the clean-up took away.
        - ``review``: the slices to look at, the worst first, as ``notices``.
        - ``notices``: what to know and to look at, each with the fields of `notices.Notice`: of how the image was read,
          how it and the enhancement differ from the training data, then of the run, of each structure, and, of a cine,
          of its function.
        - ``cine``: of a cine ``frames``, how many; ``frame``, counted from 1, that structures, review and flags are of,
          the one at end-diastole, or the first where that is not known; ``person``, see `cine_results.Beat`; and
          ``function``, see `CardiacFunction.as_dict`; ``regional``, see `RegionalFunction.as_dict` (null: no
          end-diastole). Null: it is no cine, or only one frame of it.
        - ``infarct``: see `InfarctSize.as_dict`; null: the model tells none.
        - ``outputs``: file names.
        - ``versions``: of DINSegment, Python and the packages it depends on.
    """
    axis = orientation(image.geometry, result.model.axes).order[0]
    sure, removed = result.confidence.structures, result.removed
    files = beat.cine.first.files if beat else image.files
    run = beat.result if beat else result  # a slice may have been emptied in another frame
    found = statistics(result.labels, image.array, image.geometry, result.model.labels, axis)
    tells_infarct = label_of(result.model, INFARCT) is not None
    return {
        "schema": SCHEMA_VERSION,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "case": case,
        "extra": dict(extra),
        "input": about_input(source, replace(image, files=files), frame, series),
        "model": about_model(result.model),
        "parameters": asdict(result.parameters),
        **about_run(result),
        "structures": [_structure(one, sure.get(one.value), removed.get(one.value, 0)) for one in found],
        "review": [one.as_dict() for one in slices_to_review(result.confidence, result.model.labels)],
        "notices": [
            one.as_dict()
            for one in (
                *before(image, result.model, result.parameters),
                *run.notices,
                *flags(result.labels, found, image.geometry, result.model, sure, removed, float(image.array.min())),
                *(beat.function.notices if beat else ()),
                *(beat.regional.notices if beat and beat.regional else ()),
            )
        ],
        "infarct": infarct_size(result.labels, image.geometry, result.model).as_dict() if tells_infarct else None,
        "cine": _about_cine(beat) if beat else None,
        "outputs": list(outputs),
        "versions": versions(),
    }


def _about_cine(beat: Beat) -> dict[str, Any]:
    return {
        "frames": len(beat.cine.array),
        "frame": beat.frame + 1,
        "person": beat.person,
        "function": beat.function.as_dict(),
        "regional": beat.regional.as_dict() if beat.regional else None,
    }


def before(image: Image, model: Model, parameters: Resolved) -> list[Notice]:
    """What is known before a run: how the image was read, and how it and the enhancement differ from training data."""
    seen = fit.Look(image.geometry, float(image.array.min()), float(image.array.max()), image.modality or "")
    untrained = fit.untrained(model, parameters.enhancement)
    return [*image.notices, *fit.notices(seen, model), *untrained]


def about_input(source: Path | None, image: Image, frame: int | None, series: str | None) -> dict[str, Any]:
    """What a record tells of the input, see `record`."""
    return {
        "name": image.name,
        "path": None if source is None else str(Path(source).absolute()),
        "files": len(image.files),
        "sha256": input_hash(image.files),
        "frame": frame,
        "series": series,
        "modality": image.modality,
        "dtype": str(image.array.dtype),
        "shape": list(image.geometry.shape),
        "spacing": image.geometry.spacing.tolist(),
        "ijk_to_ras": image.geometry.ijk_to_ras.tolist(),
    }


def input_hash(files: Sequence[Path]) -> str:
    """SHA-256 of a file; of several, that of their hashes (64 letters and a line feed each, sorted)."""
    hashes = []
    for path in files:
        with bounded.open_file(path) as file:
            hashes.append(hashlib.file_digest(file, "sha256").hexdigest())
    if len(hashes) == 1:
        return hashes[0]
    return hashlib.sha256("".join(f"{one}\n" for one in sorted(hashes)).encode()).hexdigest()


def _structure(found: StructureStatistics, confidence: float | None, removed: int) -> dict[str, Any]:
    """Rounded, so that a sum in another order on another machine is the same text."""
    values = {**asdict(found), "confidence": confidence, "removed": removed}
    return {
        key: float(f"{value:.6g}") if isinstance(value, float) and key != "volume_ml" else value
        for key, value in {**values, "volume_ml": round(found.volume_ml, 3)}.items()
    }


def seed(written: Mapping[str, Any]) -> bytes:
    """Of a record, what decides about the result: the same input, model and parameters give the same bytes."""
    deciding = [written["model"], written["parameters"], written["input"]["sha256"], written["input"]["frame"]]
    return json.dumps(deciding, sort_keys=True).encode()


def about_run(result: Outcome) -> dict[str, Any]:
    """What a record tells of the device, and how long the steps took."""
    return {
        "device": {**asdict(result.device), "reason": str(result.device.reason)},
        "timings": {step: round(seconds, 4) for step, seconds in sorted(result.timings.items())},
    }


def about_model(model: Model) -> dict[str, str]:
    """What a record tells of the model."""
    return {"id": model.id, "version": model.version, "weights_sha256": model.sha256}
