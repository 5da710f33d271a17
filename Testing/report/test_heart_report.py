"""The report of a case: HTML and PDF read back as text and pixels."""

import io
import re
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image
from pypdf import PdfReader

from DINSegmentLib.batch import reports
from DINSegmentLib.errors import InputError
from DINSegmentLib.geometry import Geometry
from DINSegmentLib.io.study import study_of
from DINSegmentLib.measure import cardiac_function, regional_function
from DINSegmentLib.model import find_model
from DINSegmentLib.pictures.bullseye import bullseye
from DINSegmentLib.pictures.drawing import LIGHT, raster
from DINSegmentLib.pictures.phases import Moment
from DINSegmentLib.report import pdf
from DINSegmentLib.report.heart import DISCLAIMER, Reviewer, describe
from DINSegmentLib.report.html import html

MODEL = find_model("cardiac-mr")
GRID = Geometry((9, 64, 64), np.array([[0, 0, -10, 0], [-2, 0, 0, 0], [0, -2, 0, 0], [0, 0, 0, 1.0]]))
COLORS = {label.name: np.array(label.color) for label in MODEL.labels}


def heart(inner, outer):
    """Labels of a straight heart: slices 1 to 7 a wall of these radii in pixels, with a right ventricle on its side."""
    rows, columns = np.mgrid[:64, :64]
    away, beside = np.hypot(rows - 32, columns - 36), np.hypot(rows - 32, columns - 22)
    plane = np.zeros((64, 64), np.uint8)
    plane[(beside < 14) & (away >= outer)] = 1
    plane[away < outer] = 2
    plane[away < inner] = 3
    labels = np.zeros(GRID.shape, np.uint8)
    labels[1:8] = plane
    labels[7][labels[7] == 1] = 0
    small = np.where(away < 2, 3, np.where(away < 5, 2, 0))
    labels[7] = small  # the apex: the cavity narrows, so that the stack holds all of it
    return labels


LABELS = [heart(10, 14), heart(6, 12), heart(8, 13)]


def record(**changes):
    """As `batch.record.record` makes it, of a cine of three frames."""
    person = {"heart_rate": 60.0, "height_cm": 180.0, "weight_kg": 80.0}
    function = cardiac_function(LABELS, GRID, MODEL, (0.0, 300.0, 600.0), **person)
    regional = regional_function(LABELS[0], LABELS[1], GRID, MODEL)
    found = {
        "case": "Case 7", "date": "2026-11-28T10:00:00+00:00",
        "input": {"name": "heart.nii.gz", "path": "/data/heart.nii.gz", "spacing": [2.0, 2.0, 10.0],
                  "shape": [9, 64, 64]},
        "model": {"id": "cardiac-mr", "version": "1.2", "weights_sha256": "ab" * 32},
        "parameters": {"enhancement": {"method": "log", "strength": 1.0}},
        "structures": [{"name": "Left ventricle", "volume_ml": 12.3}],
        "notices": [{"text": "Look at the base."}], "review": [{"slice": 4, "text": "Low confidence."}],
        "cine": {"frames": 3, "frame": 1, "function": function.as_dict(), "regional": regional.as_dict()},
        "versions": {"dinsegment": "9.8"},
    }  # fmt: skip
    return {**found, **changes}


def moments(*names):
    return [Moment(name, labels * np.float32(0.1), labels) for name, labels in zip(names, LABELS, strict=False)]


def report(reviewer=None, study=(), **changes):
    return describe(record(**changes), MODEL, moments("ED", "ES"), GRID, study, reviewer)


def text_of(content):
    (page,) = PdfReader(io.BytesIO(content)).pages  # one page
    return " ".join(page.extract_text().split())


def words(page):
    return " ".join(re.sub(r"<(style|script).*?</\1>|<[^>]+>", " ", page, flags=re.DOTALL).split())


@pytest.fixture(scope="module")
def written():
    made = report()
    return html(made), pdf.pdf(made)


def test_pdf_and_html_hold_every_value_of_the_one_description(written):
    made = report()
    page, plain = written[0], text_of(written[1])
    wanted = [made.title, "End-diastole", "frame 1 of 3 (0 ms)", "frame 2 of 3 (300 ms)", "Look at the base."]
    wanted += ["Slice 5: Low confidence.", "ab" * 32, "cardiac-mr 1.2", "DINSegment 9.8", "not assessed", DISCLAIMER]
    wanted += [part for row in made.values for part in row if part]
    for text in wanted:
        assert text in plain, text
        assert text.replace("'", "&#x27;") in words(page), text
    # 305 pixels lie within 10 of a center, 9 within 2; of 0.04 ml each, in six slices and in one
    values = dict((name, value) for name, value, _ in made.values)
    assert values["LV EDV"] == f"{(6 * 305 + 9) * 0.04:.1f} ml"
    assert values["Body surface (Mosteller)"] == "2.00 m²" and "(Mosteller" in plain
    assert values["Heart rate"] == "60 bpm"


