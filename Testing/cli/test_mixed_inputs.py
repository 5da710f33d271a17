"""Batches of good and bad inputs: each bad one is named once, in one sentence, and the others are segmented."""

import json
import os

import numpy as np
import pytest

from DINSegmentLib.batch import steps, tables
from DINSegmentLib.errors import OutputError

FORMAT = ("--format", "nii.gz")
NAMES = {"two words.nrrd": "two words", "a\nb.nrrd": "a_b", "Müller 左.nrrd": "Müller 左"}


def summary(folder):
    found = json.loads((folder / "summary.json").read_text(encoding="utf-8"))["inputs"]
    return {one["input"].rpartition("/")[2]: (one["outcome"], one["reason"]) for one in found}


@pytest.fixture
def mixed(write, voxels, tmp_path):
    """A folder of three volumes with unusual names, and much else; the output will lie inside."""
    folder = tmp_path / "in"
    (folder / "deeper").mkdir(parents=True)
    for shift, name in enumerate(NAMES):
        write("plain.nrrd", np.roll(voxels, shift, axis=2)).rename(folder / name)
    write("in/deeper/two words.nrrd", np.roll(voxels, 9, axis=2))
    write("in/half.nrrd").write_bytes((folder / "two words.nrrd").read_bytes()[:-900])
    (folder / "ypsilon.nrrd").symlink_to(folder / "two words.nrrd")
    (folder / "loop").symlink_to(folder)
    (folder / "zero.nii").touch()
    (folder / "half.nii.gz.part").write_bytes(b"half")
    (folder / "notes.txt").write_text("no volume", encoding="utf-8")
    return folder


def test_each_bad_one_of_a_folder_is_named_and_the_rest_is_done(mixed, segment, listing):
    output = mixed / "out"
    outcome = segment(mixed, *FORMAT, "--output", output)

    assert outcome.code == 1 and "4 of 7 done" in outcome.out and "2 skipped" in outcome.out
    told = [line for line in outcome.err.splitlines() if not line.startswith("Warning: ") or "skipped" in line]
    for name, text in {
        f"{mixed}/half.nrrd": "truncated", "zero.nii": "empty file", "half.nii.gz.part": "incomplete copy",
        "loop": "folder above",
    }.items():  # fmt: skip
        (line,) = [line for line in told if name in line]
        assert text in line and line.endswith("."), line
    assert "twice" in outcome.err and "notes.txt" not in outcome.out + outcome.err
    done = {f"{name}.nii.gz" for name in (*NAMES.values(), "deeper_two words")}
    assert {path.name for path in output.glob("*.nii.gz")} == done
    assert sorted(outcome for outcome, _ in summary(output).values()) == ["done"] * 3 + ["failed"] * 3 + ["skipped"] * 2

    before = {name: content for name, content in listing(output).items() if name.endswith((".gz", ".csv"))}
    again = segment(mixed, *FORMAT, "--output", output)
    assert again.code == 1 and "4 of 7 done, 4 of them" in again.out
    assert before.items() <= listing(output).items()


def test_a_disk_that_is_full_for_one_case_costs_that_case(segment, write, voxels, tmp_path, monkeypatch):
    paths = [write(f"{name}.nrrd", np.roll(voxels, n, axis=1)) for n, name in enumerate("abc")]
    write_labelmap = steps.io.write_labelmap

    def full(labels, image, path, *more):
        if path.name.startswith("b"):
            path.write_bytes(b"half")
            raise OSError(28, "No space left on device")
        write_labelmap(labels, image, path, *more)

    monkeypatch.setattr(steps.io, "write_labelmap", full)
    outcome = segment(*paths, *FORMAT)

    out = tmp_path / "out"
    assert outcome.code == 1 and "2 of 3 done" in outcome.out
    assert "out cannot be written (No space left on device)" in outcome.err
    tables = {"statistics.csv", "statistics.parquet", "summary.json", "report.html", "report"}
    assert {path.name for path in out.iterdir()} == {"a.nii.gz", "a.json", "c.nii.gz", "c.json", *tables}
    assert summary(out)["b.nrrd"][0] == "failed" and "No space left" in summary(out)["b.nrrd"][1]

    monkeypatch.undo()
    assert segment(*paths, *FORMAT).code == 0
    assert [outcome for outcome, _ in summary(out).values()] == ["resumed", "done", "resumed"]


def test_a_disk_that_is_full_for_the_tables_costs_no_case(segment, write, tmp_path, monkeypatch):
    paths = [write(f"{name}.nrrd") for name in "ab"]

    def full(*arguments):
        raise OutputError("out cannot be written (No space left on device): choose a folder that you may write to.")

    monkeypatch.setattr(tables, "write_statistics", full)
    outcome = segment(*paths, *FORMAT)
    assert outcome.code == 1 and "2 of 2 done" in outcome.out and "summary.json" not in os.listdir(tmp_path / "out")
    assert "tables" in outcome.err and "out cannot be written (No space left" in outcome.err

    monkeypatch.undo()
    assert segment(*paths, *FORMAT).code == 0 and (tmp_path / "out" / "statistics.csv").is_file()


def test_a_read_only_output_is_told_and_nothing_is_computed(segment, write, tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    access = os.access  # tests may run as root, who may write everywhere
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK and access(path, mode))
    monkeypatch.setattr(steps, "segment", None)
    outcome = segment(write("a.nrrd"), write("b.nrrd"), *FORMAT)
    assert outcome.code == 2 and outcome.err.count("out is read-only") == 2
    assert not list((tmp_path / "out").iterdir())
