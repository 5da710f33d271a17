"""Watching of an archive: what is tried again, and what ends it; the archive is a stand-in that has no images."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from pydicom.dataset import Dataset

from DINSegmentLib.archive import connection, watch
from DINSegmentLib.archive.journal import NAME
from DINSegmentLib.cli import main
from DINSegmentLib.errors import (
    ArchiveDenied,
    ArchiveError,
    Cancelled,
    DeviceError,
    DINSegmentError,
    InputError,
    ModelError,
    OutputError,
)
from DINSegmentLib.io import outputs

STUDY = "2.25.7"


class Archive:
    """An archive with one study, which no model segments.

    Args:
        polls: number of searches that it answers before the user stops the run.
        on_look: called whenever its study is looked at.
        faults: of some searches, by number.
    """

    url = "https://archive.example"

    def __init__(
        self, polls: int, on_look: Callable[["Archive"], None] = lambda _: None,
        faults: Mapping[int, DINSegmentError] = MappingProxyType({}),
    ) -> None:  # fmt: skip
        self._polls, self._on_look, self._faults = polls, on_look, faults
        self.polled, self.looks, self.instances = 0, 0, 3

    def studies(self, query: Any) -> list[Dataset]:
        if self.polled == self._polls:
            raise Cancelled
        self.polled += 1
        if self.polled in self._faults:
            raise self._faults[self.polled]
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
        (ArchiveError("It answers 500."), 3), (OutputError("The disk is full."), 3),
        (InputError("No cine."), 1), (ModelError("No weights."), 1), (KeyError("a fault of ours"), 1),
    ],
)  # fmt: skip
def test_a_fault_that_may_pass_is_not_remembered(error, looks, watched):
    def fail(archive: Archive) -> None:
        raise error

    archive = Archive(4, fail)
    assert watched(archive) == 0
    assert archive.looks == looks


def test_a_search_that_fails_is_reported_and_repeated(watched, capsys):
    archive = Archive(5, faults={1: ArchiveError("It answers 500."), 3: ArchiveError("It answers 404.")})
    assert watched(archive) == 0
    assert archive.polled == 5 and archive.looks == 1
    said = capsys.readouterr().err
    assert "It answers 500." in said and "It answers 404." in said


def test_a_question_that_fails_before_the_work_does_not_end_the_watch(watched, monkeypatch):
    def fail(study: str) -> int:
        raise ArchiveError("It answers 500.")

    archive = Archive(5)
    monkeypatch.setattr(archive, "count", fail)
    assert watched(archive) == 0
    assert archive.polled == 5


def test_a_journal_that_cannot_be_written_does_not_end_the_watch(watched, tmp_path):
    def fill(archive: Archive) -> None:
        path = tmp_path / "out" / NAME
        path.mkdir() if archive.looks == 1 else path.rmdir()

    archive = Archive(6, fill)
    assert watched(archive) == 0
    assert archive.polled == 6 and archive.looks == 2
    assert (tmp_path / "out" / NAME).is_file()


@pytest.mark.parametrize("moment", ["search", "look"])
def test_rejected_credentials_end_the_watch(moment, watched, capsys):
    def deny(_: Archive) -> None:
        raise ArchiveDenied("It rejects these credentials.")

    archive = (
        Archive(5, deny) if moment == "look" else Archive(5, faults={2: ArchiveDenied("It rejects these credentials.")})
    )
    assert watched(archive) == 2
    assert archive.polled == 2
    assert capsys.readouterr().err.count("rejects these credentials") == 1


def test_an_output_folder_is_used_by_one_run_at_a_time(watched, tmp_path):
    archive = Archive(3)
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
    assert watched(Archive(1)) == 0
    assert not list(folder.iterdir())
