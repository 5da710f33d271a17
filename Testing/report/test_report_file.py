"""The review page's file: its content, its unusual volumes, and that it is written atomically."""

import json
import math
import re
from dataclasses import replace

import pytest
from PIL import Image

from DINSegmentLib.batch.steps import save_picture
from DINSegmentLib.errors import OutputError
from DINSegmentLib.model import Code, Label, find_model
from DINSegmentLib.pictures.thumbnails import picture_path
from DINSegmentLib.report.write import deviations, write_report

PART = Code("SCT", "0", "Part")


def data_of(page):
    """The data in a page."""
    (text,) = re.findall(r'<script type="application/json" id="data">(.*)</script>', page.read_text(encoding="utf-8"))
    return json.loads(text)


def record(case, volume, model="heart"):
    return {"case": case, "model": {"id": model}, "structures": [{"value": 1, "name": "Wall", "volume_ml": volume}]}


def test_a_deviation_is_in_robust_standard_deviations_from_the_median():
    # the median is 3, the absolute deviations 2, 1, 0, 1, 97, their median 1
    found = deviations([1.0, 2.0, 3.0, 4.0, 100.0])

    assert found == pytest.approx([-2 * 0.6745, -0.6745, 0, 0.6745, 97 * 0.6745])


def test_the_mean_deviation_serves_where_most_volumes_are_alike():
    # the median of the deviations is 0, their mean 1
    assert deviations([5.0, 5.0, 5.0, 5.0, 10.0]) == pytest.approx([0, 0, 0, 0, 5 / 1.2533])


@pytest.mark.parametrize("volumes", [[], [1.0], [1.0, 1.0, 1.0, 90.0], [7.0] * 6])
def test_few_volumes_and_equal_ones_deviate_from_nothing(volumes):
    assert deviations(volumes) == [0.0] * len(volumes)


def test_volumes_are_weighed_among_those_of_the_same_model(tmp_path):
    records = [record(f"a{volume}", volume, "small") for volume in (1.0, 2.0, 3.0, 4.0, 5.0)]
    records += [record(f"b{volume}", volume, "large") for volume in (101.0, 102.0, 103.0, 104.0, 105.0)]

    cases = data_of(write_report(records, {}, tmp_path, "run"))["cases"]

    found = [case["structures"][0]["deviation"] for case in cases]
    assert found == [-1.35, -0.67, 0, 0.67, 1.35] * 2


def test_the_confidence_of_a_case_is_that_of_its_structures_by_voxels(tmp_path):
    structures = [{"name": "a", "voxels": 300, "confidence": 0.9}, {"name": "b", "voxels": 100, "confidence": 0.5}]
    records = [{"case": "of structures", "structures": structures}, {"case": "own", "confidence": 0.7}]

    cases = data_of(write_report(records, {}, tmp_path, "run"))["cases"]

    assert [case["confidence"] for case in cases] == pytest.approx([0.8, 0.7])


@pytest.mark.parametrize(
    "values",
    [{}, {"input": {}}, {"structures": [{}], "notices": [{}], "device": None, "model": None}, {"notices": None}],
)
def test_a_record_may_lack_anything(tmp_path, values):
    (case,) = data_of(write_report([values], {}, tmp_path, "run"))["cases"]

    assert case["error"] == "" and case["confidence"] is None


def test_a_case_of_todays_record_is_named_after_its_input(tmp_path):
    records = [{"input": {"name": "heart", "path": "/data/heart.nii.gz"}}, {"input": "/data/b.nii", "error": "Broken."}]

    cases = data_of(write_report(records, {}, tmp_path, "run"))["cases"]

    assert [(case["case"], case["input"]) for case in cases] == [
        ("heart", "/data/heart.nii.gz"),
        ("/data/b.nii", "/data/b.nii"),
    ]


def test_numbers_that_json_does_not_know_are_unknown(tmp_path):
    values = {"case": "a", "structures": [{"name": "Wall", "volume_ml": math.nan, "mean": math.inf}]}

    ((structure,),) = (case["structures"] for case in data_of(write_report([values], {}, tmp_path, "run"))["cases"])

    assert structure["volume_ml"] is None and structure["mean"] is None


def test_structures_have_the_colors_of_the_models(tmp_path):
    labels = (Label(1, "Wall", (1, 2, 3), PART),)
    model = replace(find_model("cardiac-mr"), labels=labels)

    assert data_of(write_report([], {}, tmp_path, "run", [model]))["colors"] == {"Wall": [1, 2, 3]}


def test_a_run_is_told_apart_by_its_folder_or_its_name(tmp_path):
    folders = [tmp_path / "a", tmp_path / "b"]
    first, other, again = (data_of(write_report([], {}, folder, "run"))["run"] for folder in (*folders, folders[0]))

    assert first == again != other
    assert data_of(write_report([], {}, tmp_path, "run", run="r1"))["run"] == "r1"


def test_pictures_are_named_relative_to_the_page_whatever_their_name(tmp_path):
    case = 'a #1 50%?"ä'
    path = save_picture(Image.new("RGB", (20, 10)), tmp_path, case)

    (found,) = data_of(write_report([{"case": case}], {case: path}, tmp_path, "run"))["cases"]

    assert path == picture_path(tmp_path, case) and path.is_file()
    assert found["picture"] == "./report/a%20%231%2050%25%3F%22%C3%A4.jpg"


def test_an_older_page_is_replaced_and_stays_when_the_new_one_cannot_be_written(tmp_path):
    page = write_report([{"case": "old"}], {}, tmp_path, "run")
    write_report([{"case": "new"}], {}, tmp_path, "run")
    assert data_of(page)["cases"][0]["case"] == "new"

    with pytest.raises(TypeError):
        write_report([{"case": "newer", "structures": 5}], {}, tmp_path, "run")

    assert data_of(page)["cases"][0]["case"] == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_folder_that_cannot_be_written_is_told_in_a_sentence(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")

    with pytest.raises(OutputError, match="choose a folder"):
        write_report([], {}, tmp_path / "file", "run")
