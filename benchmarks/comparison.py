"""Comparison of DIN with other packages on one volume, and over sizes of volumes, in separate processes."""

from pathlib import Path
from typing import Any

from DINSegmentLib.errors import InputError
from DINSegmentLib.tabular import align

from . import bench

_RIVALS = ("nnU-Net v2 2-D", "nnU-Net v2 2-D, mirroring", "MONAI U-Net 2-D", "MONAI Swin UNETR 2-D")
_REFERENCE = "DIN, cardiac-mr"


def beside_others(python: Path) -> list[dict[str, Any]]:
    """Measure DIN and the networks of `rivals` on the CPU, on a volume of 10 slices of 256 x 216.

    Args:
        python: interpreter of an environment with nnunetv2 and monai.

    Returns:
        records as in `bench.run`; those of other packages lack the network's own time.

    Raises:
        InputError: the interpreter does not exist.
    """
    if not python.is_file():
        raise InputError(f"{python} does not exist: make bench-env makes .bench-env/bin/python.")
    records = [bench.in_a_process(name, "cpu") for name in bench.BESIDE_OTHERS]
    return records + [bench.answer(name, [str(python), "-m", "benchmarks.rivals", name]) for name in _RIVALS]


def over_sizes(device: str = "auto") -> list[dict[str, Any]]:
    """Measure the cardiac model without mirroring over numbers and sizes of slices; records as in `bench.run`."""
    return [bench.in_a_process(name, device) for name in bench.SCALING]


def format_comparison(records: list[dict[str, Any]]) -> str:
    """Format a line for each package, with its time relative to DIN without mirroring."""
    reference = next((one["seconds"] for one in records if one["name"] == _REFERENCE and "error" not in one), None)
    rows: list[tuple[str, ...]] = [("10 x 256 x 216, cpu", "precision", "seconds", "times DIN", "memory")]
    for one in records:
        if "error" not in one:
            ratio = "" if reference is None else f"{one['seconds'] / reference:.1f}"
            rows.append((one["name"], one["precision"], f"{one['seconds']:.2f}", ratio, f"{one['peak_mb']:.0f} MB"))
    return "\n".join([bench.machine(), "", align(rows), *_failures(records)])


def format_sizes(records: list[dict[str, Any]]) -> str:
    """Format a line for each size, with milliseconds per slice."""
    rows: list[tuple[str, ...]] = [("slices x rows x columns", "seconds", "ms a slice", "overhead", "memory")]
    for one in records:
        if "error" not in one:
            slices = int(one["name"].split()[0])
            memory = "" if one["peak_mb"] is None else f"{one['peak_mb']:.0f} MB"
            milliseconds = f"{1000 * one['seconds'] / slices:.1f}"
            rows.append((one["name"], f"{one['seconds']:.2f}", milliseconds, f"{one['overhead']:.0%}", memory))
    return "\n".join([bench.machine(), "", align(rows), *_failures(records)])


def _failures(records: list[dict[str, Any]]) -> list[str]:
    return [f"{one['name']} failed: {one['error']}" for one in records if "error" in one]
