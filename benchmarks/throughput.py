"""Volumes per minute and memory of `dinsegment segment` over many small volumes, with one or several processes."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from DINSegmentLib import io, resources
from DINSegmentLib.errors import InputError
from DINSegmentLib.geometry import Geometry
from DINSegmentLib.tabular import align

from . import bench

_SLICES = slice(4, 7)  # of the bundled heart: small volumes, so that costs that grow with their number are visible
_MODES = {  # whether to pin everything, including read-ahead, to one core; processes; threads of each; arguments
    "1 process on 1 core": (True, 1, 1, ("--workers", "1")),
    "1 process, 1 thread": (False, 1, 1, ("--workers", "1")),
    "1 process, 2 threads": (False, 1, 2, ("--workers", "1")),
    "2 processes, 1 thread each": (False, 2, 1, ("--workers", "2")),
    "Dask scheduler, 2 workers": (False, 2, 1, ("--scheduler",)),
}
REFERENCE = "1 process, 1 thread"


def over_processes(cases: int) -> list[dict[str, Any]]:
    """Segment ``cases`` volumes of three slices on the CPU in each mode.

    Returns:
        a record for each mode: ``name``; ``per_minute``, from the moment every process has finished one volume to the
        last volume, without startup; ``early_mb`` and ``late_mb``, the peak resident memory of all processes (command,
        scheduler and workers) in the second and the last quarter of the command's time, sampled five times per second.
        A failed mode has ``error``, a sentence.

    Raises:
        InputError: there are too few cases for a measurement, or Dask is not installed.
    """
    if cases < 4:
        raise InputError(f"{cases} volumes are too few to measure with: use --cases 4 or more.")
    try:
        import distributed  # noqa: F401
        import psutil
    except ImportError as error:
        raise InputError("Several processes need Dask, which is not installed: pip install distributed.") from error
    with tempfile.TemporaryDirectory() as folder:
        _write_volumes(Path(folder), cases)
        can_pin = hasattr(psutil.Process, "cpu_affinity")  # not on macOS
        modes = {name: mode for name, mode in _MODES.items() if can_pin or not mode[0]}
        return [{"name": name, **_measure(Path(folder), *mode)} for name, mode in modes.items()]


def format_throughput(records: list[dict[str, Any]]) -> str:
    """Format a line for each mode, with its speed relative to one process with one thread, and the best."""
    reference = next((one["per_minute"] for one in records if one["name"] == REFERENCE and "error" not in one), None)
    rows: list[tuple[str, ...]] = [("three slices, cpu", "volumes a minute", "times", "memory early", "late")]
    for one in records:
        if "error" not in one:
            ratio = "" if reference is None else f"{one['per_minute'] / reference:.2f}"
            memory = [f"{one[key]:.0f} MB" for key in ("early_mb", "late_mb")]
            rows.append((one["name"], f"{one['per_minute']:.0f}", ratio, *memory))
    failures = [f"{one['name']} failed: {one['error']}" for one in records if "error" in one]
    done = [one for one in records if "error" not in one]
    best = [f"Most volumes a minute: {max(done, key=lambda one: one['per_minute'])['name']}."] if done else []
    return "\n".join([bench.machine(), "", align(rows), *best, *failures])


def _write_volumes(folder: Path, count: int) -> None:
    import numpy as np

    image = io.read(resources.root() / "SampleData" / "cardiac_phantom_ED.nrrd")
    array = image.array[_SLICES]
    image = replace(image, geometry=Geometry(array.shape, image.geometry.ijk_to_ras))
    (folder / "in").mkdir()
    for index in range(count):  # all different
        shifted = np.roll(array, (index % 16 - 8, index // 16 % 16 - 8), (1, 2))
        io.write_volume(shifted, image, folder / "in" / f"heart{index:04d}.nrrd")


def _measure(folder: Path, pinned: bool, processes: int, threads: int, arguments: Sequence[str]) -> dict[str, Any]:
    environment = bench.environment() | {"OMP_NUM_THREADS": str(threads)}
    if arguments == ("--scheduler",):
        with _scheduler(folder, processes, environment) as (file, others):
            return _run(folder, pinned, processes, (*arguments, str(file)), environment, others)
    return _run(folder, pinned, processes, arguments, environment, [])


def _run(
    folder: Path, pinned: bool, processes: int, arguments: Sequence[str], environment: dict[str, str],
    others: Sequence[Any],
) -> dict[str, Any]:  # fmt: skip
    import psutil

    memory = []
    with tempfile.TemporaryDirectory(dir=folder) as output, open(folder / "told", "w+", encoding="utf-8") as told:
        command = [sys.executable, "-m", "DINSegmentLib", "segment", str(folder / "in"), "--model", "cardiac-mr",
                   "--device", "cpu", "--format", "nii.gz", "--output", output, *arguments]  # fmt: skip
        process = psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=told, env=environment)
        if pinned:
            process.cpu_affinity(process.cpu_affinity()[:1])
        try:
            while process.poll() is None:
                memory.append(_resident_mb([process, *others]))
                time.sleep(0.2)
        finally:
            if process.poll() is None:  # interrupted
                process.terminate()
                process.wait()
        if process.returncode:
            told.seek(0)
            return {"error": (told.read().strip().splitlines() or [f"exit code {process.returncode}"])[-1]}
        done = sorted(path.stat().st_mtime for path in Path(output).glob("heart*.json"))
    quarter = max(1, len(memory) // 4)
    return {
        "per_minute": 60 * (len(done) - processes) / (done[-1] - done[processes - 1]),
        "early_mb": max(memory[quarter : 2 * quarter], default=memory[-1]),
        "late_mb": max(memory[-quarter:]),
    }


def _resident_mb(processes: Sequence[Any]) -> float:
    """Resident memory in MB of these processes and their descendants."""
    import psutil

    total = 0
    try:
        for process in processes:
            total += sum(one.memory_info().rss for one in (process, *process.children(recursive=True)))
    except psutil.Error:  # a process has just ended
        pass
    return total / 1e6


@contextmanager
def _scheduler(folder: Path, workers: int, environment: dict[str, str]) -> Iterator[tuple[Path, list[Any]]]:
    """Start a scheduler with workers; yield its file and the processes of both."""
    import psutil
    from distributed import Client

    file = folder / "scheduler.json"
    where = ("--scheduler-file", str(file), "--host", "127.0.0.1", "--no-dashboard")
    worker = ("distributed.cli.dask_worker", *where, "--nthreads", "1", "--no-nanny")
    commands = [("distributed.cli.dask_scheduler", *where, "--port", "0"), *[worker] * workers]
    started = [
        psutil.Popen(
            [sys.executable, "-m", *command], cwd=folder, env=environment, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for command in commands
    ]  # fmt: skip
    try:
        while not file.is_file() and started[0].poll() is None:
            time.sleep(0.1)
        with Client(scheduler_file=os.fspath(file), timeout="60s") as client:
            client.wait_for_workers(workers, timeout=60)
        yield file, started
    finally:
        for process in started:
            process.kill()
            process.wait()
