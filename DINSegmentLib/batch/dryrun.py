"""What a run would do and refuse, told from headers: sizes, and estimates of time and memory."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .. import models
from ..console import table
from ..engine.orientation import orientation
from ..errors import DINSegmentError
from ..headless.peek import Glance, peek
from .beat import is_of_heart
from .found import Found, Refused, shown

# Seconds of one core; measured on an AMD EPYC core with AVX-512 bfloat16 and no matrix units, torch 2.13, with the
# bundled models (both have the same encoders). Other devices were not measured, and no time is told for them.
_SECONDS_PER_PIXEL = {"bfloat16": 0.60e-6, "float32": 1.03e-6}  # of a slice on the model's grid, mirror images too
_SECONDS_PER_SCORE = 0.01e-6  # of a voxel and a class: normalising, resampling, the largest score, clean-up
_SECONDS_PER_VOXEL = 0.04e-6  # reading and writing, compressed
_SECONDS_PER_CASE = 0.05
_SECONDS_TO_START = 3.0
_WORK = 10240.0  # of the bundled models' encoders, see `_work`


@dataclass(frozen=True)
class _Speed:
    """Of the device: cores that share the work, and the rate there; None where no rate was measured."""

    cores: int
    seconds_per_pixel: float | None


def describe(
    found: Sequence[Found | Refused], model: models.Model, device: str = "auto", mirroring: bool | None = None
) -> dict[str, Any]:
    """Look at the header of every case; no voxel is read, nothing is written.

    Args:
        found: from `inputs.find`.
        model: for the cases that name none.
        device: as in `engine.device.choose`.
        mirroring: whether slices are mirrored; None: as the model says.

    Returns:
        values that JSON knows:

        - ``cases``: of those that would be tried, in order, ``case``, ``path``, ``series``, ``frame``, ``model``,
          ``frames`` (how many would be segmented), ``shape`` (K, J, I), ``spacing`` (I, J, K) in mm, ``bytes`` on the
          disk, ``seconds`` (null: not known for this device), ``peak_bytes`` of memory, ``warnings`` (sentences).
        - ``refused``: ``path``, ``reason`` (a sentence), ``expected`` (no fault of the data, see `Refused`).
        - ``total``: ``cases``, ``refused``, ``bytes``, ``seconds`` (with the start), ``peak_bytes`` (the largest).
        - ``device`` and ``note``, a sentence on how far to trust the estimates.

    Raises:
        DeviceError: the device is not there.
    """
    from ..engine.device import choose  # torch takes seconds to import

    chosen = choose(device)
    speed = _speed(chosen.name, chosen.precision)
    known: dict[str | None, models.Model] = {None: model}
    cases, refused = [], []
    for item in found:
        if isinstance(item, Refused):
            refused.append({"path": str(item.path), "reason": item.reason, "expected": item.expected})
            continue
        try:
            if item.model is not None and item.model not in known:
                known[item.model] = models.find(item.model)
            cases.append(_case(item, known[item.model], speed, mirroring))
        except DINSegmentError as error:
            refused.append({"path": str(item.path), "reason": str(error), "expected": False})
        except OSError as error:
            reason = f"{shown(item.path)} cannot be read ({error.strerror or error}): check the file."
            refused.append({"path": str(item.path), "reason": reason, "expected": False})
    seconds = [case["seconds"] for case in cases]
    total = {
        "cases": len(cases),
        "refused": len(refused),
        "bytes": sum(case["bytes"] for case in cases),
        "seconds": None if None in seconds else round(sum(seconds) + _SECONDS_TO_START * bool(seconds), 1),
        "peak_bytes": max((case["peak_bytes"] for case in cases), default=0),
    }
    return {"cases": cases, "refused": refused, "total": total, "device": chosen.name, "note": _note(speed)}


def format_text(description: dict[str, Any]) -> str:
    """A description as a table for people, totals and refusals below it."""
    cases, total = description["cases"], description["total"]
    lines = []
    if cases:
        rows = [("case", "voxels", "mm", "file", "time", "memory")]
        rows += [
            (
                shown(case["case"]),
                " x ".join(str(n) for n in [*reversed(case["shape"]), case["frames"]][: 3 + (case["frames"] > 1)]),
                " x ".join(f"{mm:.3g}" for mm in case["spacing"]),
                _size(case["bytes"]),
                _time(case["seconds"]),
                _size(case["peak_bytes"]),
            )
            for case in cases
        ]
        lines += [table(rows), *(f"{shown(c['case'])}: {text}" for c in cases for text in c["warnings"]), ""]
    lines += [f"Refused: {one['reason']}" for one in description["refused"]]
    lines += [""] * bool(description["refused"])
    lines.append(
        f"{total['cases']} to segment ({_size(total['bytes'])}), {total['refused']} refused; one after the other on "
        f"{description['device']}: {_time(total['seconds'])}, {_size(total['peak_bytes'])} of memory."
    )
    return "\n".join([*lines, description["note"]])


def _case(found: Found, model: models.Model, speed: _Speed, mirroring: bool | None) -> dict[str, Any]:
    glance = peek(found.path, found.series, found.frame, found.files, all_frames=is_of_heart(model))
    warnings = []
    if glance.modality not in (None, model.modality):
        warnings.append(f"it is {glance.modality}, and {model.id} is for {model.modality}: do not trust the result.")
    seconds = _seconds(glance, model, speed, model.mirroring if mirroring is None else mirroring)
    return {
        "case": found.case,
        "path": str(found.path),
        "series": found.series,
        "frame": found.frame,
        "model": model.id,
        "frames": glance.frames,
        "shape": list(glance.geometry.shape),
        "spacing": [round(float(mm), 4) for mm in glance.geometry.spacing],
        "bytes": found.size,
        "seconds": seconds,
        "peak_bytes": glance.memory,
        "warnings": warnings,
    }


def _seconds(glance: Glance, model: models.Model, speed: _Speed, mirroring: bool) -> float | None:
    from ..engine.resampling import model_size

    orient = orientation(glance.geometry, model.axes)
    slices, height, width = (glance.geometry.shape[axis] for axis in orient.order)
    slices *= glance.frames
    rows, columns = model_size((height, width), orient.spacing[1:], model.spacing)
    if speed.seconds_per_pixel is None:
        return None
    network = slices * rows * columns * (1 + mirroring) * speed.seconds_per_pixel * _work(model) / _WORK
    voxels = slices * height * width
    around = voxels * model.network["classes"] * _SECONDS_PER_SCORE
    return round(_SECONDS_PER_CASE + voxels * _SECONDS_PER_VOXEL + (network + around) / speed.cores, 2)


def _work(model: models.Model) -> float:
    """Multiplications in the encoders' blocks for a pixel, up to a factor that all models share."""
    from ..network import DINConfig

    widths, depths = (model.network.get(key, getattr(DINConfig, key)) for key in ("widths", "depths"))
    return sum(depth * width**2 / 4**stage for stage, (width, depth) in enumerate(zip(widths, depths, strict=False)))


def _speed(device: str, precision: str) -> _Speed:
    if device != "cpu":
        return _Speed(1, None)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return _Speed(cores, _SECONDS_PER_PIXEL.get(precision))


def _note(speed: _Speed) -> str:
    looked = "Only headers were looked at: compressed voxels that are cut short show up when they are read."
    if speed.seconds_per_pixel is None:
        return f"The time is not known: no speed was measured for this device. The memory is an estimate. {looked}"
    return (
        f"Time and memory are estimates from rates measured on another processor, for {speed.cores} cores here that do "
        f"nothing else: expect half to three times the time. {looked}"
    )


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "?"
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"
