"""The panel never mixes two patients: whatever belongs to a volume appears and disappears with it."""

import csv

import numpy as np
import pytest
from clicks import add_result, structures

from DINSegmentLib.model import find_model

GRID = np.diag([-1.5, -1.5, 8.0, 1.0])


@pytest.fixture
def other(desk, panel, heart):
    """Another patient's volume; the heart stays chosen."""
    import slicer

    voxels = np.random.default_rng(1).integers(0, 900, (6, 40, 36)).astype(np.int16)
    panel.ui.previewCheckBox.checked = False
    return slicer.util.addVolumeFromArray(voxels, GRID, name="Doe^Jane")


@pytest.fixture
def result(desk, panel, heart):
    """An earlier result of the heart: 100 voxels of the left ventricle."""
    return add_result(heart)


def edit(node, volume, value=3, count=700):
    """As Segment Editor does: a structure becomes another number of voxels."""
    import slicer

    voxels = np.zeros(volume.GetImageData().GetDimensions()[::-1], np.uint8)
    voxels[3].ravel()[:count] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(voxels, node, f"DINSegment_{value}", volume)


def composite(desk, name="Red"):
    return desk.application.layouts.sliceWidget(name).mrmlSliceCompositeNode()


def shown(table):
    return [[table.item(row, column).text() for column in range(table.columnCount)] for row in range(table.rowCount)]


def choose(panel, volume):
    panel.ui.inputSelector.setCurrentNode(volume)


def test_the_output_is_the_volumes_own_earlier_result_or_a_new_one(desk, panel, heart, other, result):
    choose(panel, other)
    assert panel.panel.parameters.outputSegmentation is None and panel.ui.outputSelector.currentNode() is None
    choose(panel, heart)
    assert panel.panel.parameters.outputSegmentation is result
    later = add_result(other)
    choose(panel, other)
    assert panel.panel.parameters.outputSegmentation is later and panel.ui.outputSelector.currentNode() is later


def test_a_segmentation_of_the_users_is_not_another_volumes_output(desk, panel, heart, other):
    import slicer

    mine = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "mine")
    panel.ui.outputSelector.setCurrentNode(mine)
    assert panel.panel.parameters.outputSegmentation is mine
    choose(panel, other)
    assert panel.panel.parameters.outputSegmentation is None
    choose(panel, heart)
    assert panel.panel.parameters.outputSegmentation is None


def test_tables_review_list_and_words_are_those_of_the_chosen_volume(desk, panel, heart, other, result):
    choose(panel, other)
    panel.ui.statusLabel.text = "of the other"
    choose(panel, heart)
    assert structures(panel)[2][0] == "Left ventricle" and panel.ui.reviewTable.rowCount == 1
    assert panel.ui.statusLabel.text == "" and panel.ui.exportButton.enabled
    panel.ui.statusLabel.text = "of the heart"
    choose(panel, other)
    assert structures(panel) == [] and panel.ui.reviewTable.rowCount == 0
    assert panel.ui.statusLabel.text == "" and not panel.ui.exportButton.enabled


def test_the_views_show_the_chosen_volume_and_the_fade_ends(desk, panel, heart, other):
    composite(desk).SetBackgroundVolumeID(heart.GetID())
    panel.ui.fadeSlider.value = 0.5
    assert composite(desk).GetForegroundOpacity() == 0.5
    choose(panel, other)
    for name in ("Red", "Green", "Yellow"):
        assert composite(desk, name).GetBackgroundVolumeID() == other.GetID()
        assert composite(desk, name).GetForegroundVolumeID() is None
    assert panel.ui.fadeSlider.value == 0


def test_an_enhanced_volume_of_another_patient_leaves_the_views(desk, panel, heart, other):
    panel.ui.previewCheckBox.checked = True
    panel.ui.strengthSlider.value = 0.7
    composite(desk).SetForegroundVolumeID(panel.panel.parameters.enhancedVolume.GetID())
    choose(panel, other)
    assert composite(desk).GetForegroundVolumeID() is None


def test_compare_ends_with_its_volume(desk, panel, heart, other):
    before = desk.application.layouts.layout
    desk.click(panel.ui.compareButton)
    choose(panel, other)
    assert not panel.ui.compareButton.checked and desk.application.layouts.layout == before
    assert composite(desk).GetBackgroundVolumeID() == other.GetID()


def test_a_map_is_laid_over_its_own_volume_only(desk, panel, heart, other):
    from DINSegmentLib import scene

    composite(desk).SetBackgroundVolumeID(heart.GetID())
    made = scene.write_confidence(np.full(heart.GetImageData().GetDimensions()[::-1], 50, np.uint8), heart)
    choose(panel, None)
    choose(panel, heart)
    assert panel.ui.confidenceButton.checked and composite(desk).GetForegroundVolumeID() == made.GetID()
    choose(panel, other)
    assert not panel.ui.confidenceButton.checked and composite(desk).GetForegroundVolumeID() is None
    choose(panel, heart)
    assert panel.ui.confidenceButton.checked and composite(desk).GetForegroundVolumeID() == made.GetID()


