"""Two runs into one folder: nothing existing is replaced without being asked, and only one run works at a time."""

import numpy as np
import pytest

from DINSegmentLib.io import outputs

pytestmark = pytest.mark.faults

FORMAT = ("--format", "nii.gz")


@pytest.fixture
def folder(tmp_path, write, voxels):
    def make(name, *cases):
        (tmp_path / name).mkdir()
        for number, case in enumerate(cases):
            write(f"{name}/{case}.nrrd", np.roll(voxels, number + 1, axis=1))
        return tmp_path / name

    return make


def test_a_table_of_the_users_stays(folder, segment, tmp_path, listing):
    inputs = folder("in", "a", "b")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "statistics.csv").write_text("my own table", encoding="utf-8")
    before = listing(tmp_path / "out")
    outcome = segment(inputs, *FORMAT)
    assert outcome.code == 2 and "statistics.csv exists already" in outcome.err and "add --overwrite" in outcome.err
    assert listing(tmp_path / "out") == before
    assert segment(inputs, *FORMAT, "--overwrite").code == 0


def test_tables_of_another_batch_stay(folder, segment, tmp_path, listing):
    assert segment(folder("in", "a", "b"), *FORMAT).code == 0
    before = listing(tmp_path / "out")
    outcome = segment(folder("other", "x", "y"), *FORMAT)
    assert outcome.code == 2 and "tables of other cases" in outcome.err
    assert listing(tmp_path / "out") == before


def test_a_run_with_more_cases_goes_on_with_its_tables(folder, segment, tmp_path, write):
    inputs = folder("in", "a", "b")
    assert segment(inputs, *FORMAT).code == 0
    write("in/c.nrrd")
    outcome = segment(inputs, *FORMAT)
    assert outcome.code == 0 and "3 of 3 done, 2 of them" in outcome.out
    table = (tmp_path / "out" / "statistics.csv").read_text(encoding="utf-8")
    assert {line.partition(",")[0] for line in table.splitlines()} == {"case", "a", "b", "c"}


def test_a_second_run_is_told_who_has_the_folder(folder, segment, tmp_path):
    inputs = folder("in", "a", "b")
    with outputs.claimed(tmp_path / "out"):
        outcome = segment(inputs, *FORMAT)
        assert outcome.code == 2 and "is in use by another run (process " in outcome.err
    assert not (tmp_path / "out").exists()
    assert segment(inputs, *FORMAT).code == 0


def test_a_picture_for_the_page_is_not_replaced_either(folder, segment, tmp_path):
    inputs = folder("in", "a", "b")
    (tmp_path / "out" / "report").mkdir(parents=True)
    (tmp_path / "out" / "report" / "a.jpg").write_text("mine", encoding="utf-8")
    outcome = segment(inputs, *FORMAT)
    assert outcome.code == 1 and "a.jpg exists already" in outcome.err
    assert (tmp_path / "out" / "report" / "a.jpg").read_text(encoding="utf-8") == "mine"


def test_an_input_called_as_a_table_costs_only_its_case(folder, segment):
    outcome = segment(folder("in", "a", "summary"), *FORMAT)
    assert outcome.code == 1 and "1 of 2 done" in outcome.out and "summary.json is also a file of" in outcome.err
