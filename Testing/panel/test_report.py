"""Save report, with the real worker and the bundled weights."""

import io
import re
import sys
from types import ModuleType

import numpy as np
import pytest
from clicks import run
from pypdf import PdfReader

from DINSegmentLib.notices import Notice
from DINSegmentLib.scene.node_attributes import LABELS


@pytest.fixture
def save(desk, panel, monkeypatch):
    """Click Save report and choose a file; None: the dialog is canceled."""
    import qt

    def click(path):
        chosen = "" if path is None else str(path)
        monkeypatch.setattr(qt.QFileDialog, "getSaveFileName", staticmethod(lambda *_: chosen))
        desk.unfold(panel.ui.reportGroup)
        desk.click(panel.ui.reportButton)
        return panel.ui.statusLabel.text

    return click


def text_of(path):
    (page,) = PdfReader(io.BytesIO(path.read_bytes())).pages
    return " ".join(page.extract_text().split())


@pytest.fixture
def cine(desk, panel, heart):
    """Two frames: the phantom's end-diastole, and the same with a smaller cavity, from labels and not from a run."""
    import slicer
    from sequences import add_sequence

    from DINSegmentLib import scene

    volume = scene.read_volume(heart)
    proxy = add_sequence([np.array(volume.array)] * 2, volume.geometry.ijk_to_ras, (0.0, 300.0))
    slicer.mrmlScene.RemoveNode(heart)
    panel.ui.previewCheckBox.checked = False
    panel.ui.inputSelector.setCurrentNode(proxy)
    return scene.find_cine(proxy)


@pytest.fixture
def result(desk, panel, cine, repository):
    """The phantom's labels at end-diastole and at end-systole, as a run leaves them."""
    import SimpleITK as sitk

    from DINSegmentLib import scene
    from DINSegmentLib.model import find_model

    model, folder = find_model("cardiac-mr"), repository / "Resources" / "SampleData"
    labels = [
        sitk.GetArrayFromImage(sitk.ReadImage(str(folder / f"cardiac_phantom_{one}_label.nrrd")))
        for one in ("ED", "ES")
    ]
    node = scene.write_cine(np.stack(labels), cine, model.labels)
    made_by = {"model": model.id, "version": "7.5", "weights_sha256": "ab" * 32}
    scene.note(node, scene.RUN, {**made_by, "review": []})
    panel.ui.outputSelector.setCurrentNode(node)
    desk.turn(0.05)
    return node


def test_a_report_is_saved_as_html_and_as_pdf(panel, result, save, tmp_path):
    panel.ui.heightSpinBox.value, panel.ui.weightSpinBox.value = 180, 80
    assert save(tmp_path / "Herz bericht") == "The report was saved."
    assert save(tmp_path / "report.pdf") == "The report was saved."

    page, plain = (tmp_path / "Herz bericht.html").read_text(encoding="utf-8"), text_of(tmp_path / "report.pdf")
    shown = panel.ui.functionTable
    figures = {shown.item(row, 0).text(): shown.item(row, 1).text() for row in range(shown.rowCount)}
    for name, unit in (("LV EDV", "ml"), ("LV mass", "g")):
        value = figures[f"{name} ({unit})"]
        assert f"{name} {value} " in plain and f">{value} " in page
    fraction = re.search(r"LV ejection fraction.*?([0-9.]+)%", panel.ui.ejectionLabel.text)[1]
    assert f"LV ejection fraction {fraction}%" in plain and f">{fraction}%" in page
    assert "cardiac-mr 7.5" in plain and "ab" * 32 in page and "Thickening" in plain
    assert "2.00 m\u00b2" in plain and "Reviewed" not in plain and "Reviewed" not in page


def test_the_reviewer_stands_in_the_report_and_goes_with_the_result(desk, panel, result, save, tmp_path):
    panel.ui.reviewerEdit.text, panel.ui.commentEdit.text = "Dr. Ada Jones", "Base corrected."
    save(tmp_path / "report.pdf")
    plain = text_of(tmp_path / "report.pdf")
    assert "Reviewed by Dr. Ada Jones on 20" in plain and "Base corrected." in plain

    panel.ui.outputSelector.setCurrentNode(None)
    desk.turn(0.05)
    assert panel.ui.reviewerEdit.text == panel.ui.commentEdit.text == "" and not panel.ui.reportButton.enabled


