"""The command line in this process and in one of its own, and volumes to give to it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from DINSegmentLib.cli import main


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


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Outcome]]:
    """`dinsegment ARGUMENTS` in this process."""
    handler = signal.getsignal(signal.SIGTERM)

    def run(*arguments: Any) -> Outcome:
        capfd.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = end.code
        return Outcome(code, *capfd.readouterr())

    yield run
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def segment(command: Callable[..., Outcome], tiny_model: Path, tmp_path: Path) -> Callable[..., Outcome]:
    """`dinsegment segment ARGUMENTS` with the small model, on the CPU, into ``tmp_path/out``; later ones win."""

    def run(*arguments: Any) -> Outcome:
        defaults = ("--model", tiny_model, "--output", tmp_path / "out", "--device", "cpu")
        return command("segment", *defaults, *arguments)

    return run


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen]]:
    """Start Python in a process of its own, with pipes, which ends with the test."""
    processes: list[subprocess.Popen] = []

    def run(arguments: Sequence[Any]) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, *map(str, arguments)], cwd=tmp_path, encoding="utf-8", stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "2", "PYTHONDONTWRITEBYTECODE": "1"},
            # a shell starts background jobs with SIGINT ignored, and ignored signals are inherited
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
        processes.append(process)
        return process

    yield run
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def voxels() -> np.ndarray:
    """(K, J, I): a bright ring in noise, no symmetry."""
    rng = np.random.default_rng(3)
    k, j, i = np.mgrid[:6, :40, :36]
    radius = np.hypot(j - 17, i - 20 - k)
    return (rng.integers(0, 200, k.shape) + 500 * (radius < 12) - 300 * (radius < 6)).astype(np.int16)


@pytest.fixture
def write(tmp_path: Path, voxels: np.ndarray) -> Callable[..., Path]:
    """Write a volume under ``tmp_path``, as the kind of file that its name says, with an affine for NIfTI."""

    def write_file(name: str, array: np.ndarray | None = None, affine: np.ndarray | None = None) -> Path:
        path, array = tmp_path / name, voxels if array is None else array
        if ".nii" in name.lower():
            affine = np.diag([-1.4, -1.3, 8.0, 1.0]) if affine is None else affine
            nibabel.save(nibabel.Nifti1Image(array.T, affine), path)
            return path
        image = sitk.GetImageFromArray(array)
        image.SetSpacing((1.4, 1.3, 8.0)[: image.GetDimension()])
        sitk.WriteImage(image, str(path))
        return path

    return write_file


@pytest.fixture
def write_series(tmp_path: Path, voxels: np.ndarray) -> Callable[..., Path]:
    """Write the volume as a DICOM series into a folder, which may hold another one; returns the folder."""

    def write_folder(name: str, series: int = 1, modality: str = "MR") -> Path:
        (tmp_path / name).mkdir(exist_ok=True)
        writer = sitk.ImageFileWriter()
        writer.KeepOriginalImageUIDOn()
        for k, plane in enumerate(voxels):
            image = sitk.GetImageFromArray(plane)
            image.SetSpacing((1.4, 1.3))
            values = {
                "0008|0016": "1.2.840.10008.5.1.4.1.1.4", "0008|0060": modality, "0020|000d": "2.25.1",
                "0020|000e": f"2.25.2.{series}", "0020|0011": str(series), "0008|0018": f"2.25.{series}.{k}",
                "0020|0013": str(k + 1), "0020|0037": r"1\0\0\0\1\0", "0020|0032": rf"0\0\{8 * k}",
            }  # fmt: skip
            for tag, value in values.items():
                image.SetMetaData(tag, value)
            writer.SetFileName(str(tmp_path / name / f"{series}-{9 - k}.dcm"))
            writer.Execute(image)
        return tmp_path / name

    return write_folder


@pytest.fixture
def listing() -> Callable[[Path], dict[str, bytes | None]]:
    """Every file (with its bytes) and folder (None) below a folder, hidden ones included; empty when it is missing."""

    def find(folder: Path) -> dict[str, bytes | None]:
        found = sorted(folder.rglob("*"))
        return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in found}

    return find
