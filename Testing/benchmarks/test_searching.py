"""`bench --search`: content of its record; timed only against pydicom in the same minute."""

import sys
from pathlib import Path

import pytest

from benchmarks import searching
from DINSegmentLib.errors import InputError
from DINSegmentLib.inputs.search import find

OPENED: list[str] = []


@pytest.fixture(scope="module")
def opened():
    """The paths of all files that Python opens, in a list that a test may clear."""
    sys.addaudithook(lambda event, args: OPENED.append(str(args[0])) if event == "open" else None)
    return OPENED


def test_every_file_is_opened_once(opened, tmp_path):
    files = searching.write_studies(tmp_path, 60)
    opened.clear()
    (found,) = find([tmp_path])
    assert sorted(path for path in opened if path.endswith(".dcm")) == sorted(map(str, files))
    assert sorted(found.files) == sorted(files)


def test_a_record_compares_with_pydicom(tmp_path):
    (one,) = searching.find_cases(2 * searching.SLICES * searching.FRAMES)
    assert (one["files"], one["cases"]) == (400, 2)
    assert one["convert_seconds"] > one["read_seconds"] > 0
    assert one["ratio"] == pytest.approx(one["find_seconds"] / one["read_seconds"])
    assert one["ratio"] < 2.5  # 1.2 on an idle machine
    (line,) = searching.format_search([one]).splitlines()
    assert line.startswith("2 cases among 400 DICOM files") and f"{one['ratio']:.2f} times as long" in line


def test_too_few_files_are_refused():
    with pytest.raises(InputError, match="--files 2 or more"):
        searching.find_cases(1)


def test_a_study_has_a_file_for_each_slice_and_frame(tmp_path):
    paths = searching.write_studies(tmp_path, searching.SLICES * searching.FRAMES + 1)
    assert {path.parent for path in paths} == {tmp_path / "study0", tmp_path / "study1"}
    assert len(list(Path(tmp_path / "study0").iterdir())) == searching.SLICES * searching.FRAMES
