"""The command line in this process and in a separate one, and volumes for it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from DINSegmentLib.cli.parser import main
from DINSegmentLib.geometry import Geometry
from DINSegmentLib.phantom.scan import CardiacPhantom


@dataclass(frozen=True)
class Outcome:
    """What a command left: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        """The JSON lines of standard output, every one of which must be an event."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True)
class Beat:
    """Frames (T, K, J, I) of a cine, and their grid."""

    frames: np.ndarray
    geometry: Geometry


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str], handlers: None) -> Callable[..., Outcome]:
    """`dinsegment ARGUMENTS` in this process."""

    def run(*arguments: Any) -> Outcome:
        capfd.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = end.code
        return Outcome(code, *capfd.readouterr())

    return run


@pytest.fixture
def segment(command: Callable[..., Outcome], tiny_model: Path, tmp_path: Path) -> Callable[..., Outcome]:
    """`dinsegment segment ARGUMENTS` with the small model, on the CPU, into ``tmp_path/out``; later ones win."""

    def run(*arguments: Any) -> Outcome:
        defaults = ("--model", tiny_model, "--output", tmp_path / "out", "--device", "cpu")
        return command("segment", *defaults, *arguments)

    return run


@pytest.fixture(scope="session")
def beat() -> Beat:
    """A beat of the heart phantom in four frames, the first the largest; not to be changed."""
    phantom = CardiacPhantom(shape=(5, 96, 96), spacing=(2.0, 2.0, 20.0))
    return Beat(phantom.cine(4)[0], phantom.geometry)


@pytest.fixture
def write_exam(tmp_path: Path) -> Callable[..., Path]:
    """Write frames (T, K, J, I), 30 ms apart, as a DICOM cine of a person; ``apart``: with a series for every slice."""

    def write(frames: np.ndarray, modality: str = "MR", apart: bool = False) -> Path:
        folder = tmp_path / "exam"
        folder.mkdir()
        writer = sitk.ImageFileWriter()
        writer.KeepOriginalImageUIDOn()
        for t, k in np.ndindex(frames.shape[:2]):
            image = sitk.GetImageFromArray(frames[t, k])
            image.SetSpacing((2.0, 2.0))
            number = k if apart else 4
            values = {
                "0008|0016": "1.2.840.10008.5.1.4.1.1.4", "0008|0060": modality, "0020|000d": "2.25.1",
                "0020|000e": f"2.25.2.{number}", "0020|0052": "2.25.3", "0020|0011": str(number),
                "0008|0018": f"2.25.9.{t}.{k}", "0018|1060": str(30 * t), "0020|0013": str(t),
                "0020|0037": r"1\0\0\0\1\0", "0020|0032": rf"0\0\{20 * k}", "0018|1088": "62", "0010|1020": "1.8",
                "0010|1030": "80",
            }  # fmt: skip
            for tag, value in values.items():
                image.SetMetaData(tag, value)
            writer.SetFileName(str(folder / f"{t}{k}.dcm"))
            writer.Execute(image)
        return folder

    return write


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen]]:
    """Start Python in a process of its own, with pipes, which ends with the test; options are those of Popen."""
    processes: list[subprocess.Popen] = []

    def run(arguments: Sequence[Any], **options: Any) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, *map(str, arguments)], cwd=tmp_path, encoding="utf-8", stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "2", "PYTHONDONTWRITEBYTECODE": "1"},
            preexec_fn=_heed_signals, **options,
        )  # fmt: skip
        processes.append(process)
        return process

    yield run
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


def _heed_signals() -> None:
    """A shell starts background jobs with SIGINT ignored, nohup with SIGHUP; ignored signals are inherited."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


_WORKER = """
import sys
import DINSegmentLib
DINSegmentLib.__version__ = sys.argv.pop(1) or DINSegmentLib.__version__
from distributed.cli.dask_worker import main
main()
"""


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[Callable[..., tuple[Path, list[subprocess.Popen]]]]:
    """Start a real scheduler on loopback, and a worker for each version of DINSegment (empty: this one).

    Gives the scheduler's file, and the workers.
    """
    from distributed import Client

    processes: list[subprocess.Popen] = []

    def begin(*arguments: str) -> subprocess.Popen:
        with open(tmp_path / "dask.log", "ab") as log:
            processes.append(subprocess.Popen([sys.executable, *arguments], stdout=log, stderr=log, cwd=tmp_path))
        return processes[-1]

    def run(*versions: str, protocol: str = "tcp") -> tuple[Path, list[subprocess.Popen]]:
        file = tmp_path / "scheduler.json"
        where = ("--scheduler-file", str(file), "--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0")
        where += ("--protocol", protocol)
        begin("-m", "distributed.cli.dask_scheduler", *where, "--port", "0")
        workers = [begin("-c", _WORKER, one, *where, "--nthreads", "1", "--no-nanny") for one in versions]
        end = time.monotonic() + 60
        while not file.is_file():
            assert time.monotonic() < end, "no scheduler"
            time.sleep(0.1)
        with Client(scheduler_file=str(file), timeout="60s") as client:
            client.wait_for_workers(len(versions), timeout=60)
        return file, workers

    yield run
    for process in processes:
        process.kill()
        process.wait()


@pytest.fixture
def listing() -> Callable[[Path], dict[str, bytes | None]]:
    """Every file (with its bytes) and folder (None) below a folder, hidden ones included; empty when it is missing."""

    def find(folder: Path) -> dict[str, bytes | None]:
        found = sorted(folder.rglob("*"))
        return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in found}

    return find
