"""The tables of a run: content, order, and that no text in them does harm."""

import copy
import csv
import io
import json
import random

import pytest

from DINSegmentLib.batch import tables
from DINSegmentLib.batch.versions import versions
from DINSegmentLib.errors import OutputError

HEADER = (
    "case,input,frame,model,structure,value,volume_ml,mean,sd,voxels,slices,touches_border,touches_end,mean_confidence,"
    "notices"
)


def structure(name="Left ventricle", value=3, **changes):
    return {
        "value": value, "name": name, "voxels": 4056, "volume_ml": 121.68, "mean": 610.25, "sd": 1 / 3, "slices": 9,
        "touches_border": False, "touches_end": True, "confidence": 0.98765, **changes,
    }  # fmt: skip


def result(case="heart", **changes):
    """A record as far as the tables read it."""
    return {
        "case": case, "input": {"name": case, "path": f"/data/{case}.nrrd"}, "model": {"id": "cardiac-mr"},
        "timings": {"total": 1.5}, "structures": [structure()],
        "notices": [], "outputs": [f"{case}.seg.nrrd"], **changes,
    }  # fmt: skip


def failure(case="broken", **changes):
    return {"case": case, "input": f"/data/{case}.nrrd", "error": f"{case}.nrrd is damaged: copy it again.", **changes}


@pytest.fixture
def statistics(tmp_path):
    """Write the table and read it back, as rows of a spreadsheet."""

    def write(*entries):
        tables.write_statistics(entries, tmp_path / "statistics.csv")
        text = (tmp_path / "statistics.csv").read_bytes().decode("utf-8")
        return list(csv.DictReader(io.StringIO(text)))

    return write


@pytest.fixture
def summary(tmp_path):
    def write(*entries):
        tables.write_summary(entries, {"device": "cpu"}, {"total": 9.87654321}, tmp_path / "summary.json")
        return json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))

    return write


def test_a_row_holds_a_structures_figures_under_their_names(tmp_path):
    tables.write_statistics([result()], tmp_path / "statistics.csv")

    row = "heart,/data/heart.nrrd,,cardiac-mr,Left ventricle,3,121.680,610.25,0.3333333,4056,9,false,true,0.9877,"
    assert (tmp_path / "statistics.csv").read_bytes().decode() == f"{HEADER}\n{row}\n"


def test_rows_stand_by_case_and_then_as_the_record_has_the_structures(statistics):
    both = [structure("Wall", 2), structure("Inner", 1)]
    rows = statistics(result("b", structures=both), failure("aa"), result("a", structures=both))

    assert [(row["case"], row["structure"]) for row in rows] == [
        ("a", "Wall"), ("a", "Inner"), ("b", "Wall"), ("b", "Inner"),
    ]  # fmt: skip


def test_the_bytes_do_not_depend_on_the_order_in_which_cases_ended(tmp_path):
    entries = [
        result("c10", extra={"site": "Ulm"}), result("c9", extra={"age": "61"}), result("C1"), result("ä"), failure(),
        result("c1", outcome="resumed"),
    ]  # fmt: skip
    written = set()
    for seed in range(6):
        shuffled = copy.deepcopy(entries)
        random.Random(seed).shuffle(shuffled)
        tables.write_statistics(shuffled, tmp_path / "statistics.csv")
        tables.write_summary(shuffled, {}, {}, tmp_path / "summary.json")
        written.add(tuple((tmp_path / name).read_bytes() for name in ("statistics.csv", "summary.json")))

    assert len(written) == 1


def test_a_structure_that_was_not_found_has_empty_cells(statistics):
    (row,) = statistics(result(structures=[structure(voxels=0, volume_ml=0.0, mean=None, sd=None, confidence=None)]))

    assert (row["voxels"], row["volume_ml"]) == ("0", "0.000")
    assert row["mean"] == row["sd"] == row["mean_confidence"] == ""


def test_a_record_without_the_newer_keys_gives_a_row(statistics):
    old = {"value": 3, "name": "Left ventricle", "voxels": 5, "volume_ml": 0.15}
    entry = {"input": {"name": "heart", "path": "/heart.nrrd"}, "model": {"id": "m"}, "structures": [old]}
    (row,) = statistics(entry)

    assert (row["case"], row["volume_ml"], row["slices"], row["notices"]) == ("heart", "0.150", "", "")


def test_flags_of_a_structure_and_of_the_whole_case_are_named_once(statistics):
    notices = [
        {"kind": "modality", "structure": None, "text": "The volume is CT."},
        {"kind": "volume", "structure": "Wall", "text": "Wall is large."},
        {"kind": "volume", "structure": "Wall", "text": "Wall is large again."},
        {"kind": "border", "structure": "Wall", "text": "Wall touches the edge."},
    ]
    wall, inner = statistics(result(structures=[structure("Wall", 1), structure("Inner", 2)], notices=notices))

    assert (wall["notices"], inner["notices"]) == ("modality volume border", "modality")


