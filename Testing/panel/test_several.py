"""Segment several, with the real worker and the bundled weights."""

import numpy as np
import pytest
import slicer
import slicer.util
from clicks import labels_of

from DINSegmentLib.model import find_model


@pytest.fixture
def volumes(desk, panel, heart):
    """The phantom, its mirror image, one whose voxels are all the same, and one unlike a heart."""
    from DINSegmentLib import scene

    seen = scene.read_volume(heart)
    matrix, array = seen.geometry.ijk_to_ras, np.array(seen.array)
    return {
        "first": heart,
        "second": slicer.util.addVolumeFromArray(array[:, :, ::-1].copy(), matrix, "Second^Patient"),
        "flat": slicer.util.addVolumeFromArray(np.full_like(array, 7), matrix, "Flat"),
        "thin": slicer.util.addVolumeFromArray(array[:2], matrix, "Thin"),
    }


def open_list(desk, panel):
    desk.click(panel.ui.severalButton)
    several = panel.panel.several
    desk.run_until(lambda: "are checked" in several.list.label.text, 30, "the list")
    return several.list


def finish(desk, panel):
    desk.run_until(lambda: not panel.panel.runner.busy and not panel.panel.several.running, 200, "the runs")


def test_the_list_checks_what_suits_the_model_and_says_why_the_rest_does_not(desk, panel, volumes):
    listed = open_list(desk, panel)
    rows = {listed.table.item(row, 0).text(): listed.table.item(row, 2).text() for row in range(listed.table.rowCount)}
    assert set(rows) == {"Smith^John", "Second^Patient", "Flat", "Thin"}
    assert [node for node, _model in listed.checked()] == [volumes["first"], volumes["second"]]
    assert "all voxels" in rows["Flat"].lower() or "constant" in rows["Flat"].lower() or rows["Flat"]
    assert "slices" in rows["Thin"] and rows["Smith^John"] == ""
    desk.click(listed.cancel_button)
    assert panel.panel.several.list is None


def test_one_run_segments_all_and_one_bad_volume_does_not_stop_the_rest(desk, panel, volumes):
    from DINSegmentLib import scene

    model, shown = find_model("cardiac-mr"), []
    progressed = panel.panel.segmentation.progressed
    panel.panel.segmentation.progressed = lambda *at: (shown.append(at), progressed(*at))
    chosen = [(volumes[name], model) for name in ("first", "flat", "second")]
    panel.panel.several.segment(chosen)
    assert panel.ui.segmentButton.text == "Cancel &segmentation" and not panel.ui.severalButton.enabled
    finish(desk, panel)

    first, second = (scene.find_result(volumes[name]) for name in ("first", "second"))
    labels = labels_of(first, volumes["first"], model), labels_of(second, volumes["second"], model)
    assert all(len(np.unique(one)) == 4 for one in labels)
    assert scene.noted(second, scene.RUN)["model"] == "cardiac-mr"
    text = panel.ui.statusLabel.text
    assert "2 of 3 volumes were segmented" in text and "Flat: " in text and scene.find_result(volumes["flat"]) is None
    assert "Flat" not in panel.ui.logTextEdit.plainText and "Second^Patient" not in panel.ui.logTextEdit.plainText
    done = [at for _text, at, _total in shown]
    assert {total for _text, _at, total in shown} == {3000} and done == sorted(done) and done[-1] == 3000
    assert any("Volume 3 of 3, Second^Patient: " in line for line, _at, _total in shown)
    assert panel.panel.parameters.outputSegmentation is first and panel.ui.segmentButton.text == "&Segment"


def test_cancel_stops_all_and_keeps_what_is_done(desk, panel, volumes):
    from DINSegmentLib import scene

    model = find_model("cardiac-mr")
    panel.panel.several.segment([(volumes[name], model) for name in ("first", "second")])
    desk.run_until(lambda: panel.panel.several.running == 2, 100, "the second volume")
    desk.click(panel.ui.segmentButton)
    finish(desk, panel)
    assert scene.find_result(volumes["first"]) is not None and scene.find_result(volumes["second"]) is None
    assert "1 of 2 volumes were segmented" in panel.ui.statusLabel.text
    assert panel.ui.severalButton.enabled


def test_an_edited_result_is_kept_and_an_untouched_one_is_replaced(desk, panel, volumes):
    from DINSegmentLib import scene

    model, volume = find_model("cardiac-mr"), volumes["first"]
    panel.panel.several.segment([(volume, model)])
    finish(desk, panel)
    first = scene.find_result(volume)
    panel.panel.several.segment([(volume, model)])
    finish(desk, panel)
    assert scene.find_result(volume) is first
    identity = first.GetSegmentation().GetNthSegmentID(0)
    array = slicer.util.arrayFromSegmentBinaryLabelmap(first, identity, volume)
    array[:, :, ::3] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(array, first, identity, volume)
    panel.panel.several.segment([(volume, model)])
    finish(desk, panel)
    assert scene.find_result(volume) is not first


def test_a_scene_that_is_closed_ends_all(desk, panel, volumes):
    model = find_model("cardiac-mr")
    panel.panel.several.segment([(volumes[name], model) for name in ("first", "second")])
    desk.clear_scene()
    finish(desk, panel)
    assert slicer.util.getNodesByClass("vtkMRMLSegmentationNode") == []
    assert panel.ui.segmentButton.text == "&Segment"


def test_a_scene_that_is_added_in_another_module_does_not_end_the_runs(desk, panel, volumes, tmp_path):
    from DINSegmentLib import scene

    model = find_model("cardiac-mr")
    panel.panel.several.segment([(volumes[name], model) for name in ("first", "second")])
    panel.exit()
    desk.window.isEntered = False
    slicer.mrmlScene.InvokeEvent(slicer.mrmlScene.EndImportEvent)
    finish(desk, panel)
    assert all(scene.find_result(volumes[name]) is not None for name in ("first", "second"))
    assert panel.ui.segmentButton.text == "&Segment"
