"""Marks on the review page, in a real browser: set by keys, stored with their result, exported and imported."""

import csv

from playwright.sync_api import expect
from review import current, mark_of, record, shown

from DINSegmentLib.report.write import write_report


def test_keys_step_mark_and_unmark(page, report):
    page.goto(report)
    order = shown(page)
    for key in ("j", "ArrowDown", "j", "k"):
        page.keyboard.press(key)
    assert current(page) == order[2] == "case2"

    page.keyboard.press("1")
    assert mark_of(page, "case2") == "checked"
    assert page.locator("#counts").inner_text() == "1 checked · 0 poor · 6 unmarked"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("2")
    assert (mark_of(page, "case5"), mark_of(page, "case2")) == ("poor", "checked")
    pressed = page.locator('tbody[aria-label="case5"] button[aria-pressed="true"]')
    assert pressed.all_inner_texts() == ["✗ Poor"]
    page.keyboard.press("0")
    assert mark_of(page, "case5") == ""


def test_a_case_that_is_marked_leaves_the_unmarked_to_the_next(page, report):
    page.goto(report)
    page.get_by_role("button", name="Unmarked 7").click()
    order = shown(page)
    page.locator("h1").click()  # away from the button
    page.keyboard.press("j")
    page.keyboard.press("1")

    assert shown(page) == [order[0], *order[2:]]
    assert current(page) == order[2]
    for _ in range(6):
        page.keyboard.press("2")
    assert shown(page) == []


def test_marks_outlive_the_page_but_not_the_result_or_the_run(page, tmp_path):
    def write(run, date="2026-11-24T10:00:00+00:00"):
        return write_report([record("a", 1.0, date=date), record("b", 1.0)], {}, tmp_path / run, "run").as_uri()

    def marks(page, address):
        page.goto(address)
        return [mark_of(page, case) for case in ("a", "b")]

    page.goto(write("run"))
    for key in "1j2":
        page.keyboard.press(key)
    page.reload()
    assert [mark_of(page, case) for case in ("a", "b")] == ["checked", "poor"]

    other = page.context.new_page()
    page.close()
    assert marks(other, write("run")) == ["checked", "poor"]
    assert marks(other, write("other run")) == ["", ""]
    assert marks(other, write("run", date="2126-01-01T00:00:00+00:00")) == ["", "poor"]  # segmented after the mark


def test_marks_go_out_as_csv_and_come_in_again(page, report, browser, tmp_path):
    page.goto(report)
    page.keyboard.press("1")
    page.keyboard.press("j")
    page.keyboard.press("2")
    page.keyboard.press("n")
    page.keyboard.type('=cut; "apex", ä')
    page.keyboard.press("Enter")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export marks").click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)

    assert path.name == "A-run-marks.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["case", "mark", "note", "time"]
    # a spreadsheet takes what begins with an apostrophe for a text
    assert [row[:3] for row in rows] == [["case5", "poor", '\'=cut; "apex", ä'], ["broken", "checked", ""]]
    assert all(row[3].endswith("Z") for row in rows)

    with browser.new_context() as context:
        other = context.new_page()
        other.goto(report)
        other.locator("#file").set_input_files(path)
        expect(other.locator("#message")).to_have_text("2 of 2 marks imported.")
        assert (mark_of(other, "case5"), mark_of(other, "broken")) == ("poor", "checked")
        assert other.locator('tbody[aria-label="case5"] .note').input_value() == '=cut; "apex", ä'


def test_marks_that_do_not_fit_are_told(page, report, tmp_path):
    path = tmp_path / "marks.csv"
    lines = [
        "case;mark;note;time",
        "case1;checked;from a spreadsheet;",
        "case2;poor;;2020-01-01T00:00:00Z",
        "who;poor;;",
    ]
    path.write_text("\n".join([*lines, "case3;perhaps;;", ""]), encoding="utf-8")
    page.goto(report)
    page.locator("#file").set_input_files(path)

    expect(page.locator("#message")).to_have_text(
        "1 of 4 marks imported. 1 belong to no case of this run. 1 are older than the result of their case. "
        "1 have a mark or time that cannot be read."
    )
    assert (mark_of(page, "case1"), mark_of(page, "case2"), mark_of(page, "case3")) == ("checked", "", "")

    path.write_text("name,volume\ncase1,5\n", encoding="utf-8")
    page.locator("#file").set_input_files(path)
    expect(page.locator("#message")).to_contain_text("choose a file that was exported here")