def test_reports_differ_by_what_they_say_and_not_by_their_dates():
    made, later = report(), "2027-01-01T10:00:00+00:00"
    assert report(date=later).undated == made.undated
    assert report(date=later, parameters=None).undated == report(parameters=None).undated
    reviews = [Reviewer("Ada", date, text) for date, text in (("2026-11-28", ""), ("2027-01-01", ""), ("", "Good."))]
    one, same, other = (report(reviewer).undated for reviewer in reviews)
    assert one == same != other
    cine = record()["cine"]
    faster = cardiac_function(LABELS, GRID, MODEL, (0.0, 300.0, 600.0), heart_rate=90.0).as_dict()
    changes = (
        {"cine": {**cine, "function": faster}}, {"cine": {**cine, "regional": None}}, {"notices": []},
        {"versions": {"dinsegment": "9.9"}},
    )  # fmt: skip
    assert len({made.undated, *(report(**change).undated for change in changes)}) == 5


def test_bulls_eyes_show_the_thickness_of_each_segment(written):
    """A wall of (14 - 10) and (12 - 6) pixels of 2 mm: 8 mm and 12 mm, thickening 50%, in all rings but the apical."""
    plots = report().plots
    for plot, wanted, tolerance in zip(plots, (8, 12, 50), (0.5, 0.5, 6), strict=True):
        shown = [shape.text for shape in plot.shapes if hasattr(shape, "text")][1:]
        assert len(shown) == 17 and shown[16] == "n/a"
        assert [float(one) for one in shown[:12]] == pytest.approx([wanted] * 12, abs=tolerance)


def test_the_pdf_shows_both_moments_with_outlines_in_the_structures_colors(written, tmp_path):
    if shutil.which("pdftoppm") is None:
        pytest.skip("poppler-utils is missing: `make system-packages` installs it")
    (tmp_path / "page.pdf").write_bytes(written[1])
    subprocess.run(["pdftoppm", "-r", "72", "-png", "page.pdf", "page"], cwd=tmp_path, check=True)
    (path,) = tmp_path.glob("page*.png")
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
    assert pixels.shape == (842, 595, 3)  # A4
    assert (pixels[:20] == 255).all() and (pixels[:, :20] == 255).all()  # margins
    upper = pixels[60:420, :350]
    for name, color in COLORS.items():
        held = (np.abs(upper - color).max(axis=2) < 60).any(axis=1)
        rows = np.flatnonzero(held)
        assert np.ptp(rows) > 120, name  # two rows of pictures


def test_the_page_needs_no_other_file_and_prints_on_one_sheet(page, written, tmp_path):
    path, asked = tmp_path / "case.html", []
    path.write_text(written[0], encoding="utf-8")
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())

    assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
    sizes = page.evaluate("[...document.images].map((one) => [one.naturalWidth, one.naturalHeight, one.alt])")
    assert [size[:2] for size in sizes] == [[200, 200]] * 6 and sizes[0][2] == "ED, Base, slice 3"
    assert page.locator("svg[aria-label^='Wall']").count() == 3
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    assert len(PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True))).pages) == 1


def test_reviewed_by_stands_there_only_when_someone_did(written):
    for content in (words(written[0]), text_of(written[1])):
        assert "Reviewed" not in content
    made = report(Reviewer("Dr. Ada Jones", "2026-11-28", "Base corrected."))
    for content in (words(html(made)), text_of(pdf.pdf(made))):
        assert "Reviewed by Dr. Ada Jones on 2026-11-28" in content and "Base corrected." in content


def test_an_edit_changes_the_report():
    edited = [labels.copy() for labels in LABELS]
    edited[0][1] = 0
    function = cardiac_function(edited, GRID, MODEL, (0.0, 300.0, 600.0))
    regional = regional_function(edited[0], edited[1], GRID, MODEL)
    cine = {"frames": 3, "frame": 1, "function": function.as_dict(), "regional": regional.as_dict()}

    before, after = (dict((row[0], row[1]) for row in one.values) for one in (report(), report(cine=cine)))
    assert float(after["LV EDV"].split()[0]) < float(before["LV EDV"].split()[0]) - 10
    assert "height and weight are not known" in " ".join(report(cine=cine).notes)


def test_a_pseudonymous_case_names_nobody():
    source = {**record()["input"], "path": None}
    for content in (words(html(report(input=source))), text_of(pdf.pdf(report(input=source)))):
        assert "Pseudonym" in content and "heart.nii.gz" not in content and "/data" not in content


def test_hostile_texts_stay_texts(page, tmp_path):
    taken = "</script><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">{style}"
    made = report(Reviewer(taken, taken, taken), [("Patient", taken)], case=taken, notices=[{"text": taken}])
    path = tmp_path / "case.html"
    path.write_text(html(made), encoding="utf-8")
    page.goto(path.as_uri())

    assert page.title() == taken and page.locator("h1").inner_text() == taken
    assert page.locator("img").count() == 6
    assert "document.title" in text_of(pdf.pdf(made))


