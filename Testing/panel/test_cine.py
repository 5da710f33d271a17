"""Cines in the panel, with the real worker and the bundled weights."""

import csv
import re

import numpy as np
import pytest
from clicks import labels_of, notices, run
from greek import english, greek

from DINSegmentLib.engine.segmenter import segment
from DINSegmentLib.geometry import Geometry
from DINSegmentLib.measure import CardiacFunction, Ventricle, cardiac_function
from DINSegmentLib.model import find_model
from DINSegmentLib.notices import Notice

TIMES = (0.0, 300.0, 600.0)


def fractions(panel):
    """Name and value of both ejection fractions, as they are shown."""
    found = re.findall(r">([^<>]*)</span><br/><span[^>]*>([^<>]*)</span>", panel.ui.ejectionLabel.text)
    return dict(found)


def table_of(table):
    return [[table.item(row, column).text() for column in range(table.columnCount)] for row in range(table.rowCount)]


def test_a_click_segments_every_frame_and_shows_the_function(desk, panel, cine):
    from DINSegmentLib import scene

    run(desk, panel)
    ui, node, model = panel.ui, panel.panel.parameters.outputSegmentation, find_model("cardiac-mr")
    frames, geometry = scene.read_frames(cine)
    expected = np.stack([segment(frame, geometry, model, None, "cpu").labels for frame in frames])
    assert np.array_equal(scene.read_cine_labels(node, cine, model.labels), expected)
    figures = cardiac_function(expected, geometry, model, TIMES)
    shown = {row[0]: row[1] for row in table_of(ui.functionTable)}
    assert shown["LV EDV (ml)"] == f"{figures.lv.edv_ml:.1f}"
    assert fractions(panel) == {
        f"{side} ejection fraction": "not reported" if one.ef_percent is None else f"{one.ef_percent:.1f}%"
        for side, one in (("LV", figures.lv), ("RV", figures.rv))
    }
    low, high = figures.lv.ef_range_percent
    assert f"{low:.0f} to {high:.0f}%" in ui.ejectionLabel.text
    assert ui.ejectionLabel.pos.y() < ui.functionTable.pos.y() < ui.framesGroup.pos.y() and ui.framesGroup.collapsed
    assert ui.functionGroup.pos.y() < ui.resultGroup.pos.y()
    assert [row[2] for row in table_of(ui.framesTable)] == [f"{ml:.1f}" for ml in figures.lv_ml]
    assert [row[1] for row in table_of(ui.framesTable)] == ["0.0", "300.0", "600.0"]
    assert ui.functionGroup.visible and ui.framesTable.item(figures.ed_frame, 5).text() == "end-diastole"
    logic = panel.logic.function(node, cine.proxy, "cardiac-mr")
    assert logic == figures


def test_abroad_nothing_of_the_function_is_english(desk, panel, cine, monkeypatch):
    from DINSegmentLib import scene

    monkeypatch.setattr("desk.scripted.language", greek)
    run(desk, panel)
    ui = panel.ui
    assert english(" ".join(row[0] for row in table_of(ui.functionTable))) == []
    assert english(" ".join([*notices(ui.functionNotices), ui.statusLabel.text, *fractions(panel)])) == []
    assert notices(ui.functionNotices)
    chart = scene.curve_chart(panel.panel.parameters.outputSegmentation)
    series = [chart.GetNthPlotSeriesNode(index).GetName() for index in range(chart.GetNumberOfPlotSeriesNodes())]
    titles = " ".join([chart.GetTitle(), chart.GetXAxisTitle(), chart.GetYAxisTitle(), *series])
    assert titles and english(titles) == []


# 120 ml at end-diastole, 40 ml at end-systole
MEASURED = CardiacFunction(
    lv_ml=(120.0, 40.0, 70.0), rv_ml=(None, None, None), myocardium_ml=(None, None, None), times_ms=None, ed_frame=0,
    es_frame=1, lv=Ventricle(120.0, 40.0, 80.0, 200 / 3), rv=Ventricle(), mass_g=90.0, mass_frame=0, heart_rate=None,
    cardiac_output_l_min=None, bsa_m2=None, notices=(),
)  # fmt: skip


