"""`dinsegment segment` with many inputs, the tables of a run, resuming, and `rerun`."""

import json
import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from csv_rows import rows


def test_tables_tell_every_structure_and_what_became_of_every_input(segment, write, tmp_path):
    flat = write("flat.nrrd", np.full((4, 8, 8), 7, np.int16))
    (tmp_path / "list.csv").write_text(
        "path;case;site\nb.nrrd;second;Jena\nflat.nrrd;;\nnone.nrrd;;\na.nrrd;;Ulm\n", encoding="utf-8"
    )
    write("a.nrrd")
    write("b.nrrd")

    outcome = segment(tmp_path / "list.csv", "--format", "nii.gz")

    assert outcome.code == 1
    found = rows(tmp_path / "out" / "statistics.csv")
    assert [(row["case"], row["value"], row["site"]) for row in found] == [
        (case, value, site) for case, site in (("a", "Ulm"), ("second", "Jena")) for value in "123"
    ]
    record = json.loads((tmp_path / "out" / "second.json").read_text(encoding="utf-8"))
    assert [float(row["volume_ml"]) for row in found[3:]] == [one["volume_ml"] for one in record["structures"]]
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert summary["counts"] | {"noticed": 0} == {
        "inputs": 4, "done": 2, "resumed": 0, "skipped": 0, "refused": 0, "failed": 2, "cancelled": 0, "noticed": 0,
    }  # fmt: skip
    reasons = {Path(one["input"]).name: one["reason"] for one in summary["inputs"]}
    assert "constant" in reasons[flat.name] and any("does not exist" in str(reason) for reason in reasons.values())


def test_a_dry_run_tells_and_writes_nothing(segment, write, tmp_path, listing):
    write("a.nrrd")
    (tmp_path / "damaged.nii.gz").write_bytes(b"")
    before = listing(tmp_path)

    outcome = segment(tmp_path, "--dry-run")

    assert outcome.code == 0 and listing(tmp_path) == before
    assert re.search(r"^a +tiny-stack +36 x 40 x 6", outcome.out, re.MULTILINE)
    assert "damaged.nii.gz is an empty file" in outcome.out


def test_a_dry_run_counts_the_memory_of_surfaces(segment, write):
    path, needed = write("a.nrrd"), []
    for wanted in ("nii.gz", "stl"):
        told = json.loads(segment(path, "--dry-run", "--json", "--format", wanted).out)
        needed.append(told["plan"]["total"]["peak_bytes"])
    assert needed[1] - needed[0] == 8 * 36 * 40 * 6  # margins, and as much again to draw with


def test_a_run_goes_on_where_an_earlier_one_stopped_and_ends_with_the_same_tables(segment, write, tmp_path):
    paths = [write(f"{name}.nrrd") for name in "abc"]
    assert segment(*paths, "--format", "nii.gz", "--output", tmp_path / "whole").code == 0
    assert segment(paths[1], "--format", "nii.gz").code == 0
    first = (tmp_path / "out" / "b.nii.gz").stat().st_mtime_ns

    outcome = segment(*paths, "--format", "nii.gz")

    assert outcome.code == 0 and "3 of 3 done, 1 of them" in outcome.out
    counts = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))["counts"]
    assert (counts["done"], counts["resumed"]) == (2, 1)
    assert (tmp_path / "out" / "b.nii.gz").stat().st_mtime_ns == first
    whole, resumed = (tmp_path / folder for folder in ("whole", "out"))
    for name in ("statistics.csv", "a.nii.gz", "b.nii.gz", "c.nii.gz"):
        assert (whole / name).read_bytes() == (resumed / name).read_bytes(), name


@pytest.mark.parametrize(
    "change",
    [
        lambda write, out: write("v.nrrd", np.random.default_rng(9).integers(0, 900, (6, 40, 36)).astype(np.int16)),
        lambda write, out: (out / "v.json").write_text(
            (out / "v.json").read_text(encoding="utf-8").replace("weights_sha256", "x"), encoding="utf-8"
        ),
        lambda write, out: (out / "v.nii.gz").unlink(),
    ],
    ids=["another input", "another model", "an output gone"],
)
def test_what_is_not_the_same_run_is_not_taken_for_done(change, segment, write, tmp_path):
    path = write("v.nrrd")
    assert segment(path, "--format", "nii.gz").code == 0
    assert segment(path, "--format", "nii.gz").code == 0
    change(write, tmp_path / "out")
    outcome = segment(path, "--format", "nii.gz")
    assert outcome.code == 2 and "add --overwrite" in outcome.err