def test_an_edit_changes_the_report(desk, panel, result, cine, save, tmp_path):
    from DINSegmentLib import scene
    from DINSegmentLib.model import find_model

    save(tmp_path / "before.pdf")
    model = find_model("cardiac-mr")
    labels = scene.read_cine_labels(result, cine, model.labels)
    labels[:, 0] = 0  # somebody empties the most basal slice
    run_of = scene.noted(result, scene.RUN)
    scene.write_cine(labels, cine, model.labels, node=result)
    assert "not a result" in save(tmp_path / "other.pdf") and not (tmp_path / "other.pdf").exists()
    scene.note(result, scene.RUN, run_of)
    save(tmp_path / "after.pdf")
    edv = [float(text_of(tmp_path / name).split("LV EDV ")[1].split()[0]) for name in ("before.pdf", "after.pdf")]
    assert edv[1] < edv[0] - 10


def test_warnings_of_the_run_stand_in_the_report_until_the_labels_are_edited(panel, result, cine):
    from DINSegmentLib import scene
    from DINSegmentLib.model import find_model

    told = [Notice(kind, f"{kind} of the run.").to_json() for kind in ("base", "confidence")]
    run_of = {**scene.noted(result, scene.RUN), "notices": told}
    scene.note(result, scene.RUN, run_of)
    assert {"base of the run.", "confidence of the run."} <= set(panel.panel.report.describe().notices)

    model = find_model("cardiac-mr")
    labels = scene.read_cine_labels(result, cine, model.labels)
    labels[labels == 1] = 0  # somebody erases the right ventricle
    scene.write_cine(labels, cine, model.labels, node=result)
    sum_of_run = scene.noted(result, LABELS)
    scene.note(result, LABELS, {**sum_of_run, "sum": sum_of_run["sum"] + 1})  # as if edited by hand
    scene.note(result, scene.RUN, run_of)
    shown = panel.panel.report.describe().notices
    assert "base of the run." in shown and "confidence of the run." not in shown
    assert any(one.startswith("Right ventricle: not found") for one in shown)


def test_insertions_that_a_person_has_moved_turn_the_segments_of_the_report(panel, result, cine):
    """Anterior and inferior insertion changed: the septum's halves, segments 2 and 3, change their values."""
    from DINSegmentLib import scene
    from DINSegmentLib.measure import Insertion
    from DINSegmentLib.model import find_model
    from DINSegmentLib.panel.heart import measure_heart

    def thickness():
        model = find_model("cardiac-mr")
        regional = measure_heart(result, panel.panel.session.volume, cine, model).regional
        return {number: one.ed_mm for number, one in regional.segments.items()}, regional.insertion

    before, found = thickness()
    plots = panel.panel.report.describe().plots
    scene.note_insertion(result, panel.panel.session.volume, Insertion(found.inferior, found.anterior))
    after, _ = thickness()
    assert panel.panel.report.describe().plots != plots
    assert after[2] == pytest.approx(before[3], abs=0.3) and after[3] == pytest.approx(before[2], abs=0.3)


def test_a_single_volume_has_a_report_of_its_structures(desk, panel, heart, save, tmp_path):
    assert not panel.ui.reportButton.enabled
    run(desk, panel)
    assert save(tmp_path / "report.html") == "The report was saved."
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Left ventricle" in page and "Smith^John" in page and "EDV" not in page


def test_what_cannot_be_saved_leaves_no_file_and_says_why(panel, result, save, tmp_path):
    before = panel.ui.statusLabel.text
    assert save(None) == before
    assert "not saved" in save(tmp_path / "missing" / "file" / ("x" * 300 + ".html"))
    assert list(tmp_path.glob("**/*.html")) == []


def test_a_pdf_lets_slicer_ask_for_reportlab_and_without_it_nothing_is_saved(
    panel, result, save, tmp_path, monkeypatch
):
    asked = []
    packaging = ModuleType("slicer.packaging")

    def declined(requirements, requester):  # as Slicer's raises
        asked.append((str(requirements[0]), requester))
        raise RuntimeError("User declined the installation.")

    packaging.pip_ensure = declined
    monkeypatch.setitem(sys.modules, "slicer.packaging", packaging)
    import slicer

    monkeypatch.setattr(slicer, "packaging", packaging, raising=False)
    from DINSegmentLib.panel import installer

    monkeypatch.setattr(installer.importlib.util, "find_spec", lambda name: None)
    assert "Save it as HTML" in save(tmp_path / "report.pdf")
    assert asked == [("reportlab>=4.0", "DINSegment")] and not (tmp_path / "report.pdf").exists()


@pytest.fixture
def point_list(desk, panel, result):
    """The point list in the scene, or None."""
    import slicer
    from desk import markups

    def find():
        nodes = slicer.util.getNodesByClass("vtkMRMLDisplayableNode")
        return next((node for node in nodes if isinstance(node, markups.PointList)), None)

    with markups.installed():
        panel.panel.insertions.follow(result)
        desk.unfold(panel.ui.reportGroup)
        yield find


