"""The review page in a real browser: Debian's Chromium without a window, driven by Playwright."""

import os
import socket
import time

import pytest
from PIL import Image
from playwright.sync_api import Error, expect
from review import MODEL, current, flag, mark_of, record, records, shown

from DINSegmentLib.batch.steps import save_picture
from DINSegmentLib.report.write import write_report

HOSTILE = "</script><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"


def heading(page, name):
    return page.get_by_role("columnheader", name=name)


def test_failures_come_first_then_outliers_and_warnings(page, report):
    page.goto(report)

    # case5 lies 27 deviations from the median, case2 0.67 and has a warning, which counts 3.5; then 1.35 and 0.67
    assert shown(page) == ["broken", "case5", "case2", "case1", "case4", "case3", "case10"]
    assert heading(page, "Outlier score").get_attribute("aria-sort") == "descending"
    assert "▲ 500.0" in page.locator('tbody[aria-label="case5"]').inner_text()


def test_every_heading_sorts_both_ways_and_cases_without_a_value_come_last(page, report):
    page.goto(report)
    volume = heading(page, "Left ventricle")
    volume.get_by_role("button").click()
    assert volume.get_attribute("aria-sort") == "descending"
    assert shown(page) == ["case5", "case4", "case3", "case10", "case2", "case1", "broken"]

    volume.get_by_role("button").click()
    assert volume.get_attribute("aria-sort") == "ascending"
    assert shown(page) == ["case1", "case2", "case3", "case10", "case4", "case5", "broken"]

    heading(page, "Confidence").get_by_role("button").click()
    assert shown(page)[0] == "case2"
    heading(page, "Warnings").get_by_role("button").click()
    assert shown(page)[0] == "case2"
    heading(page, "Case").get_by_role("button").click()
    assert shown(page) == ["broken", "case1", "case2", "case3", "case4", "case5", "case10"]  # 10 comes after 5
    assert page.locator("[aria-sort]:not([aria-sort=none])").count() == 1


def test_filters_show_what_they_say_and_how_many(page, report):
    page.goto(report)
    page.get_by_role("searchbox").fill("APART fifth")
    assert shown(page) == ["case2"]
    assert page.locator("#shown").inner_text() == "1 of 7 shown"

    page.get_by_role("button", name="Clear filters").click()
    page.get_by_role("button", name="Warnings 1").click()
    assert shown(page) == ["case2"]
    page.get_by_role("button", name="Failures 1").click()  # one or the other
    assert shown(page) == ["broken", "case2"]

    page.get_by_role("button", name="Clear filters").click()
    page.get_by_label("from").fill("95")
    page.get_by_label("to", exact=True).fill("110")
    assert sorted(shown(page)) == ["case10", "case3", "case4"]

    page.get_by_role("button", name="Clear filters").click()
    page.get_by_label("Confidence at most").fill("0.4")
    assert shown(page) == ["case2"]
    page.get_by_label("Confidence at most").fill("0.39")
    expect(page.get_by_text("No case matches the filters.")).to_be_visible()

    page.get_by_role("button", name="Clear filters").click()
    page.get_by_label("from").fill("95")
    page.get_by_label("to", exact=True).fill("96")
    expect(page.get_by_text("No case matches the filters.")).to_be_visible()
    page.get_by_role("button", name="Clear filters").click()
    assert len(shown(page)) == 7


def test_a_failure_says_why(page, report):
    page.goto(report)

    assert "broken.nii.gz is cut short: copy it." in page.locator('tbody[aria-label="broken"]').inner_text()
    assert "1 failed" in page.locator("#summary").inner_text()


def test_keys_typed_into_a_field_are_text(page, report):
    page.goto(report)
    page.keyboard.press("/")
    page.keyboard.type("case12 0")
    assert page.locator("#counts").inner_text() == "0 checked · 0 poor · 7 unmarked"
    page.get_by_role("button", name="Clear filters").click()
    page.locator("h1").click()

    page.keyboard.press("n")
    page.keyboard.type("jk 1, look again")
    page.keyboard.press("Enter")
    page.keyboard.press("1")
    assert mark_of(page, "broken") == "checked"
    page.keyboard.press("/")
    page.keyboard.type("again")
    assert shown(page) == ["broken"]  # notes are searched, too


