"""The review page's curves of cines, in a real browser."""

import re

import pytest

from DINSegmentLib.batch import tables
from DINSegmentLib.model import find_model
from DINSegmentLib.report.write import write_report

MODEL = find_model("cardiac-mr")


def record(case, cine=None, flags=()):
    return {
        "case": case, "input": {"name": case, "path": f"/data/{case}.nii"}, "model": {"id": "cardiac-mr"},
        "structures": [{"value": 3, "name": "Left ventricle", "voxels": 9, "volume_ml": 120.0}], "flags": list(flags),
        "cine": cine,
    }  # fmt: skip


@pytest.fixture
def opened(page, beat, tmp_path):
    """The page of two cines, one with its ejection fraction withheld, a volume and a failure; and what it asked for."""
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


def points(page, place, side):
    """[letter, x, y] of every point of a curve."""
    path = place.locator(f'path[data-side="{side}"]').get_attribute("d")
    return [(letter, float(x), float(y)) for letter, x, y in re.findall(r"([ML])([\d.]+) ([\d.]+)", path)]


def test_a_row_shows_both_ventricles_over_time_with_a_gap_where_one_was_not_found(opened):
    half = row(opened, "half")

    # across: 0, 300 and 900 ms on 178 pixels from 6; up: 150 ml, the next round number, on 90 pixels from 106
    assert points(opened, half, "LV") == [("M", 6.0, 34.0), ("L", 65.3, 70.0), ("L", 184.0, 52.0)]
    assert points(opened, half, "RV") == [("M", 6.0, 40.0), ("M", 184.0, 61.0)]
    marks = half.locator("line.mark")
    assert [float(mark.get_attribute("x1")) for mark in marks.all()] == pytest.approx([6.0, 65.33], abs=0.01)
    assert half.locator("svg text").all_text_contents() == ["ED", "ES"]
    colors = {label.name: "rgb({}, {}, {})".format(*label.color) for label in MODEL.labels}
    stroke = "node => getComputedStyle(node).stroke"
    assert half.locator('path[data-side="LV"]').evaluate(stroke) == colors["Left ventricle"]
    assert half.locator('path[data-side="RV"]').evaluate(stroke) == colors["Right ventricle"]


def test_without_ed_and_es_there_is_a_curve_without_marks_and_a_volume_has_none(opened):
    assert row(opened, "none").locator("path").count() == 2
    assert row(opened, "none").locator("line.mark").count() == 0
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
    assert shown["LV ejection fraction"] == ["50.0 %", "40.0 to 58.3"]
    assert shown["RV ejection fraction"] == ["withheld", ""]
    assert shown["Cardiac output"] == ["3.6 l/min", ""]
    assert "frame 1 of 3" in dialog.inner_text() and "No right ventricle was found in frame 2." in dialog.inner_text()
    texts = dialog.locator("#beat svg > text").all_text_contents()
    assert texts == ["0", "50", "100", "150", "0", "900", "ms", "ml", "ED", "ES", "RV", "LV"]
    told = dialog.locator("#beat circle title").all_text_contents()
    assert "LV 60.0 ml, frame 2, 300 ms" in told and len(told) == 5

    opened.keyboard.press("k")  # another case, another curve; a volume has none
    while opened.locator("#large-name").inner_text() != "single":
        opened.keyboard.press("j")
    assert dialog.locator("#beat svg").count() == 0


def test_a_page_with_curves_asks_for_nothing_but_itself(opened):
    row(opened, "half").get_by_role("button", name="Volumes of half").click()
    assert len(opened.asked) == 1


def test_frames_without_times_are_counted(page, beat, tmp_path):
    page.goto(write_report([record("a", beat(times_ms=None))], {}, tmp_path, "Hearts", [MODEL]).as_uri())
    page.keyboard.press("Enter")

    assert "frame" in page.locator("#beat svg > text").all_text_contents()
    assert [x for _, x, _ in points(page, row(page, "a"), "LV")] == [6.0, 95.0, 184.0]


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