def test_the_insertions_are_shown_moved_and_reset(desk, panel, result, cine, point_list):
    from DINSegmentLib import scene

    ui, plots = panel.ui, panel.panel.report.describe().plots
    assert ui.insertionButton.enabled and not ui.insertionResetButton.enabled
    desk.click(ui.insertionButton)
    points = point_list()
    assert points.GetNumberOfControlPoints() == 2 and "Move the two points" in ui.statusLabel.text

    first, other = (list(points.GetNthControlPointPositionWorld(index)) for index in (0, 1))
    points.SetNthControlPointPositionWorld(0, *other)
    points.SetNthControlPointPositionWorld(1, *first)
    assert ui.insertionResetButton.enabled and "Insertions moved" in ui.statusLabel.text
    assert panel.panel.report.describe().plots != plots
    desk.click(ui.insertionButton)
    assert point_list() is None and scene.insertion_of(result, panel.panel.session.volume) is not None

    desk.click(ui.insertionResetButton)
    assert not ui.insertionResetButton.enabled and panel.panel.report.describe().plots == plots


def test_the_insertion_points_leave_with_their_result_and_volume(desk, panel, result, point_list):
    import slicer

    desk.click(panel.ui.insertionButton)
    assert point_list() is not None
    panel.ui.outputSelector.setCurrentNode(None)
    assert point_list() is None and not panel.ui.insertionButton.checked and not panel.ui.insertionButton.enabled

    panel.ui.outputSelector.setCurrentNode(result)
    desk.click(panel.ui.insertionButton)
    assert point_list() is not None
    slicer.mrmlScene.Clear(0)
    desk.turn(0.05)
    assert point_list() is None and not panel.ui.insertionButton.checked


def test_a_slicer_without_markups_says_so_and_its_report_is_whole(panel, result):
    assert not panel.ui.insertionButton.enabled and "lacks the Markups module" in panel.ui.insertionButton.toolTip
    assert panel.panel.report.describe().plots


def test_points_are_refused_for_labels_without_a_heart(desk, panel, result, cine, point_list):
    from DINSegmentLib import scene
    from DINSegmentLib.model import find_model

    model = find_model("cardiac-mr")
    run_of = scene.noted(result, scene.RUN)
    empty = scene.read_cine_labels(result, cine, model.labels) * 0
    scene.write_cine(empty, cine, model.labels, node=result)
    scene.note(result, scene.RUN, run_of)
    desk.click(panel.ui.insertionButton)
    assert point_list() is None and not panel.ui.insertionButton.checked
    assert "No left ventricle is labeled" in panel.ui.statusLabel.text


def test_the_report_of_late_enhancement_has_the_infarct_by_segment_from_the_points(desk, panel, heart, repository):
    from DINSegmentLib import scene
    from DINSegmentLib.measure import regional_function
    from DINSegmentLib.model import find_model, read_manifest
    from DINSegmentLib.phantom import CardiacPhantom, Scar

    model = read_manifest(repository / "Resources" / "Models" / "CardiacLGE")
    panel.panel.session.models[model.id] = model
    grid = scene.read_volume(heart).geometry
    labels = CardiacPhantom(scar=Scar()).frame(0.0)[1][::-1]  # Slicer reads the file's slices in reverse
    node = scene.write_segmentation(labels, heart, model.labels)
    scene.note(node, scene.RUN, {"model": model.id, "version": "0.1", "weights_sha256": "ab" * 32, "review": []})
    panel.ui.outputSelector.setCurrentNode(node)
    desk.turn(0.05)
    without = panel.panel.report.describe()
    assert without.plots == () and any("by segment" in one for one in without.notices)

    of_cine = regional_function(CardiacPhantom().frame(0.0)[1][::-1], None, grid, find_model("cardiac-mr")).insertion
    scene.note_insertion(node, heart, of_cine)
    found = panel.panel.report.describe()
    (plot,) = found.plots
    shown = dict(shape.title.split(": ") for shape in plot.shapes if getattr(shape, "title", ""))
    # half of the wall from 1.5 radians on; the segment reaches from 1.2 to 2.17, see Testing/measure
    assert float(shown["7, mid anterior"].split()[0]) == pytest.approx(50 * 0.67 / 0.97, abs=4)
    assert shown["9, mid inferoseptal"] == "0 %" and "by the points that were placed in Slicer" in " ".join(found.notes)
