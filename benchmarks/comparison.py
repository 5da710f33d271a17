"""Comparison of DIN with other packages on one volume, and over sizes of volumes, in separate processes."""

from pathlib import Path
from typing import Any

from DINSegmentLib.errors import InputError
from DINSegmentLib.tabular import align

from . import bench

_RIVALS = ("nnU-Net v2 2-D", "MONAI U-Net 2-D", "MONAI Swin UNETR 2-D")
_REFERENCE, _MIRRORED = bench.BESIDE_OTHERS
_CT, _COMMAND = "ct-100x512x512", "segment-sample"


def beside_others(python: Path) -> list[dict[str, Any]]:
    """Measure DIN and the networks of `rivals` on the CPU, on a volume of 10 slices of 256 x 216, plain and mirrored.

    Also measure what the other goals concern: a CT volume and the whole command.

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
    for views in ("plain", "mirroring"):
        for name in _RIVALS:
            records.append(bench.answer(name, [str(python), "-m", "benchmarks.rivals", name, views]))
    return records + [bench.in_a_process(name, "cpu") for name in (_CT, _COMMAND)]


def over_sizes(device: str = "auto") -> list[dict[str, Any]]:
    """Measure the cardiac model without mirroring over numbers and sizes of slices; records as in `bench.run`."""
    return [bench.in_a_process(name, device) for name in bench.SCALING]


def format_comparison(records: list[dict[str, Any]]) -> str:
    """Format a line for each package, its time relative to DIN's with or without mirroring, and the goals."""
    good = [one for one in records if "error" not in one]
    rows: list[tuple[str, ...]] = [
        (
            "10 x 256 x 216, cpu",
            "precision",
            "views",
            "seconds",
            "times DIN",
            "memory",
            "million weights",
            "GFLOP a slice",
        )
    ]
    for one in sorted((one for one in good if "views" in one), key=lambda one: one["views"] > 1):
        rows.append((
            one["name"], one["precision"], str(one["views"]), f"{one['seconds']:.2f}", f"{_times(one, good):.1f}",
            f"{one['peak_mb']:.0f} MB", f"{one['million_parameters']:.1f}", f"{one['gflop']:.1f}",
        ))  # fmt: skip
    return "\n".join([bench.machine(), "", align(rows), "", align(_goals(good)), *_failures(records)])


def _times(one: dict[str, Any], records: list[dict[str, Any]]) -> float:
    """Seconds of a package as a multiple of DIN's, both mirrored or neither; nan if DIN's are unknown."""
    reference = _MIRRORED if one["views"] > 1 else _REFERENCE
    return one["seconds"] / next((other["seconds"] for other in records if other["name"] == reference), float("nan"))


def _goals(records: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """A row for each goal that was measured: what, goal, measured, met or missed."""
    rows: list[tuple[str, ...]] = [("", "goal", "measured", "")]

    def row(what: str, goal: float, measured: float | None, unit: str, least: bool) -> None:
        if measured is not None:
            met = measured >= goal if least else measured <= goal
            rows.append((what, f"{goal:g}{unit}", f"{measured:.3g}{unit}", "met" if met else "missed"))

    for one in records:
        if one["name"] == "nnU-Net v2 2-D":
            views = "one view each" if one["views"] == 1 else f"mirrored, {one['views']} views and 2"
            row(f"nnU-Net's time, {views}", 15, _times(one, records), " x", least=True)
        elif one["name"] in (_REFERENCE, _MIRRORED):
            row(f"share of the matrix product's rate, {one['name']}", 60, 100 * one["matrix_share"], "%", least=True)
        elif one["name"] == _CT:
            row("time beyond the network, CT", 25, 100 * one["overhead"], "%", least=False)
        elif one["name"] == _COMMAND:
            row("first words of dinsegment segment", 1.5, one.get("first_line_seconds"), " s", least=False)
    return rows


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