def test_in_a_cine_the_enhanced_volume_follows_the_frame(desk, panel, heart):
    import slicer
    from sequences import add_sequence

    from DINSegmentLib import scene
    from DINSegmentLib.engine.parameters import Parameters
    from DINSegmentLib.engine.preprocessing import enhance_volume
    from DINSegmentLib.model import Enhancement

    volume = scene.read_volume(heart)
    frames = [np.array(volume.array), np.array(volume.array[:, ::-1]) // 2]
    proxy = add_sequence(frames, volume.geometry.ijk_to_ras)
    choose(panel, proxy)
    desk.click(panel.ui.compareButton)
    desk.run_until(lambda: not panel.panel.enhancement.preview.working, 60, "the first frame")
    scene.find_cine(proxy).go_to(1)
    desk.turn(0.05)
    desk.run_until(lambda: not panel.panel.enhancement.preview.working, 60, "the second frame")
    model = panel.panel.session.model
    wanted = enhance_volume(frames[1], volume.geometry, model, Parameters(enhancement=Enhancement("log", 1.0)))
    assert np.array_equal(slicer.util.arrayFromVolume(panel.panel.parameters.enhancedVolume), wanted)


def test_numbers_and_the_exported_file_follow_an_edit(desk, panel, heart, other, result, tmp_path, monkeypatch):
    import qt

    choose(panel, other)
    choose(panel, heart)
    voxel = abs(np.prod(heart.GetSpacing())) / 1000
    assert structures(panel)[2][1] == f"{100 * voxel:.1f}"
    edit(result, heart)
    assert structures(panel)[2][1] == "…" and not panel.ui.exportButton.enabled  # old numbers
    desk.run_until(lambda: structures(panel)[2][1] != "…", 60, "the new numbers")
    assert structures(panel)[2][1] == f"{700 * voxel:.1f}" and panel.ui.exportButton.enabled
    path = tmp_path / "volumes.csv"
    monkeypatch.setattr(qt.QFileDialog, "getSaveFileName", staticmethod(lambda *_: str(path)))
    desk.click(panel.ui.exportButton)
    rows = list(csv.reader(path.open(encoding="utf-8", newline="")))
    assert rows[0] == ["Structure", "Volume (ml)", "Mean intensity"] and rows[3][1] == f"{700 * voxel:.1f}"


def test_cardiac_function_follows_an_edit_of_a_frame(desk, panel, heart):
    from sequences import add_sequence

    from DINSegmentLib import scene

    volume = scene.read_volume(heart)
    proxy = add_sequence([np.array(volume.array)] * 2, volume.geometry.ijk_to_ras, (0.0, 400.0))
    labels = np.zeros((2, *volume.array.shape), np.uint8)
    labels[0, 2].ravel()[:200], labels[1, 2].ravel()[:100] = 3, 3
    node = scene.write_cine(labels, scene.find_cine(proxy), find_model("cardiac-mr").labels)
    scene.note(node, scene.RUN, {"model": "cardiac-mr", "review": []})
    choose(panel, proxy)
    voxel = volume.geometry.voxel_volume / 1000
    assert [row[2] for row in shown(panel.ui.framesTable)] == [f"{200 * voxel:.1f}", f"{100 * voxel:.1f}"]
    scene.find_cine(proxy).go_to(1)
    desk.turn(0.05)
    assert panel.ui.framesTable.enabled  # another frame is not an edit
    edit(node, proxy, count=50)
    assert not panel.ui.functionTable.enabled
    desk.run_until(lambda: panel.ui.functionTable.enabled, 60, "the new numbers")
    assert [row[2] for row in shown(panel.ui.framesTable)] == [f"{200 * voxel:.1f}", f"{50 * voxel:.1f}"]
    scene.find_cine(proxy).go_to(0)
    scene.find_cine(proxy).go_to(1)
    assert scene.read_cine_labels(node, scene.find_cine(proxy), find_model("cardiac-mr").labels)[1].sum() == 3 * 50


@pytest.mark.parametrize(
    ("answer", "output"), [("Replace them", "same"), ("Keep them and make a new segmentation", "new"), ("", "none")]
)
def test_a_second_run_over_edited_segments_asks_first(desk, panel, heart, other, result, jobs, answer, output):
    choose(panel, other)
    choose(panel, heart)
    edit(result, heart)
    desk.dialogs.choice = answer
    desk.click(panel.ui.segmentButton)
    assert [kind for kind, _ in desk.messages] == ["question"]
    assert [job.segmentation_node for job in jobs] == {"same": [result], "new": [None], "none": []}[output]
    panel.panel.segmentation.end(None, "")


def test_a_result_of_another_volume_is_not_replaced_without_a_question(desk, panel, heart, other, result, jobs):
    choose(panel, other)
    panel.ui.outputSelector.setCurrentNode(result)
    desk.dialogs.choice = "Keep them and make a new segmentation"
    desk.click(panel.ui.segmentButton)
    ((kind, text),) = desk.messages
    assert kind == "question" and "not made from the chosen volume" in text
    assert [job.segmentation_node for job in jobs] == [None]
    panel.panel.segmentation.end(None, "")


def test_segments_that_nobody_edited_are_replaced_without_a_question(desk, panel, heart, other, result, jobs, tmp_path):
    import slicer

    choose(panel, other)
    choose(panel, heart)
    desk.click(panel.ui.segmentButton)
    assert desk.messages == [] and [job.segmentation_node for job in jobs] == [result]
    panel.panel.segmentation.end(None, "")
    desk.save_scene(tmp_path / "scene.mrb")
    desk.load_scene(tmp_path / "scene.mrb")
    desk.click(panel.ui.segmentButton)
    assert desk.messages == [] and jobs[1].segmentation_node is slicer.util.getNode(result.GetName())
    panel.panel.segmentation.end(None, "")


def test_the_compare_button_follows_a_layout_that_the_user_chooses(desk, panel, heart):
    from DINSegmentLib import scene

    result = add_result(heart)
    panel.ui.outputSelector.setCurrentNode(result)
    desk.click(panel.ui.compareButton)
    layouts = desk.application.layouts
    layouts.setLayout(layouts.node.SlicerLayoutConventionalView)
    assert not panel.ui.compareButton.checked
    assert layouts.layout == layouts.node.SlicerLayoutConventionalView
    assert not result.GetNthDisplayNode(1).GetVisibility() and scene.noted(result, scene.RUN)


def test_a_model_chosen_by_hand_holds_for_that_volume_only(desk, panel, heart, other):
    ui = panel.ui
    suits = panel.panel.session.model.id
    ui.modelSelector.currentIndex = ui.modelSelector.findData("abdomen-ct")
    choose(panel, other)
    assert panel.panel.session.model.id == suits and panel.panel.parameters.modelId == ""
    choose(panel, heart)
    assert ui.modelSelector.currentData == "abdomen-ct" and panel.panel.parameters.modelId == "abdomen-ct"


def test_a_run_that_ends_when_another_volume_is_chosen_shows_nothing_of_it(desk, panel, heart, other, jobs):
    desk.click(panel.ui.segmentButton)
    choose(panel, other)
    late = add_result(heart)
    panel.panel.segmentation.over(late, None, "Done.", {"review": [], "statistics": []})
    assert panel.panel.parameters.outputSegmentation is None and structures(panel) == []
    assert "Choose that volume" in panel.ui.statusLabel.text
    choose(panel, heart)
    assert panel.panel.parameters.outputSegmentation is late


def test_a_volume_that_was_loaded_in_another_module_is_chosen_on_coming_back(desk, panel):
    import slicer

    panel.exit()
    volume = slicer.util.addVolumeFromArray(np.zeros((4, 5, 6), np.int16), GRID, name="loaded")
    assert panel.ui.inputSelector.currentNode() is None
    panel.enter()
    assert panel.panel.parameters.inputVolume is volume


def test_our_own_volumes_are_never_the_input(desk, panel, heart):
    import slicer

    panel.ui.strengthSlider.value = 0.7
    enhanced = panel.panel.parameters.enhancedVolume
    choose(panel, enhanced)
    assert panel.panel.parameters.inputVolume is None and "Choose the original" in panel.ui.statusLabel.text
    choose(panel, heart)
    slicer.mrmlScene.RemoveNode(heart)
    desk.turn(0.05)
    assert panel.panel.parameters.inputVolume is None
    panel.exit()
    panel.enter()
    assert panel.panel.parameters.inputVolume is None


def test_a_scene_that_was_saved_while_comparing_opens_with_views_where_the_module_is_not_known(
    desk, panel, heart, tmp_path
):
    import zipfile

    import slicer

    desk.click(panel.ui.compareButton)
    desk.save_scene(tmp_path / "scene.mrb")
    with zipfile.ZipFile(tmp_path / "scene.mrb") as archive:
        (name,) = [one for one in archive.namelist() if one.endswith(".mrml")]
        assert 'currentViewArrangement="7701"' not in archive.read(name).decode()
    desk.click(panel.ui.compareButton)
    assert slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLLayoutNode").GetSaveWithScene()