def test_heart_rate_height_and_weight_give_output_and_figures_by_body_surface(desk, panel, cine):
    ui = panel.ui
    panel.panel.function.show(cine, MEASURED)

    def shown():
        return {row[0]: [row[1], *row[3:]] for row in table_of(ui.functionTable) if "RV" not in row[0]}

    assert shown() == {
        "LV EDV (ml)": ["120.0"], "LV ESV (ml)": ["40.0"], "LV stroke volume (ml)": ["80.0"], "LV mass (g)": ["90.0"],
    }  # fmt: skip
    assert fractions(panel) == {"LV ejection fraction": "66.7%", "RV ejection fraction": "not reported"}
    ui.heartRateSpinBox.value = 60
    assert shown()["Cardiac output (L/min)"] == ["4.8"]  # 80 ml x 60
    ui.heightSpinBox.value = 180
    assert "need both height and weight" in ui.personLabel.text
    ui.weightSpinBox.value = 80
    assert not ui.personLabel.visible
    assert shown() == {  # by a body surface of 2.0 square meters, the root of 180 x 80 / 3600
        "LV EDV (ml)": ["120.0", "60.0"], "LV ESV (ml)": ["40.0", "20.0"], "LV stroke volume (ml)": ["80.0", "40.0"],
        "LV mass (g)": ["90.0", "45.0"], "Cardiac output (L/min)": ["4.8", "2.4"],
    }  # fmt: skip
    assert "2.00 m²" in ui.functionTable.horizontalHeaderItem(3).toolTip()
    ui.heartRateSpinBox.value = 7
    assert "out of range" in ui.personLabel.text and "Cardiac output (L/min)" not in shown()
    for box, text in (
        (ui.heartRateSpinBox, "Heart rate"), (ui.heightSpinBox, "Height"), (ui.weightSpinBox, "Weight"),
    ):  # fmt: skip
        box.value = 0
        assert box.text == text
    assert len(shown()) == 4


def add_result(cine):
    """A result as a run leaves it: a left ventricle that loses a third, and one slice to review."""
    from DINSegmentLib import scene

    labels = np.zeros((3, *scene.read_volume(cine.proxy).array.shape), np.uint8)
    labels[:, 2:7, 100:130, 100:130] = 3
    labels[1, 2:7, 100:120, 100:130] = 0
    node = scene.write_cine(labels, cine, find_model("cardiac-mr").labels)
    doubt = {"slice": 3, "axis": 0, "structure": "Left ventricle", "expected_errors": 20.4, "text": "Look.", "frame": 1}
    scene.note(node, scene.RUN, {"model": "cardiac-mr", "review": [doubt]})
    return node


def test_heart_rate_height_weight_and_figures_are_never_shown_with_another_volume(desk, panel, cine):
    import slicer
    from sequences import add_sequence

    from DINSegmentLib import scene

    ui = panel.ui
    ui.outputSelector.setCurrentNode(add_result(cine))
    boxes = ui.heartRateSpinBox, ui.heightSpinBox, ui.weightSpinBox
    for box, value in zip(boxes, (60, 180, 80), strict=True):
        box.value = value
    tables = ui.functionTable, ui.framesTable, ui.reviewTable
    mine = [table_of(table) for table in tables]
    assert ["Cardiac output (L/min)"] == [row[0] for row in mine[0] if "L/min" in row[0]] and all(mine)

    assert not ui.smoothCheckBox.enabled  # surfaces are of a single volume

    frames, geometry = scene.read_frames(cine)
    for other in (add_sequence(frames, geometry.ijk_to_ras), slicer.util.addVolumeFromArray(frames[0], name="Roe^Jim")):
        ui.inputSelector.setCurrentNode(other)
        assert [box.text for box in boxes] == ["Heart rate", "Height", "Weight"] and not any(
            table_of(table) for table in tables
        )
    assert ui.smoothCheckBox.enabled
    ui.heartRateSpinBox.value = 90
    cine.go_to(2)
    ui.inputSelector.setCurrentNode(cine.proxy)
    assert [box.value for box in boxes] == [60, 180, 80] and [table_of(table) for table in tables] == mine


