"""Dry run: what a run would do and reject, from headers, with estimates of time and memory."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..inputs.candidates import Found, Refused, shown
from ..inputs.inspection import header_notices
from ..io.probe import Glance, peek
from ..isolation import attempt
from ..model import Model, find_model
from ..model.orientation import orientation
from ..tabular import align
from . import workers as processes
from .cine_results import is_of_heart

# Core seconds, measured on an AMD EPYC core with AVX-512 bfloat16 but no matrix units, torch 2.13, with the
# bundled models (both have the same encoders). Other devices were not measured, and get no time estimate.
_SECONDS_PER_PIXEL = {"bfloat16": 0.60e-6, "float32": 1.03e-6}  # per pixel on the model's grid, including mirroring
_SECONDS_PER_SCORE = 0.01e-6  # per voxel and class: normalization, resampling, the largest score, clean-up
_SECONDS_PER_VOXEL = 0.04e-6  # reading and writing with compression
_SECONDS_PER_CASE = 0.05
_SECONDS_TO_START = 3.0
_SECONDS_TO_START_WORKERS = 4.0  # in addition
_SURFACE_BYTES = 8  # per voxel: margins, and arrays for the box of the largest structure (measured: 6.3)
_WORK = 10240.0  # for the bundled models' encoders, see `_work`


@dataclass(frozen=True)
class _Effort:
    """Core seconds of a case: work of a single thread, and work shared by all threads of its process."""

    alone: float
    shared: float


def describe(
    found: Sequence[Found | Refused], model: Model, device: str = "auto", mirroring: bool | None = None,
    workers: int | None = 1, is_program: bool = False, surfaces: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Describe the run by the headers of all cases; no voxels are read, nothing is written.

    Args:
        found: from `inputs.find`.
        model: for cases without a model of their own.
        device: as in `engine.device.choose`.
        mirroring: whether slices are mirrored; None for the model's default.
        workers: number of processes; None to use `workers.choose`.
        is_program: see `workers.Machine`.
        surfaces: whether surfaces are requested.

    Returns:
        values for JSON:

        - ``cases``: for each case to be tried, in order: ``case``, ``path``, ``series``, ``frame``, ``model``,
          ``why`` (why the model was chosen, if automatic), ``frames`` (number to be segmented),
          ``shape`` (K, J, I), ``spacing`` (I, J, K) in mm, ``bytes`` on disk, ``seconds`` (null: unknown for this
          device), ``peak_bytes`` of memory, ``warnings`` (sentences).
        - ``refused``: ``path``, ``reason`` (a sentence), ``expected`` (not a fault of the data, see `Refused`).
        - ``total``: ``cases``, ``refused``, ``bytes``, ``workers``, ``seconds`` (with startup), ``peak_bytes`` (sum
          over the largest cases, one per worker).
        - ``device`` and ``note``: sentences about the number of workers and the reliability of the estimates.

    Raises:
        DeviceError: the device is not available.
    """
    import torch  # takes seconds to import

    from ..engine.device import choose

    chosen = choose(device)
    rate = _SECONDS_PER_PIXEL.get(chosen.precision) if chosen.name == "cpu" else None
    known: dict[str | None, Model] = {None: model}
    cases, efforts, refused = [], [], []
    for item in found:
        if isinstance(item, Refused):
            refused.append({"path": str(item.path), "reason": item.reason, "expected": item.expected})
            continue
        looked = attempt(partial(_look, item, known, rate, mirroring, surfaces), shown(item.path))
        if looked.value is None:
            reason = looked.fault.text if looked.fault else ""
            refused.append({"path": str(item.path), "reason": reason, "expected": False})
        else:
            cases.append(looked.value[0])
            efforts.append(looked.value[1])
    needed = [case["peak_bytes"] for case in cases]
    if workers is None:
        choice = processes.choose(needed, processes.here(device, is_program))
    else:
        choice = processes.Choice(max(1, min(workers, len(cases))))
    threads = 1 if choice.workers > 1 else torch.get_num_threads()
    for case, effort in zip(cases, efforts, strict=True):
        case["seconds"] = None if rate is None else round(effort.alone + effort.shared / threads, 2)
    total = {
        "cases": len(cases),
        "refused": len(refused),
        "bytes": sum(case["bytes"] for case in cases),
        "workers": choice.workers,
        "seconds": None if rate is None and cases else _total([case["seconds"] for case in cases], choice.workers),
        "peak_bytes": sum(sorted(needed)[-choice.workers :]),
    }
    note = " ".join(filter(None, [choice.text, _note(rate is not None, max(choice.workers, threads))]))
    return {"cases": cases, "refused": refused, "total": total, "device": chosen.name, "note": note}


def peak_bytes(glance: Glance, surfaces: bool) -> int:
    """Peak memory of a case in bytes, including the program itself."""
    return glance.memory + surfaces * _SURFACE_BYTES * math.prod(glance.geometry.shape)


