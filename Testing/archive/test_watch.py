"""Watching of an archive: what is tried again, and what ends it; the archive is a stand-in that has no images."""

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from DINSegmentLib.archive import connection, watch
from DINSegmentLib.cli import main
from DINSegmentLib.errors import Cancelled, DeviceError, InputError, ModelError
from DINSegmentLib.io import outputs

STUDY = "2.25.7"


class Archive:
    """An archive with one study, which no model segments.

    Args:
        polls: number of searches that it answers before the user stops the run.
        on_look: called whenever its study is looked at.
    """

    url = "https://archive.example"

    def __init__(self, polls: int, on_look: Callable[["Archive"], None]) -> None:
        self._polls, self._on_look = polls, on_look
        self.polled, self.looks, self.instances = 0, 0, 3

    def studies(self, query: Any) -> list[Dataset]:
        if self.polled == self._polls:
            raise Cancelled
        self.polled += 1
        found = Dataset()
        found.StudyInstanceUID, found.NumberOfStudyRelatedInstances = STUDY, self.instances
        return [found]

    def count(self, study: str) -> int:
        return self.instances

    def series(self, study: str) -> list[Dataset]:
        self.looks += 1
        self._on_look(self)
        found = Dataset()
        found.SeriesInstanceUID, found.SeriesNumber, found.Modality = f"{STUDY}.1", 1, "OT"
        return [found]


@pytest.fixture
def watched(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, handlers: None) -> Callable[..., int]:
    """Watch an archive without pauses; return the exit status."""

    def run(archive: Archive) -> int:
        monkeypatch.setattr(connection, "Archive", lambda *_: archive)
        monkeypatch.setattr(watch, "watch", partial(watch.watch, sleep=lambda seconds: None))
        options = ["--watch", "ModalitiesInStudy=MR", "--model", str(tiny_model), "--output", str(tmp_path / "out")]
        return main(["segment", "--dicomweb", archive.url, *options])

    return run


def test_images_that_arrive_while_a_study_is_looked_at_are_looked_at_too(watched):
    def arrive(archive: Archive) -> None:
        archive.instances = 253

    archive = Archive(8, arrive)
    assert watched(archive) == 0
    assert archive.looks == 2


@pytest.mark.parametrize(
    ("error", "looks"),
    [
        (OSError(28, "No space left on device"), 3), (MemoryError(), 3), (DeviceError("No GPU."), 3),
        (InputError("No cine."), 1), (ModelError("No weights."), 1),
    ],
)  # fmt: skip
def test_only_a_fault_of_the_study_or_the_model_is_remembered(error, looks, watched):
    def fail(archive: Archive) -> None:
        raise error

    archive = Archive(4, fail)
    assert watched(archive) == 0
    assert archive.looks == looks


def test_an_output_folder_is_used_by_one_run_at_a_time(watched, tmp_path):
    archive = Archive(3, lambda _: None)
    with outputs.claimed(tmp_path / "out"):
        assert watched(archive) == 2
    assert archive.polled == 0
    assert watched(archive) == 0


def test_files_that_a_killed_run_left_in_a_study_are_removed(watched, tmp_path):
    folder = tmp_path / "out" / STUDY
    killed = f"""
import os, pathlib
from DINSegmentLib.io import outputs
with outputs.beside([pathlib.Path({str(folder)!r}, "report.dcm")]) as unfinished:
    (unfinished / "report.dcm").write_bytes(b"patient data")
    os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", killed], check=False)
    assert list(folder.rglob("report.dcm"))
    assert watched(Archive(1, lambda _: None)) == 0
    assert not list(folder.iterdir())