def test_what_dicom_headers_tell_of_the_person_is_filled_in_and_said(desk, panel, cine, write_series, monkeypatch):
    from types import SimpleNamespace

    import pydicom
    import slicer

    ui, files = panel.ui, {}
    for number, path in enumerate(sorted(write_series("cine").iterdir())):
        data = pydicom.dcmread(path)
        data.HeartRate, data.PatientSize, data.PatientWeight = 59 + number, "1.8", "7500"  # it is in grams
        data.save_as(path)
        files[data.SOPInstanceUID] = str(path)
    database = SimpleNamespace(fileForInstance=lambda uid: files.get(uid, ""))
    monkeypatch.setattr(slicer, "dicomDatabase", database, raising=False)
    cine.nodes[0].SetAttribute("DICOM.instanceUIDs", " ".join([*files, "1.2.3"]))
    ui.inputSelector.setCurrentNode(None)
    ui.inputSelector.setCurrentNode(cine.proxy)
    assert (ui.heartRateSpinBox.text, ui.heightSpinBox.value, ui.weightSpinBox.value) == ("62 bpm", 180, 0)
    assert ui.personLabel.text.endswith(": heart rate, height.")
    assert "weight in the DICOM header is out of range" in ui.statusLabel.text

    panel.panel.function.show(cine, MEASURED)
    rows = {row[0]: row[1] for row in table_of(ui.functionTable)}
    assert (
        rows["Cardiac output (L/min)"] == "4.9"
    )  # 80 ml x 61.5, the median; by the rounded rate that is shown it were 5.0
    ui.weightSpinBox.value = 80
    assert ui.functionTable.columnCount == 4  # indexed to body surface area
    ui.heightSpinBox.value = 170
    assert ui.personLabel.text.endswith(": heart rate.")
    files.clear()
    ui.inputSelector.setCurrentNode(None)
    assert not ui.personLabel.visible
    ui.inputSelector.setCurrentNode(cine.proxy)  # it stays with the volume
    assert (ui.heightSpinBox.value, ui.weightSpinBox.value) == (170, 80) and "rate" in ui.personLabel.text


def test_a_click_on_a_frame_goes_there(desk, panel, cine):
    from DINSegmentLib import scene

    run(desk, panel)
    model, node = find_model("cardiac-mr"), panel.panel.parameters.outputSegmentation
    expected = scene.read_cine_labels(node, cine, model.labels)
    for row in (2, 0, 1):
        panel.ui.framesTable.setCurrentCell(row, 0)
        assert cine.browser.GetSelectedItemNumber() == row
        assert np.array_equal(labels_of(node, cine.proxy, model), expected[row])
    cine.go_to(0)
    panel.ui.framesTable.cellClicked.emit(1, 0)  # the row that is current already
    assert cine.browser.GetSelectedItemNumber() == 1