def test_the_slices_are_enlarged_one_by_one_and_keys_go_on(page, report):
    page.goto(report)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    large = page.locator("#large")
    expect(large).to_be_visible()
    expect(large.locator("#tiles img")).to_have_count(8)
    assert large.locator("h2").inner_text() == "case5"
    first, last = large.locator("#tiles img").first.bounding_box(), large.locator("#tiles img").last.bounding_box()
    assert first["width"] > 200 and last["y"] > first["y"]

    page.keyboard.press("1")
    page.keyboard.press("j")
    assert large.locator("h2").inner_text() == "case2"
    assert "A fifth lies apart." in large.inner_text()
    page.keyboard.press("Enter")
    expect(large).to_be_hidden()
    assert (mark_of(page, "case5"), mark_of(page, "case2")) == ("checked", "")

    page.locator('tbody[aria-label="case1"] .strip').click()
    assert large.locator("h2").inner_text() == "case1"
    page.keyboard.press("Escape")
    expect(large).to_be_hidden()


def test_the_question_mark_shows_the_keys(page, report):
    page.goto(report)
    page.keyboard.press("?")

    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("mark as poor")
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()


def test_hostile_names_are_text(page, tmp_path):
    hostile = record(HOSTILE, 1.0, [flag(HOSTILE)])
    hostile["structures"][0]["name"] = HOSTILE
    failed = {"case": "__proto__", "error": HOSTILE}
    page.goto(write_report([hostile, failed], {}, tmp_path, HOSTILE).as_uri())

    assert shown(page) == ["__proto__", HOSTILE]
    assert page.title() == HOSTILE == page.locator("h1").inner_text()
    assert page.locator("img").count() == 0 and page.locator("script").count() == 2
    page.keyboard.press("1")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("#large h2")).to_have_text(HOSTILE)
    page.reload()
    assert mark_of(page, "__proto__") == "checked"


def test_inputs_that_were_skipped_or_not_finished_are_counted_and_are_no_failures(page, tmp_path):
    left = [
        {"input": f"/data/{outcome}{number}.nii", "outcome": outcome, "error": "Not a volume to segment."}
        for outcome, count in (("skipped", 2), ("cancelled", 1))
        for number in range(count)
    ]
    page.goto(write_report([*records(), *left], {}, tmp_path, "run").as_uri())

    summary = page.locator("#summary").inner_text()
    for text in ("7 cases", "1 failed", "2 skipped", "1 not finished"):
        assert text in summary
    assert len(shown(page)) == 7 and "/data/skipped0.nii" not in shown(page)


def test_the_page_asks_for_its_pictures_and_nothing_else_and_may_not(page, report, tmp_path):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report)
    expect(page.locator(".strip img").first).to_have_js_property("naturalWidth", 1628)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("#tiles img")).to_have_count(8)

    assert all(url.startswith(tmp_path.as_uri()) for url in asked)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/"
        with pytest.raises(Error, match="Failed to fetch"):
            page.evaluate("url => fetch(url, {signal: AbortSignal.timeout(1000)})", address)
        page.evaluate("url => { document.images[0].src = url; }", address)
        server.settimeout(0.5)
        with pytest.raises(TimeoutError):
            server.accept()


def test_a_picture_that_is_gone_is_told(page, report, tmp_path):
    (tmp_path / "report" / "case5.jpg").unlink()
    page.goto(report)

    expect(page.locator('tbody[aria-label="case5"]')).to_contain_text("No preview")


def test_a_thousand_cases_open_and_move_without_waiting(page, beat, tmp_path):
    picture = save_picture(Image.new("RGB", (1628, 200), "gray"), tmp_path, "case0")
    cases = [record(f"case{number}", 100.0 + number % 37) for number in range(1000)]
    names = ("Aorta", "Gallbladder", "Left kidney", "Right kidney", "Liver", "Pancreas", "Spleen", "Stomach")
    for case in cases:
        case["cine"] = beat()
        case["structures"] = [{**case["structures"][0], "name": name} for name in names]
    pictures = {"case0": picture}
    for case in cases[1:]:
        pictures[case["case"]] = picture.with_name(f"{case['case']}.jpg")
        os.link(picture, pictures[case["case"]])
    written = write_report(cases, pictures, tmp_path, "run")
    asked = []
    page.on("request", lambda request: asked.append(request.url))

    start = time.monotonic()
    page.goto(written.as_uri())
    expect(page.locator("#shown")).to_have_text("1000 of 1000 shown")
    opened = time.monotonic() - start
    assert opened < 5
    page.wait_for_timeout(300)
    assert 5 < len(asked) < 100  # pictures outside of the view are not read

    def seconds(action):
        """Until the page is laid out again."""
        timed = f"const t = performance.now(); {action}; document.body.offsetHeight; return performance.now() - t"
        return page.evaluate(f"() => {{ {timed} }}") / 1000

    sort = seconds("document.querySelectorAll('thead button')[5].click()")
    few = seconds("const f = document.getElementById('text'); f.value = '99'; f.oninput()")
    assert page.locator("#shown").inner_text() == "19 of 1000 shown"  # x99, 99x and 99 itself
    all_again = seconds("document.getElementById('clear').click()")
    before = shown(page).index(current(page))
    press = "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'j', bubbles: true}))"
    steps = seconds(f"for (let i = 0; i < 100; i++) {press}")
    assert shown(page).index(current(page)) == before + 100
    print(f"open {opened:.2f} s, sort {sort:.2f}, filter {few:.2f}, clear {all_again:.2f}, 100 steps {steps:.2f}")
    assert max(sort, few, all_again, steps) < 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colors_follow_the_system_and_texts_stand_out(browser, report, tmp_path, scheme):
    with browser.new_context(color_scheme=scheme, viewport={"width": 1440, "height": 900}) as context:
        page = context.new_page()
        page.goto(report)
        page.keyboard.press("1")
        page.screenshot(path=tmp_path / f"{scheme}.png")  # to review
        texts = ["body", ".from", ".reason b", ".reasons", ".unusual", "#counts", "[aria-sort=descending] button"]
        ground, *colors = page.evaluate(
            "texts => [getComputedStyle(document.querySelector('tbody')).backgroundColor,"
            " ...texts.map(text => getComputedStyle(document.querySelector(text)).color)]",
            texts,
        )

    assert (luminance(ground) > 0.5) == (scheme == "light")
    assert {text: contrast(color, ground) for text, color in zip(texts, colors, strict=True) if
            contrast(color, ground) < 4.5} == {}  # fmt: skip


