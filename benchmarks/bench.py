"""Speed and memory of DINSegment on this machine; each measurement runs in a separate process.

To run one measurement and print a line of JSON: ``python -m benchmarks.bench NAME``.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from DINSegmentLib import resources
from DINSegmentLib.batch.versions import version
from DINSegmentLib.errors import DINSegmentError
from DINSegmentLib.geometry import Geometry
from DINSegmentLib.model import find_model
from DINSegmentLib.model.config import STRIDE
from DINSegmentLib.runtime import prepare

from .cost import matrix_gflop_per_second, network_cost

_SAMPLE = "cardiac_phantom_ED"


@dataclass(frozen=True)
class Engine:
    """Settings of an engine measurement: a volume of ``shape`` (K, J, I) and ``spacing`` (I, J, K) in mm.

    ``mirroring`` as in `Parameters`; ``frames``: number of such volumes in one run.
    """

    model: str
    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    repeats: int
    mirroring: bool | None = None
    frames: int = 1


_HEART_SPACING = (1.5625, 1.5625, 10.0)
_ENGINE = {
    "cardiac-10x256x216": Engine("cardiac-mr", (10, 256, 216), _HEART_SPACING, 11),
    "cine-25x10x256x216": Engine("cardiac-mr", (10, 256, 216), _HEART_SPACING, 3, frames=25),
    "ct-100x512x512": Engine("abdomen-ct", (100, 512, 512), (0.78125, 0.78125, 3.0), 3),
}
_QUICK = {
    "cardiac-2x64x64": Engine("cardiac-mr", (2, 64, 64), _HEART_SPACING, 1),
    "cine-2x2x64x64": Engine("cardiac-mr", (2, 64, 64), _HEART_SPACING, 1, frames=2),
    "ct-2x64x64": Engine("abdomen-ct", (2, 64, 64), (0.78125, 0.78125, 3.0), 1),
}
BESIDE_OTHERS = {  # for comparison with other packages
    "DIN, cardiac-mr": Engine("cardiac-mr", (10, 256, 216), _HEART_SPACING, 11, mirroring=False),
    "DIN, cardiac-mr, mirroring": Engine("cardiac-mr", (10, 256, 216), _HEART_SPACING, 11, mirroring=True),
}
SCALING = {
    f"{slices} x {side} x {side}": Engine("cardiac-mr", (slices, side, side), _HEART_SPACING, 3, mirroring=False)
    for slices in (2, 8, 64)
    for side in (128, 256, 512, 768)
}
_COMMAND = "segment-sample"


def run(quick: bool = False, device: str = "auto") -> list[dict[str, Any]]:
    """Measure the engine on a heart, a cine and a CT volume with a loaded model, and the command on the sample.

    Args:
        quick: use tiny volumes, once each: a functional check, not a measurement.
        device: as in `engine.device.choose`.

    Returns:
        a record for each, with JSON values:

        - ``name``, ``device``, ``precision``.
        - ``seconds``: time of the engine, or of the command from process start to exit.
        - ``forward_seconds``: time of the network alone.
        - ``overhead``: time of the engine beyond the network, as a fraction of the latter; None for the command.
        - ``cpu_seconds``: over all threads; least affected by other programs.
        - ``peak_mb``: peak resident memory of the process, including the interpreter; None if unavailable.
        - ``repeats``: number of runs, after a warm-up, whose median is reported.
        - ``first_line_seconds``: of the command only, until its first output in a terminal.

        A failed measurement has only ``name`` and ``error``, a sentence.
    """
    return [in_a_process(name, device) for name in (*(_QUICK if quick else _ENGINE), _COMMAND)]


def measure(name: str, device: str = "auto") -> dict[str, Any]:
    """Run one measurement in this process; peak memory includes everything the process did before.

    Raises:
        DINSegmentError: the model or the device cannot be used.
    """
    if name == _COMMAND:
        return {"name": name, **_measure_command(device), "peak_mb": peak_mb(children=True)}
    what = (_ENGINE | _QUICK | BESIDE_OTHERS | SCALING)[name]
    found = {"name": name, **_measure_engine(what, device), "peak_mb": peak_mb()}
    return found | _cost(what, found) if name in BESIDE_OTHERS else found


def format_table(records: list[dict[str, Any]]) -> str:
    """Format the records as a table, with the machine above."""
    rows = [("measurement", "device", "seconds", "network", "overhead", "memory")]
    notes = []
    for one in records:
        if "error" in one:
            notes.append(f"{one['name']} failed: {one['error']}")
            continue
        overhead = "" if one["overhead"] is None else f"{one['overhead']:.0%}"
        memory = "" if one["peak_mb"] is None else f"{one['peak_mb']:.0f} MB"
        device = f"{one['device']} {one['precision']}"
        rows.append((one["name"], device, f"{one['seconds']:.2f}", f"{one['forward_seconds']:.2f}", overhead, memory))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([machine(), "", *lines, *notes])


def machine() -> str:
    """Describe this machine in a line: processor, cores, bfloat16 instructions, torch."""
    processor, flags = platform.processor() or platform.machine(), ""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        facts = dict(
            line.split(":", 1)
            for line in cpuinfo.read_text(encoding="utf-8").split("\n\n")[0].splitlines()
            if ":" in line
        )
        facts = {key.strip(): value.strip() for key, value in facts.items()}
        processor, flags = facts.get("model name", processor), facts.get("flags", "")
    kinds = [kind for kind in ("amx_bf16", "avx512_bf16") if kind in flags.split()]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{processor}, {cores} cores, bfloat16: {kinds[0] if kinds else 'none'}, torch {version('torch', 'torch')}"


def in_a_process(name: str, device: str) -> dict[str, Any]:
    """Run `measure` in a separate process."""
    return answer(name, [sys.executable, "-m", __spec__.name, name, device])


def answer(name: str, command: list[str]) -> dict[str, Any]:
    """Return the last output line of a measuring process as JSON, or why it failed."""
    done = subprocess.run(command, capture_output=True, encoding="locale", env=environment())
    if done.returncode:
        return {"name": name, "error": (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]}
    return json.loads(done.stdout.splitlines()[-1])


def environment() -> dict[str, str]:
    """Environment of a process that uses this same package."""
    package = str(Path(__file__).resolve().parent.parent)
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))}


def _measure_engine(what: Engine, device: str) -> dict[str, Any]:
    import numpy as np

    from DINSegmentLib.engine.cine import segment_cine
    from DINSegmentLib.engine.parameters import Parameters
    from DINSegmentLib.engine.results import CineResult, Result
    from DINSegmentLib.engine.segmenter import Segmenter

    segmenter = Segmenter(find_model(what.model), device)
    volume, geometry = volume_of(what)
    frames = [np.roll(volume, shift, axis=1) for shift in range(what.frames)]  # all different
    parameters = Parameters(mirroring=what.mirroring)
    runs = []
    for _ in range(1 + what.repeats):
        started = time.process_time()
        if what.frames > 1:
            result: Result | CineResult = segment_cine(segmenter, frames, geometry, parameters)
        else:
            result = segmenter.segment(volume, geometry, parameters)
        runs.append((result.timings["total"], result.timings["forward"], time.process_time() - started))
    seconds, forward, cpu = (statistics.median(column) for column in zip(*runs[1:], strict=True))
    return {
        "device": result.device.name,
        "seconds": seconds,
        "forward_seconds": forward,
        "overhead": statistics.median(total / forward - 1 for total, forward, _ in runs[1:]),
        "cpu_seconds": cpu,
        "precision": result.device.precision,
        "repeats": what.repeats,
    }


def _cost(what: Engine, found: dict[str, Any]) -> dict[str, Any]:
    """Views, parameters, GFLOP of a slice, GFLOP/s, and this rate as a share of the machine's for a matrix product."""
    import torch

    from DINSegmentLib.engine.segmenter import load_network

    network = load_network(find_model(what.model))
    slices, *size = what.shape
    size = [STRIDE * -(-side // STRIDE) for side in size]
    cost = network_cost(network, *[torch.rand(1, network.config.channels, *size)] * 2)
    views = 2 if what.mirroring else 1
    rate = views * slices * cost["gflop"] / found["forward_seconds"]
    return {**cost, "views": views, "gflop_per_second": rate,
            "matrix_share": rate / matrix_gflop_per_second(found["precision"])}  # fmt: skip


def _measure_command(device: str) -> dict[str, Any]:
    sample = resources.root() / "SampleData" / f"{_SAMPLE}.nrrd"
    command = [
        sys.executable,
        "-m",
        "DINSegmentLib",
        "segment",
        str(sample),
        "--model",
        "cardiac-mr",
        "--device",
        device,
    ]
    for _ in range(2):  # the first run fills the file cache
        first_line = _first_line_seconds(command)
        with tempfile.TemporaryDirectory() as folder:
            started, cpu_started = time.perf_counter(), _cpu_of_children()
            command_line = [*command, "--output", folder]
            done = subprocess.run(command_line, capture_output=True, encoding="locale", env=environment())
            seconds, cpu = time.perf_counter() - started, _cpu_of_children() - cpu_started
            if done.returncode:
                raise DINSegmentError((done.stderr.strip().splitlines() or ["The sample could not be segmented."])[-1])
            record = json.loads((Path(folder) / f"{_SAMPLE}.json").read_text(encoding="utf-8"))
    return {
        "device": record["device"]["name"],
        "seconds": seconds,
        "forward_seconds": record["timings"]["forward"],
        "overhead": None,
        "cpu_seconds": cpu,
        "precision": record["device"]["precision"],
        "repeats": 1,
        "first_line_seconds": first_line,
    }


def _first_line_seconds(command: list[str]) -> float | None:
    """Seconds from the start of `dinsegment segment` to its first words in a terminal; None on Windows."""
    if sys.platform == "win32":
        return None
    ours, its = os.openpty()
    with tempfile.TemporaryDirectory() as folder, open(ours, "rb", buffering=0) as terminal:
        started = time.perf_counter()
        with subprocess.Popen([*command, "--output", folder], stdout=its, stderr=its, env=environment()) as process:
            os.close(its)
            terminal.read(1)
            seconds = time.perf_counter() - started
            try:
                while terminal.read(4096):
                    pass
            except OSError:  # how Linux reports the end
                pass
            process.wait()
    return seconds


def _cpu_of_children() -> float:
    times = os.times()
    return times.children_user + times.children_system


def volume_of(what: Engine) -> tuple[Any, Geometry]:
    """Create a body of noise in air, int16 in Hounsfield units, stored like DICOM slices."""
    import numpy as np

    volume = np.random.default_rng(0).integers(0, 120, what.shape, dtype=np.int16)
    y, x = (np.linspace(-1, 1, n) for n in what.shape[1:])
    volume[:, (y[:, None] / 0.7) ** 2 + (x / 0.9) ** 2 > 1] = -1000
    right_left, front_back, foot_head = what.spacing
    return volume, Geometry(what.shape, np.diag([-right_left, -front_back, foot_head, 1.0]))


def peak_mb(children: bool = False) -> float | None:
    """Peak resident memory of this process or its children in MB; None if the system does not report it."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_CHILDREN if children else resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)  # macOS reports bytes, Linux kilobytes


if __name__ == "__main__":
    prepare()  # as in the programs that it represents
    try:
        print(json.dumps(measure(*sys.argv[1:])))
    except DINSegmentError as error:
        sys.exit(str(error))