def test_cancel_amid_a_cine_leaves_the_scene_as_it_was(desk, panel, cine):
    import slicer
    from sequences import add_sequence

    from DINSegmentLib import scene

    frames, geometry = scene.read_frames(cine)
    count = 30  # enough batches that one of them is still to come after the first progress
    panel.ui.inputSelector.setCurrentNode(add_sequence(frames * (count // 3), geometry.ijk_to_ras))
    before = slicer.mrmlScene.GetNumberOfNodes()
    desk.click(panel.ui.segmentButton)
    desk.run_until(lambda: panel.ui.progressBar.value > 0, 60, "progress")
    assert panel.ui.progressBar.maximum == count * len(frames[0])
    desk.click(panel.ui.segmentButton)
    desk.run_until(lambda: not panel.panel.runner.busy, 10, "the cancel")
    assert "Canceled" in panel.ui.statusLabel.text and panel.panel.parameters.outputSegmentation is None
    assert slicer.mrmlScene.GetNumberOfNodes() == before and not panel.ui.functionGroup.visible


def test_going_to_another_frame_amid_a_run_does_no_harm(desk, panel, cine):
    desk.click(panel.ui.segmentButton)
    cine.go_to(2)
    desk.run_until(lambda: not panel.panel.runner.busy, 60, "the run")
    assert panel.panel.parameters.outputSegmentation is not None, panel.ui.statusLabel.text
    assert panel.ui.framesTable.rowCount == 3


def test_the_curve_button_shows_the_volumes_in_a_plot_view(desk, panel, cine):
    import slicer

    run(desk, panel)
    desk.click(panel.ui.curveButton)
    chart = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLPlotChartNode")
    selection = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSelectionNode")
    assert selection.GetActivePlotChartID() == chart.GetID()
    columns = chart.GetNthPlotSeriesNode(0).GetTableNode().GetTable()
    shown = [float(row[2]) for row in table_of(panel.ui.framesTable)]
    assert np.allclose([columns.GetColumnByName("lv_ml").GetValue(n) for n in range(3)], shown, atol=0.051)


def export(desk, panel, monkeypatch, path):
    import qt

    monkeypatch.setattr(qt.QFileDialog, "getSaveFileName", lambda *_: str(path))
    desk.click(panel.ui.exportButton)


def test_a_saved_scene_comes_back_with_the_function_its_curve_and_the_slices_to_review(desk, panel, cine, tmp_path):
    import slicer

    from DINSegmentLib import scene

    node = add_result(cine)
    scene.write_curve(panel.logic.function(node, cine.proxy, "cardiac-mr").curve(), node)
    panel.ui.outputSelector.setCurrentNode(node)
    tables = panel.ui.functionTable, panel.ui.framesTable, panel.ui.reviewTable
    figures, frames, review = (table_of(table) for table in tables)
    assert frames[0][2] != frames[1][2] and frames[1][5] == "end-systole"
    desk.save_scene(tmp_path / "scene.mrb")
    desk.clear_scene()
    desk.turn(0.05)
    assert panel.ui.framesTable.rowCount == panel.ui.reviewTable.rowCount == 0 and not panel.ui.functionGroup.visible

    desk.load_scene(tmp_path / "scene.mrb")
    desk.turn(0.05)
    assert [table_of(table) for table in tables] == [figures, frames, review] and len(review) == 1
    assert "No right ventricle was found" in " ".join(notices(panel.ui.functionNotices))  # why values are not reported
    panel.ui.framesTable.setCurrentCell(1, 0)
    assert slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSequenceBrowserNode").GetSelectedItemNumber() == 1
    desk.click(panel.ui.curveButton)
    selection = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSelectionNode")
    assert selection.GetActivePlotChartID() == scene.curve_chart(panel.panel.parameters.outputSegmentation).GetID()


def test_export_writes_the_tables_of_a_cine(desk, panel, cine, tmp_path, monkeypatch):
    run(desk, panel)
    export(desk, panel, monkeypatch, tmp_path / "ärzte bericht.csv")
    written = []
    for name in ("", "-frames"):
        with (tmp_path / f"ärzte bericht{name}.csv").open(encoding="utf-8", newline="") as file:
            written.append(list(csv.reader(file)))
    (headings, *figures), (_, *frames) = written
    assert headings == ["Quantity", "Value", "Unit", "Range, ±1 basal slice"] and frames == table_of(
        panel.ui.framesTable
    )
    shown = {row[0]: row[1:3] for row in table_of(panel.ui.functionTable)}
    assert {f"{name} ({unit})": [value, span] for name, value, unit, span in figures}.items() >= shown.items()
    assert {
        name: "not reported" if value == "-" else f"{value}%" for name, value, unit, _ in figures if unit == "%"
    } == (fractions(panel))
    assert panel.ui.statusLabel.text == "Exported."


def test_a_function_can_be_exported_though_its_cine_is_chosen_no_more(panel, tmp_path):
    labels = np.zeros((2, 3, 4, 4), np.uint8)
    found = cardiac_function(labels, Geometry((3, 4, 4), np.diag([1.0, 1, 8, 1])), find_model("cardiac-mr"))
    panel.panel.function.show(None, found)
    headings, frames = panel.panel.function.tables(tmp_path / "volumes.csv")[tmp_path / "volumes-frames.csv"]
    assert headings[2].full == "LV (ml)" and len(frames) == 2
    assert [list(row) for row in frames] == table_of(panel.ui.framesTable)


def test_frames_of_different_grids_are_told_and_nothing_is_run(desk, panel, cine):
    cine.nodes[1].SetOrigin(0, 0, 0)
    desk.click(panel.ui.segmentButton)
    assert "Frame 2" in panel.ui.statusLabel.text and not panel.panel.runner.busy
    assert panel.ui.segmentButton.text == "&Segment"


def test_segment_sequence_needs_no_panel_and_refuses_a_lonely_volume(desk, panel, cine):
    import slicer

    from DINSegmentLib import scene
    from DINSegmentLib.errors import InputError

    model = find_model("cardiac-mr")
    node = panel.logic.segmentSequence(cine.proxy, modelId=model.id, device="cpu")
    labels = scene.read_cine_labels(node, cine, model.labels)
    assert labels.shape[0] == 3 and all(frame.any() for frame in labels)
    with pytest.raises(InputError, match="not the volume of a sequence"):
        panel.logic.segmentSequence(slicer.util.addVolumeFromArray(np.zeros((9, 8, 7), np.int16), name="lonely"))


def test_what_is_noted_with_a_cine_leaves_its_voxels_and_maps_alone(desk, panel, cine):
    from DINSegmentLib import scene

    shape = cine.proxy.GetImageData().GetDimensions()[::-1]
    scene.write_confidence(np.full(shape, 50, np.uint8), cine.proxy)
    before = scene.voxel_state(cine.proxy)
    panel.ui.heightSpinBox.value = 180
    cine.browser.SetPlaybackRateFps(7)
    desk.turn(0.1)
    assert scene.noted(cine.proxy, scene.PERSON)["height"] == 180
    assert scene.find_map(cine.proxy) is not None and scene.voxel_state(cine.proxy) == before
    cine.go_to(1)
    desk.turn(0.1)
    assert scene.find_map(cine.proxy) is None and scene.voxel_state(cine.proxy) != before


def test_structures_of_an_edited_cine_are_checked_at_end_diastole(desk, panel, cine):
    import slicer

    from DINSegmentLib import scene

    node = add_result(cine)
    run_of = scene.noted(node, scene.RUN)
    told = [Notice(kind, f"{kind} of the run.").to_json() for kind in ("base", "confidence")]
    scene.note(node, scene.RUN, {**run_of, "notices": told})
    panel.ui.outputSelector.setCurrentNode(node)
    assert {"Warning: base of the run.", "Warning: confidence of the run."} <= set(notices(panel.ui.functionNotices))
    voxels = np.zeros(cine.proxy.GetImageData().GetDimensions()[::-1], np.uint8)
    slicer.util.updateSegmentBinaryLabelmapFromArray(voxels, node, "DINSegment_3", cine.proxy)
    desk.run_until(lambda: any("Right ventricle: not" in one for one in notices(panel.ui.functionNotices)), 60, "flags")
    shown = notices(panel.ui.functionNotices)
    assert "Warning: base of the run." in shown and "Warning: confidence of the run." not in shown
