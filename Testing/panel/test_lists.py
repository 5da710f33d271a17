"""Lists of nodes in the panel: Slicer's fall to another node if theirs is deleted, and report it again if renamed."""

import numpy as np
import pytest
from clicks import add_result, structures

GRID = np.diag([-1.5, -1.5, 8.0, 1.0])


def choose(panel, volume):
    panel.ui.inputSelector.setCurrentNode(volume)


@pytest.fixture
def other(desk, panel, heart):
    """Another patient's volume with a result; the heart stays chosen."""
    import slicer

    panel.ui.previewCheckBox.checked = False
    voxels = np.random.default_rng(1).integers(0, 900, (6, 40, 36)).astype(np.int16)
    volume = slicer.util.addVolumeFromArray(voxels, GRID, name="Doe^Jane")
    add_result(volume)
    return volume


def test_without_its_result_a_volume_has_no_output_though_another_patient_has_one(desk, panel, heart, other):
    import slicer

    own = add_result(heart)
    choose(panel, other)
    choose(panel, heart)
    assert panel.panel.parameters.outputSegmentation is own
    slicer.mrmlScene.RemoveNode(own)
    desk.turn(0.05)
    assert panel.panel.parameters.outputSegmentation is None and panel.ui.outputSelector.currentNode() is None
    assert structures(panel) == [] and not panel.ui.editButton.enabled


def test_a_deleted_volume_leaves_none_chosen(desk, panel, heart, other):
    import slicer

    add_result(heart)
    slicer.mrmlScene.RemoveNode(heart)
    desk.turn(0.05)
    assert panel.panel.parameters.inputVolume is None and panel.ui.inputSelector.currentNode() is None
    assert panel.panel.parameters.outputSegmentation is None and not panel.ui.segmentButton.enabled


def test_a_deleted_enhanced_volume_is_made_anew_when_it_is_wanted(desk, panel, heart, other):
    import slicer

    panel.ui.previewCheckBox.checked = True
    panel.ui.strengthSlider.value = 0.7
    first = panel.panel.parameters.enhancedVolume
    slicer.mrmlScene.RemoveNode(first)
    desk.turn(0.05)
    assert panel.panel.parameters.enhancedVolume is None and not panel.panel.enhancement.preview.working
    panel.ui.strengthSlider.value = 0.9
    made = panel.panel.parameters.enhancedVolume
    assert made not in (None, first, heart, other) and "another image" not in panel.ui.statusLabel.text


@pytest.mark.parametrize("segments", ["of another run", "of the user"])
def test_segments_of_another_volume_are_not_joined_without_a_question(desk, panel, heart, other, jobs, segments):
    import slicer

    node = add_result(other) if segments == "of another run" else _drawn(other)
    panel.ui.outputSelector.setCurrentNode(node)
    desk.dialogs.choice = "Keep them and make a new segmentation"
    desk.click(panel.ui.segmentButton)
    ((kind, _text),) = desk.messages
    assert kind == "question" and [job.segmentation_node for job in jobs] == [None]
    panel.panel.segmentation.end(None, "")
    assert slicer.mrmlScene.IsNodePresent(node)


def _drawn(volume):
    import slicer

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "mine")
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    node.GetSegmentation().AddEmptySegment("mine")
    return node


def test_a_renamed_volume_or_result_changes_nothing_else(desk, panel, heart, other):
    own = add_result(heart)
    choose(panel, other)
    choose(panel, heart)
    desk.click(panel.ui.compareButton)
    panel.ui.reviewerEdit.text, panel.ui.commentEdit.text = "Dr. A", "Good."
    panel.ui.statusLabel.text = "of the run"
    heart.SetName("renamed")
    own.SetName("renamed result")
    assert panel.ui.compareButton.checked and panel.ui.statusLabel.text == "of the run"
    assert (panel.ui.reviewerEdit.text, panel.ui.commentEdit.text) == ("Dr. A", "Good.")
    assert panel.panel.parameters.outputSegmentation is own


def test_a_cine_that_names_its_volume_after_the_frame_keeps_what_is_shown(desk, panel, heart):
    from sequences import add_sequence

    from DINSegmentLib import scene

    frames = [np.array(scene.read_volume(heart).array)] * 3
    proxy = add_sequence(frames, scene.read_volume(heart).geometry.ijk_to_ras, (0.0, 30.0, 60.0))
    cine = scene.find_cine(proxy)
    cine.browser.SetOverwriteProxyName(cine.sequence, True)
    choose(panel, proxy)
    desk.click(panel.ui.compareButton)
    name = proxy.GetName()
    cine.go_to(2)
    desk.turn(0.05)
    assert proxy.GetName() != name and panel.ui.compareButton.checked
