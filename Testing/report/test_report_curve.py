"""The review page's curves of cines, in a real browser."""

import re

import pytest

from DINSegmentLib.batch import tables
from DINSegmentLib.model import find_model
from DINSegmentLib.report.write import write_report

MODEL = find_model("cardiac-mr")


def record(case, cine=None, notices=()):
    return {
        "case": case, "input": {"name": case, "path": f"/data/{case}.nii"}, "model": {"id": "cardiac-mr"},
        "structures": [{"value": 3, "name": "Left ventricle", "voxels": 9, "volume_ml": 120.0}],
        "notices": list(notices),
        "cine": cine,
    }  # fmt: skip


@pytest.fixture
def opened(page, beat, tmp_path):
    """The page of two cines, one without ejection fraction, a volume and a failure; and its requests."""
    weak = beat(lv={**beat()["function"]["lv"], "ef_percent": 20.0})
    none = beat(lv=dict.fromkeys(beat()["function"]["lv"]), ed_frame=None, es_frame=None)
    flag = {"kind": "function", "structure": None, "text": "No right ventricle was found in frame 2."}
    failed = {"case": "broken", "input": "/data/broken.nii", "error": "broken.nii is cut short: copy it."}
    records = [record("none", none), record("half", beat(), [flag]), record("weak", weak), record("single"), failed]
    page.asked = []
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto(write_report(records, {}, tmp_path, "Hearts", [MODEL]).as_uri())
    return page


def row(page, case):
    return page.locator(f'tbody[aria-label="{case}"]')


COLORS = {label.name: "rgb({},{},{})".format(*label.color) for label in MODEL.labels}
LV, RV = COLORS["Left ventricle"], COLORS["Right ventricle"]


def points(place, color):
    """[letter, x, y] of every point of the lines of a color."""
    paths = [one.get_attribute("d") for one in place.locator(f'path.curve[stroke="{color}"]').all()]
    found = [re.findall(r"([ML])([\d.]+) ([\d.]+)", path) for path in paths]
    return [(letter, float(x), float(y)) for path in found for letter, x, y in path]


def test_a_row_shows_both_ventricles_over_time_with_a_gap_where_one_was_not_found(opened):
    half = row(opened, "half")

    # across: 0, 300 and 900 of 1000 ms on 264 units from 8; up: of 120 ml on 118 units from 152
    assert points(half, LV) == [("M", 8.0, 34.0), ("L", 87.2, 93.0), ("L", 245.6, 63.5)]
    assert points(half, RV) == []  # 110 ml, not found, 75 ml: no line, and two dots in the large view
    marks = [mark.get_attribute("d") for mark in half.locator("path.mark").all()]
    assert marks == ["M8.0 34.0L8.0 152.0", "M87.2 34.0L87.2 152.0"]
    assert half.locator("svg text").all_text_contents() == ["ED", "ES"]


def test_without_ed_and_es_there_is_a_curve_without_marks_and_a_volume_has_none(opened):
    assert row(opened, "none").locator("path.curve").count() == 1
    assert row(opened, "none").locator("path.mark").count() == 0
    assert row(opened, "single").locator("svg").count() == 0


def test_cases_sort_by_ejection_fraction_the_weakest_first_and_unknown_ones_last(opened):
    opened.get_by_role("columnheader", name="LV EF").get_by_role("button").click()

    names = opened.locator("tbody .name").all_text_contents()
    assert names[:2] == ["weak", "half"] and set(names[2:]) == {"none", "single", "broken"}
    assert "20.0" in row(opened, "weak").locator(".numbers").inner_text()


def test_the_large_view_holds_curve_figures_and_warnings(opened):
    row(opened, "half").get_by_role("button", name="Volumes of half").click()
    dialog = opened.locator("#large")

    shown = {one.locator("th").inner_text(): one.locator("td").all_text_contents() for one in
             dialog.locator(".figures tr:has(td)").all()}  # fmt: skip
    assert shown["LV EDV"] == ["120.0 ml", "100.0 to 140.0"]
    assert shown["LV ejection fraction"] == ["50.0%", "40.0 to 58.3"]
    assert shown["RV ejection fraction"] == ["not reported", ""]
    assert shown["Cardiac output"] == ["3.60 L/min", ""]
    assert "frame 1 of 3" in dialog.inner_text() and "No right ventricle was found in frame 2." in dialog.inner_text()
    texts = dialog.locator("#cycle svg > text").all_text_contents()
    ticks = [f"{volume}" for volume in range(0, 121, 20)] + [f"{time}" for time in range(0, 1001, 200)]
    assert texts == [*ticks, "ml", "ms", "ED", "ES", "Right ventricle", "Left ventricle"]
    told = dialog.locator("#cycle circle title").all_text_contents()
    assert "Left ventricle 60.0 ml, frame 2, 300 ms" in told and len(told) == 5

    opened.keyboard.press("k")  # another case, another curve; a volume has none
    while opened.locator("#large-name").inner_text() != "single":
        opened.keyboard.press("j")
    assert dialog.locator("#cycle svg").count() == 0


def test_a_page_with_curves_asks_for_nothing_but_itself(opened):
    row(opened, "half").get_by_role("button", name="Volumes of half").click()
    assert len(opened.asked) == 1


def test_frames_without_times_are_counted(page, beat, tmp_path):
    page.goto(write_report([record("a", beat(times_ms=None))], {}, tmp_path, "Hearts", [MODEL]).as_uri())
    page.keyboard.press("Enter")

    assert "frame" in page.locator("#cycle svg > text").all_text_contents()
    assert [x for _, x, _ in points(row(page, "a"), LV)] == [8.0, 140.0, 272.0]


def test_a_page_of_volumes_has_no_column_for_ejection_fractions(page, tmp_path):
    page.goto(write_report([record("a")], {}, tmp_path, "Volumes", [MODEL]).as_uri())
    assert page.get_by_role("columnheader", name="LV EF").count() == 0


def test_the_table_of_cines_has_a_row_for_each_with_its_figures(beat, tmp_path):
    cine = beat(bsa_m2=2.0, indexed={"lv_edv_ml_m2": 60.0}, ed_frame=1)
    entries = [record("b", cine), record("single"), {**record("a", beat()), "extra": {"site": "Ulm"}}]
    tables.write_function(entries, tmp_path / "function.csv")

    head, a, b = (tmp_path / "function.csv").read_text(encoding="utf-8").splitlines()
    assert head.split(",") == [*tables.FUNCTION_COLUMNS, "site"]
    warning = "No right ventricle was found in frame 2."
    figures = "120,60,60,50,,,,,105,60,3.6"
    assert a == f"a,/data/a.nii,cardiac-mr,3,1,2,{figures},,,,,,,,,,{warning},Ulm"
    assert b == f"b,/data/b.nii,cardiac-mr,3,2,2,{figures},2,60,,,,,,,,{warning},"


def test_without_a_cine_there_is_no_table_of_cines(tmp_path):
    tables.write_function([record("a")], tmp_path / "function.csv")
    assert not (tmp_path / "function.csv").exists()
