"""The record of a run: everything that is needed to tell how a result came about, and to make it again."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ..engine.parameters import Result
from ..headless.image import Image
from .versions import versions

SCHEMA_VERSION = 1


def record(source: Path, image: Image, result: Result, outputs: Sequence[str]) -> dict[str, Any]:
    """What ``NAME.json`` holds, in the order in which it is written.

    Args:
        source: the input as the user named it.
        image: what was read from it.
        result: what the engine made of it.
        outputs: file names of the outputs, which lie beside the record.

    Returns:
        values that JSON knows:

        - ``schema``: version of this layout.
        - ``date``: UTC, ISO 8601.
        - ``input``: ``name``; ``path``; ``files`` (how many were read); ``sha256`` of the file, or, where there are
          several, of their hashes (each as 64 letters and a line feed, sorted); ``modality`` (DICOM only); ``dtype``;
          ``shape`` (K, J, I); ``spacing`` (I, J, K) in mm; ``ijk_to_ras`` (4 x 4).
        - ``model``: ``id``, ``version``, ``weights_sha256``.
        - ``parameters``: of the engine, defaults filled in; a ``batch_size`` of null suits the device.
        - ``device``: ``name``, ``reason``, ``precision``, ``events`` (what had to be changed on the way, in sentences).
        - ``timings``: seconds by step; ``total`` is the engine's, ``forward`` the network's alone.
        - ``structures``: ``value``, ``name``, ``voxels``, ``volume_ml`` of each.
        - ``outputs``: file names.
        - ``versions``: of DINSegment, Python and the packages it depends on.
    """
    return {
        "schema": SCHEMA_VERSION,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "input": _input(source, image),
        "model": {
            "id": result.model.id,
            "version": result.model.version,
            "weights_sha256": result.model.sha256,
        },
        "parameters": asdict(result.parameters),
        "device": {
            "name": result.device,
            "reason": result.device_reason,
            "precision": result.precision,
            "events": list(result.events),
        },
        "timings": {step: round(seconds, 4) for step, seconds in sorted(result.timings.items())},
        "structures": _structures(result, image.geometry.voxel_volume),
        "outputs": list(outputs),
        "versions": versions(),
    }


def _input(source: Path, image: Image) -> dict[str, Any]:
    return {
        "name": image.name,
        "path": str(Path(source).absolute()),
        "files": len(image.files),
        "sha256": _hash(image.files),
        "modality": image.modality,
        "dtype": str(image.array.dtype),
        "shape": list(image.geometry.shape),
        "spacing": image.geometry.spacing.tolist(),
        "ijk_to_ras": image.geometry.ijk_to_ras.tolist(),
    }


def _hash(files: Sequence[Path]) -> str:
    hashes = []
    for path in files:
        with open(path, "rb") as file:
            hashes.append(hashlib.file_digest(file, "sha256").hexdigest())
    if len(hashes) == 1:
        return hashes[0]
    return hashlib.sha256("".join(f"{one}\n" for one in sorted(hashes)).encode()).hexdigest()


def _structures(result: Result, voxel_volume: float) -> list[dict[str, Any]]:
    counts = np.bincount(result.labels.ravel(), minlength=256)
    return [
        {
            "value": label.value,
            "name": label.name,
            "voxels": int(counts[label.value]),
            "volume_ml": round(float(counts[label.value] * voxel_volume / 1000), 3),
        }
        for label in result.model.labels
    ]