def test_own_columns_follow_ours_and_none_takes_a_name_of_ours(statistics):
    rows = statistics(
        result("a", extra={"site": "Ulm", "volume_ml": "9"}),
        result("b", extra={"age": "61", "site": "Bonn"}),
        result("c"),
    )

    assert list(rows[0])[15:] == ["site", "own volume_ml", "age"]
    assert [(row["site"], row["own volume_ml"], row["age"]) for row in rows] == [
        ("Ulm", "9", ""), ("Bonn", "", "61"), ("", "", ""),
    ]  # fmt: skip
    assert rows[0]["volume_ml"] == "121.680"


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-left", "'-left"),
        ("-", "'-"),
        ("-1_000", "'-1_000"),
        ("-inf", "'-inf"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-5", "-5"),
        ("+3.5e-2", "+3.5e-2"),
        ("-.5", "-.5"),
        ("a=b", "a=b"),
        ("two\nlines", "two\\nlines"),
        ("\r\n=1", "\\r\\n=1"),
        ("tab\there", "tab\\there"),
        ("next\u2028line\x85", "next\\u2028line\\x85"),
        ("\udcff.nrrd", "\\udcff.nrrd"),
        ('Jürgen, "Jo" 心 می\u200cخواهم', 'Jürgen, "Jo" 心 می\u200cخواهم'),
    ],
)
def test_a_cell_is_one_line_and_never_a_formula(statistics, text, cell):
    (row,) = statistics(result(extra={"note": text, text: "head"}))

    assert (row["note"], row[cell]) == (cell, "head")


def test_a_negative_mean_stays_a_number(statistics):
    (row,) = statistics(result(structures=[structure(mean=-87.5)]))
    assert row["mean"] == "-87.5"


def test_a_run_without_a_result_has_a_table_with_a_head_alone(tmp_path):
    tables.write_statistics([failure()], tmp_path / "statistics.csv")
    assert (tmp_path / "statistics.csv").read_text(encoding="utf-8") == HEADER + "\n"


def test_the_summary_counts_what_came_of_every_input(summary):
    flag = {"kind": "border", "structure": "Left ventricle", "text": "Left ventricle touches the edge of a slice."}
    found = summary(
        result("a", notices=[flag]), result("b", outcome="resumed"), failure("c"), failure("d", outcome="cancelled"),
        {"input": "/data/notes.txt", "outcome": "refused", "error": "notes.txt is no volume."},
    )  # fmt: skip

    assert found["counts"] == {
        "inputs": 5, "done": 1, "resumed": 1, "skipped": 0, "refused": 1, "failed": 1, "cancelled": 1, "noticed": 1,
    }  # fmt: skip
    assert [(one["case"], one["outcome"]) for one in found["inputs"]] == [
        (None, "refused"), ("a", "done"), ("b", "resumed"), ("c", "failed"), ("d", "cancelled"),
    ]  # fmt: skip


def test_the_summary_tells_reason_flags_time_and_files_of_every_input(summary):
    flag = {"kind": "border", "structure": "Left ventricle", "text": "Left ventricle touches the edge of a slice."}
    done, failed = summary(result("b", notices=[flag]), failure("c"))["inputs"]

    assert done == {
        "case": "b", "input": "/data/b.nrrd", "outcome": "done", "reason": None, "notices": [flag["text"]],
        "function": None, "seconds": 1.5, "outputs": ["b.seg.nrrd"],
    }  # fmt: skip
    assert failed == {
        "case": "c", "input": "/data/c.nrrd", "outcome": "failed", "reason": "c.nrrd is damaged: copy it again.",
        "notices": [], "function": None, "seconds": None, "outputs": [],
    }  # fmt: skip


def test_the_summary_tells_how_the_run_was_made(summary):
    found = summary()

    assert found["schema"] == 1 and found["versions"] == versions()
    assert found["parameters"] == {"device": "cpu"} and found["timings"] == {"total": 9.8765}


def test_a_name_that_is_not_utf_8_survives_the_summary(summary):
    (one,) = summary({"input": "/data/\udcff\n.nrrd", "outcome": "refused", "error": "It cannot be read."})["inputs"]
    assert one["input"] == "/data/\udcff\n.nrrd"


def test_an_outcome_that_nobody_knows_is_refused(summary):
    with pytest.raises(ValueError, match="unknown outcome: lost"):
        summary(result(outcome="lost"))


def test_a_table_that_cannot_be_written_leaves_the_former_one(tmp_path, monkeypatch):
    path = tmp_path / "statistics.csv"
    path.write_text("former", encoding="utf-8")
    monkeypatch.setattr("pathlib.Path.write_bytes", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))

    with pytest.raises(OutputError, match="cannot be written .*No space left"):
        tables.write_statistics([result()], path)
    assert path.read_text(encoding="utf-8") == "former" and list(tmp_path.iterdir()) == [path]


def test_the_table_of_segments_has_a_row_for_each_with_its_reason(tmp_path):
    measured = {"ed_mm": 7.5, "es_mm": 11.25, "thickening_percent": 50.0, "reason": None}
    missing = {**dict.fromkeys(measured), "reason": "Not assessed, and why."}
    segments = {str(number): missing if number == 17 else measured for number in range(1, 18)}
    cine = {"function": {}, "regional": {"segments": segments}}
    base = {"input": {"name": "b", "path": "/data/b.nii"}, "model": {"id": "cardiac-mr"}}
    entries = [
        {**base, "case": "b", "cine": cine, "extra": {"site": "Ulm"}},
        {**base, "case": "none", "cine": {"function": {}, "regional": None}}, {**base, "case": "single", "cine": None},
    ]  # fmt: skip
    tables.write_segments(entries, tmp_path / "segments.csv")

    head, *lines = (tmp_path / "segments.csv").read_text(encoding="utf-8").splitlines()
    assert head.split(",") == [*tables.SEGMENT_COLUMNS, "site"] and len(lines) == 17
    assert lines[10] == "b,/data/b.nii,cardiac-mr,11,mid inferolateral,7.5,11.25,50.0,,Ulm"
    assert lines[16] == 'b,/data/b.nii,cardiac-mr,17,apex,,,,"Not assessed, and why.",Ulm'
    tables.write_segments(entries[1:], tmp_path / "none.csv")
    assert not (tmp_path / "none.csv").exists()