def test_many_notices_stay_on_one_page_and_the_rest_is_counted():
    flags = [{"text": f"Notice {number}: " + "check this slice and the one above it. " * 3} for number in range(60)]
    plain = text_of(pdf.pdf(report(notices=flags)))

    shown = len(re.findall(r"Notice \d+:", plain))
    (more,) = re.findall(r"and (\d+) more", plain)
    assert 1 <= shown < 60 and shown + int(more) == 60
    assert "Slices to review" in plain and "Low confidence." in plain and "ab" * 32 in plain
    assert len(report(notices=flags).notices) == 60  # all of them are in the HTML


def test_a_volume_alone_has_a_report_of_its_structures():
    made = describe(record(cine=None), MODEL, moments("Slices"), GRID)
    content = text_of(pdf.pdf(made))

    assert "Left ventricle 12.3 ml" in content and "EDV" not in content
    assert made.plots == () and made.curve is None and len(made.rows[0][1]) == 3
    assert "<svg" in html(made) and "cardiac cycle" not in html(made)


def test_an_infarct_is_reported_in_total_and_by_slice():
    size = {"infarct_ml": 12.34, "infarct_g": 12.96, "share_percent": 15.2, "slice_share_percent": [None, 0.0, 20.5],
            "method": "by network"}  # fmt: skip
    made = describe(record(cine=None, infarct=size), MODEL, moments("Slices"), GRID)
    plain = text_of(pdf.pdf(made))

    assert "Infarct with no-reflow 12.3 ml, 13.0 g" in plain and "Infarct, share of the wall 15.2%" in plain
    assert "Infarct, slice 3 20.5%" in plain and "slice 2" not in plain
    assert "By segment it is not reported" in plain and "by network" in words(html(made))


def test_a_plot_of_the_infarct_has_a_heading_of_its_own():
    size = {"infarct_ml": 12.34, "infarct_g": 12.96, "share_percent": 15.2, "slice_share_percent": [], "method": "by a",
            "segment_share_percent": {"1": 20.0}, "insertion_from": "the cine"}  # fmt: skip
    page = html(describe(record(cine=None, infarct=size), MODEL, moments("Slices"), GRID))

    assert "Infarct by segment" in page and "thickening" not in page
    assert "thickening by segment" in html(report())


def test_size_and_number_of_voxels_are_in_the_same_order():
    assert dict(report().identity)["Voxels"] == "2.00 x 2.00 x 10.00 mm, 64 x 64 x 9"


def test_the_same_report_is_the_same_bytes(written):
    assert (html(report()), pdf.pdf(report())) == written


def test_letters_that_a_pdf_lacks_are_announced():
    made = report(study=[("Patient", "Παπαδόπουλος Ångström")])
    plain = text_of(pdf.pdf(made))
    assert "Ångström" in plain and "question marks" in plain
    assert "Παπαδόπουλος" in html(made) and "question marks" not in text_of(pdf.pdf(report()))


def test_without_reportlab_a_pdf_is_refused_before_the_work(monkeypatch):
    monkeypatch.setattr(pdf, "find_spec", lambda name: None)
    reports.Reports("html").check()
    with pytest.raises(InputError, match="--format html"):
        reports.Reports("pdf").check()


def test_a_bulls_eye_has_the_septum_left_and_the_anterior_wall_on_top():
    values = {number: 4.0 for number in range(1, 17)} | {1: 14.0, 9: None}
    picture = np.asarray(raster(bullseye(values, "Wall", "mm", (4, 14)), LIGHT)).astype(int)

    def color(x, y):
        return tuple(picture[y, x])

    assert color(150, 37) == (33, 102, 172)  # basal anterior, the largest value
    assert color(72, 190) == (225, 225, 225)  # mid inferoseptal, on the left and below: not reported
    assert color(228, 190) == (247, 251, 255) == color(72, 130)


def test_study_and_patient_come_from_the_dicom_header(tmp_path):
    import pydicom
    from pydicom.data import get_testdata_file

    data = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
    data.PatientName, data.StudyDate, data.SeriesDescription = "Jones^Ada", "20260131", "  SAX  cine "
    path = tmp_path / "slice"
    data.save_as(path)
    found = dict(study_of([path]))

    assert found["Patient"] == "Jones Ada" and found["Study date"] == "2026-01-31" and found["Series"] == "SAX cine"
    (tmp_path / "broken").write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 40)
    assert study_of([tmp_path / "broken"]) == [] == study_of([tmp_path / "missing"]) == study_of([])


def test_no_segment_is_shown_where_the_wall_cannot_be_divided():
    gap = [labels.copy() for labels in LABELS]
    gap[0][4] = 0
    regional = regional_function(gap[0], gap[1], GRID, MODEL)
    cine = {**record()["cine"], "regional": regional.as_dict()}
    made = report(cine=cine, notices=[one.as_dict() for one in regional.notices])

    assert any("slice 5" in notice for notice in made.notices)
    assert all(shape.text in ("-", "n/a") for shape in made.plots[0].shapes[1:] if hasattr(shape, "text"))