@pytest.mark.parametrize("kind", ["file", "series"])
def test_rerun_makes_the_same_labels_from_the_record(kind, segment, command, write, write_series, tmp_path, tiny_model):
    path = write("v.nrrd") if kind == "file" else write_series("v")
    if kind == "series":
        write_series("v", series=2)
    arguments = ("--series", "2") if kind == "series" else ()
    assert segment(path, "--format", "nii.gz", "--strength", 0.5, *arguments).code == 0
    (record,) = (tmp_path / "out").glob("*.json")

    again = ("rerun", record, "--output", tmp_path / "again", "--model", tiny_model)
    assert command(*again).code == 0
    name = f"{record.stem}.nii.gz"
    assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()
    outcome = command(*again)
    assert outcome.code == 2 and "add --overwrite" in outcome.err


def test_rerun_refuses_another_input_other_weights_and_what_is_no_record(segment, command, write, tmp_path, tiny_model):
    path = write("v.nrrd")
    assert segment(path, "--format", "nii.gz").code == 0
    record = tmp_path / "out" / "v.json"
    again = ("--output", tmp_path / "again")
    for arguments, said in (
        (("rerun", record, "--model", "cardiac-mr"), "was made with other weights"),
        (("rerun", path), "cannot be read as a record"),
        (("rerun", tmp_path / "none.json"), "cannot be read as a record"),
    ):
        outcome = command(*arguments, *again)
        assert outcome.code == 2 and said in outcome.err, outcome.err
    record.with_name("odd.json").write_text('{"case": 1}', encoding="utf-8")
    assert "is not a record of" in command("rerun", record.with_name("odd.json"), *again).err
    path.write_bytes(path.read_bytes() + b"more")
    assert "has changed since that run" in command("rerun", record, "--model", tiny_model, *again).err
    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize("case", ["../victim", "{folder}/victim", "deep/victim", "..", "v\n", "nul", ".hidden"])
@pytest.mark.parametrize("field", ["case", "outputs"])
def test_rerun_of_a_strangers_record_writes_only_into_its_output(
    field, case, segment, command, write, tmp_path, listing, tiny_model
):  # fmt: skip
    assert segment(write("v.nrrd"), "--format", "nii.gz").code == 0
    (tmp_path / "victim.json").write_text("precious", encoding="utf-8")
    (tmp_path / "victim.nii.gz").write_text("precious", encoding="utf-8")
    record = json.loads((tmp_path / "out" / "v.json").read_text(encoding="utf-8"))
    name = case.format(folder=tmp_path)
    if field == "case":
        record["case"] = name
    record["outputs"] = [f"{name}.nii.gz", f"{name}.json"]
    (tmp_path / "record.json").write_text(json.dumps(record), encoding="utf-8")
    before = listing(tmp_path)

    outcome = command(
        "rerun", tmp_path / "record.json", "--output", tmp_path / "box", "--model", tiny_model, "--overwrite"
    )

    assert outcome.code == 2 and "is not a record of a run" in outcome.err, outcome.err
    assert listing(tmp_path) == before


def test_several_processes_are_not_started_when_all_is_done(segment, write, monkeypatch, tmp_path):
    from DINSegmentLib.batch import processes

    paths = [write("a.nrrd"), write("b.nrrd")]
    assert segment(*paths, "--format", "nii.gz").code == 0
    monkeypatch.setattr(processes, "Pool", None)
    (tmp_path / "out" / "report" / "a.jpg").unlink()  # as if a kill had come before it was drawn
    outcome = segment(*paths, "--format", "nii.gz", "--workers", 2)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "report/b.jpg" in page and "report/a.jpg" not in page
    counts = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))["counts"]
    assert outcome.code == 0 and (counts["done"], counts["resumed"]) == (0, 2)


@pytest.mark.skipif(sys.platform != "linux", reason="file names are Unicode there")
def test_a_run_with_a_name_that_is_not_utf8_goes_on_where_it_stopped(segment, write, tmp_path):
    (tmp_path / "day").mkdir()
    for name in ("day/a.nrrd", "day/b.nrrd"):
        path = write(name)
    shutil.copy(os.fsencode(path), os.fsencode(path.parent) + b"/M\xfcller.nrrd")
    first, again = (segment(tmp_path / "day", "--format", "nii.gz") for _ in range(2))

    assert first.code == again.code == 1 and "2 of them in an earlier run" in again.out, again.err
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert any("ller.nrrd" in one["input"] for one in summary["inputs"])
