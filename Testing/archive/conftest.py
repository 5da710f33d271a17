"""An archive with studies, and `dinsegment segment --dicomweb` on them."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from orthanc import ORTHANC, PASSWORD, PLUGIN, USER, Orthanc, header

from DINSegmentLib.cli import main


@pytest.fixture
def orthanc(tmp_path: Path) -> Iterator[Callable[..., Orthanc]]:
    """Start an archive with such changes of its settings; it ends with the test."""
    if not (Path(ORTHANC).is_file() and PLUGIN):
        pytest.skip("Orthanc with its DICOMweb plugin is not installed: make system-packages")
    running: list[Orthanc] = []

    def start(**changes: Any) -> Orthanc:
        running.append(Orthanc(tmp_path / f"orthanc{len(running)}", changes))
        return running[-1].start()

    yield start
    for one in running:
        one.stop()
        one.tunnel.shutdown()
        one.tunnel.server_close()


@pytest.fixture
def write_study(tmp_path: Path) -> Callable[..., Path]:
    """Write a study with a cine (T, K, J, I), as a scanner would: a localizer and a report besides."""

    def write(frames: np.ndarray, study: str = "2.25.100", spacing: tuple[float, float, float] = (2, 2, 20)) -> Path:
        folder = tmp_path / f"study{study}"
        folder.mkdir()
        for t, k in np.ndindex(frames.shape[:2]):
            number = f"{study}.4.{t + 1}.{k + 1}"
            data = header(study, f"{study}.4", number, 4, "cine sax")
            data.TriggerTime, data.InstanceNumber = str(30 * t), t * frames.shape[1] + k + 1
            data.ImagePositionPatient, data.PixelSpacing = [0, 0, spacing[2] * k], [spacing[1], spacing[0]]
            data.Rows, data.Columns = frames.shape[2:]
            data.PixelData = frames[t, k].astype(np.int16).tobytes()
            data.save_as(folder / f"{number}.dcm", enforce_file_format=True)
        planning = header(study, f"{study}.1", f"{study}.1.1", 1, "localizer")
        planning.ImageType, planning.ImagePositionPatient = ["ORIGINAL", "PRIMARY", "LOCALIZER"], [0, 0, 0]
        planning.PixelSpacing, planning.Rows, planning.Columns, planning.InstanceNumber = [2, 2], 8, 8, 1
        planning.PixelData = bytes(128)
        planning.save_as(folder / "localizer.dcm", enforce_file_format=True)
        return folder

    return write


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    path = tmp_path / "credentials"
    path.write_text(f"{USER}:{PASSWORD}\n", encoding="utf-8")
    os.chmod(path, 0o600)
    return path


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


@pytest.fixture
def segment(
    capfd: pytest.CaptureFixture[str], tiny_model: Path, tmp_path: Path, secrets: Path, handlers: None
) -> Callable[..., Outcome]:
    """`dinsegment segment` of the studies of an archive with the small model, into ``tmp_path/out``; later ones win."""

    def run(archive: Orthanc, *arguments: Any) -> Outcome:
        capfd.readouterr()
        code = main(["segment", *map(str, (*options(archive, tiny_model, tmp_path / "out", secrets), *arguments))])
        return Outcome(code, *capfd.readouterr())

    return run


def options(archive: Orthanc, model: Path, output: Path, secrets: Path) -> tuple[Any, ...]:
    return (
        "--dicomweb", archive.url, "--ca-bundle", archive.ca, "--credentials", secrets, "--model", model,
        "--output", output, "--device", "cpu",
    )  # fmt: skip


@pytest.fixture
def start(tiny_model: Path, tmp_path: Path, secrets: Path) -> Iterator[Callable[..., subprocess.Popen]]:
    """The same command as a process of its own; what still runs is killed at the end."""
    running: list[subprocess.Popen] = []

    def run(archive: Orthanc, *arguments: Any) -> subprocess.Popen:
        command = [sys.executable, "-m", "DINSegmentLib", "segment"]
        command += map(str, (*options(archive, tiny_model, tmp_path / "out", secrets), *arguments))
        with (tmp_path / "output").open("wb") as output:
            running.append(subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT))
        return running[-1]

    yield run
    for one in running:
        if one.poll() is None:
            one.kill()
        one.wait()