def test_paper_shows_the_cases_without_controls(page, report):
    page.goto(report)
    page.emulate_media(media="print")

    expect(page.locator(".bar")).to_be_hidden()
    expect(page.locator('tbody[aria-label="case5"]')).to_be_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def luminance(color):
    """Relative luminance of ``rgb(r, g, b)`` as WCAG 2 defines it."""
    parts = [int(part) / 255 for part in color.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.fixture
def to_review(page, tmp_path):
    """Two cases with slices to review, whose pictures say which slices they show, and one without any."""
    records = []
    for case, review in (("a", [(7, "Myocardium: low confidence."), (2, "Base.")]), ("b", []), ("c", [(4, "Apex.")])):
        doubts = [
            {"slice": place, "axis": 0, "structure": "Wall", "expected_errors": 1.0, "text": text}
            for place, text in review
        ]
        records.append({**record(case, 100.0), "review": doubts, "outputs": [f"{case}_report.html", f"{case}.json"]})
    strip = Image.new("RGB", (4 * 200 + 3 * 4, 200), "gray")
    strip.info["comment"] = b"2,4,6,7"
    pictures = {case: save_picture(strip, tmp_path, case) for case in "abc"}
    (tmp_path / "a_report.html").write_text("<title>a</title>", encoding="utf-8")
    page.goto(write_report(records, pictures, tmp_path, "Run", [MODEL]).as_uri())
    return page


def test_arrow_keys_lead_through_the_slices_to_review_of_all_cases(to_review):
    page, slice_shown = to_review, to_review.locator("#slice")
    page.keyboard.press("ArrowRight")
    expect(slice_shown).to_have_text("Slice 8: Myocardium: low confidence.")  # the worst first, counted from 1
    expect(page.locator("#tiles figure:visible")).to_have_count(1)
    page.keyboard.press("ArrowRight")
    expect(slice_shown).to_have_text("Slice 3: Base.")
    page.keyboard.press("ArrowRight")  # b has none
    expect(page.locator("#large-name")).to_have_text("c")
    expect(slice_shown).to_have_text("Slice 5: Apex.")
    page.keyboard.press("ArrowRight")  # there are no more
    expect(slice_shown).to_have_text("Slice 5: Apex.")
    page.keyboard.press("ArrowLeft")
    expect(slice_shown).to_have_text("Slice 3: Base.")

    page.locator("#tiles figure:visible").click()
    expect(page.locator("#tiles figure:visible")).to_have_count(4)
    assert page.locator("#tiles figcaption").all_inner_texts() == ["Slice 3 ⚠", "Slice 5", "Slice 7", "Slice 8 ⚠"]


def test_a_case_has_a_link_to_its_report_and_a_key_opens_it(to_review):
    link = to_review.locator('tbody[aria-label="a"] .marks a')
    assert link.get_attribute("href") == "./a_report.html" and link.inner_text() == "Report"
    with to_review.context.expect_page() as opened:
        to_review.keyboard.press("o")
    assert opened.value.url.endswith("/a_report.html")


def test_cases_sort_by_review_state(page, report):
    page.goto(report)
    page.keyboard.press("1")
    marked = current(page)
    heading(page, "Review").get_by_role("button").click()
    assert shown(page)[-1] == marked
    assert "checked" in page.locator(f'tbody[aria-label="{marked}"] .numbers').inner_text()