def format_text(description: dict[str, Any]) -> str:
    """Format a description as a table with totals and rejected inputs below."""
    cases, total = description["cases"], description["total"]
    lines = []
    if cases:
        tells_why = any(case["why"] for case in cases)
        rows = [("case", "model", *["content"] * tells_why, "voxels", "mm", "file", "time", "memory")]
        rows += [
            (
                shown(case["case"]),
                case["model"],
                *[case["why"].partition(":")[0]] * tells_why,
                " x ".join(str(n) for n in [*reversed(case["shape"]), case["frames"]][: 3 + (case["frames"] > 1)]),
                " x ".join(f"{mm:.3g}" for mm in case["spacing"]),
                _size(case["bytes"]),
                _time(case["seconds"]),
                _size(case["peak_bytes"]),
            )
            for case in cases
        ]
        lines += [align(rows), *(f"{shown(c['case'])}: {text}" for c in cases for text in c["warnings"]), ""]
    lines += [f"{'Left out' if one['expected'] else 'Rejected'}: {one['reason']}" for one in description["refused"]]
    lines += [""] * bool(description["refused"])
    workers, left_out = total["workers"], sum(one["expected"] for one in description["refused"])
    way = f"by {workers} processes" if workers > 1 else "one after the other"
    lines.append(
        f"{total['cases']} to segment ({_size(total['bytes'])}), {left_out} left out, "
        f"{total['refused'] - left_out} rejected; {way} on {description['device']}: "
        f"{_time(total['seconds'])}, {_size(total['peak_bytes'])} of memory."
    )
    return "\n".join([*lines, description["note"]])


def _look(
    item: Found, known: dict[str | None, Model], rate: float | None, mirroring: bool | None, surfaces: bool
) -> tuple[dict[str, Any], _Effort]:
    """Return `_case` for the model that the case names; ``known`` caches models."""
    if item.model not in known:
        known[item.model] = find_model(item.model or "")
    return _case(item, known[item.model], rate, mirroring, surfaces)


def _case(
    found: Found, model: Model, rate: float | None, mirroring: bool | None, surfaces: bool
) -> tuple[dict[str, Any], _Effort]:
    """Describe a case without the seconds, which depend on the number of processes."""
    glance = peek(found.path, found.series, found.frame, found.files, is_of_heart(model), found.reading)
    warnings = [str(one.text) for one in (*found.notices, *glance.notices, *header_notices(glance, model))]
    case = {
        "case": found.case,
        "path": str(found.path),
        "series": found.series,
        "frame": found.frame,
        "model": model.id,
        "why": found.why,
        "frames": glance.frames,
        "shape": list(glance.geometry.shape),
        "spacing": [round(float(mm), 4) for mm in glance.geometry.spacing],
        "bytes": found.size,
        "peak_bytes": peak_bytes(glance, surfaces),
        "warnings": warnings,
    }
    return case, _effort(glance, model, rate or 0.0, model.mirroring if mirroring is None else mirroring)


def _effort(glance: Glance, model: Model, rate: float, mirroring: bool) -> _Effort:
    from ..engine.resampling import model_size

    orient = orientation(glance.geometry, model.axes)
    slices, height, width = (glance.geometry.shape[axis] for axis in orient.order)
    slices *= glance.frames
    rows, columns = model_size((height, width), orient.spacing[1:], model.spacing)
    network = slices * rows * columns * (1 + mirroring) * rate * _work(model) / _WORK
    voxels = slices * height * width
    around = voxels * model.network.classes * _SECONDS_PER_SCORE
    return _Effort(_SECONDS_PER_CASE + voxels * _SECONDS_PER_VOXEL, network + around)


def _total(seconds: Sequence[float], workers: int) -> float:
    """Total seconds including startup; 0 if there is nothing to do."""
    if not seconds:
        return 0.0
    start = _SECONDS_TO_START + _SECONDS_TO_START_WORKERS * (workers > 1)
    return round(sum(seconds) / workers + start, 1)


def _work(model: Model) -> float:
    """Multiplications per pixel in the encoders' blocks, up to a factor common to all models."""
    widths, depths = model.network.widths, model.network.depths
    return sum(depth * width**2 / 4**stage for stage, (width, depth) in enumerate(zip(widths, depths, strict=False)))


def _note(measured: bool, cores: int) -> str:
    looked = "Only headers were read: truncated compressed voxels are found when the volume is read."
    if not measured:
        return f"Time is not estimated, because no speed was measured for this device. {looked}"
    idle = f"{cores} idle cores" if cores > 1 else "1 idle core"
    return (
        f"Time and memory are estimates for {idle}, measured on another processor; the actual time may be 0.5 to 3 "
        f"times as long. {looked}"
    )


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "?"
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"
