"""Maps over the volume, with the real worker and the bundled weights."""

import numpy as np
import pytest
from clicks import run
from greek import english, greek

from DINSegmentLib.engine.attribution import attribution_map
from DINSegmentLib.engine.parameters import Parameters
from DINSegmentLib.engine.segmenter import Segmenter
from DINSegmentLib.model import Enhancement, find_model

# turned by 37 degrees, 1.4 x 1.5 x 10 mm
MATRIX = np.array([[0, 1.2, 6.0, -30], [1.4, 0, 0, -7], [0, -0.9, 8.0, 5], [0, 0, 0, 1]])


@pytest.fixture
def turned(desk, panel, heart):
    """Half of the phantom, turned, under a transform, in the red view."""
    import slicer

    node = slicer.util.addVolumeFromArray(slicer.util.arrayFromVolume(heart)[2:7].copy(), MATRIX, name="Doe^Jane")
    parent = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    parent.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(np.diag([-1.0, -1, 1, 1])))
    node.SetAndObserveTransformNodeID(parent.GetID())
    panel.ui.previewCheckBox.checked = False
    panel.ui.inputSelector.setCurrentNode(node)
    slicer.app.layoutManager().sliceWidget("Red").mrmlSliceCompositeNode().SetBackgroundVolumeID(node.GetID())
    run(desk, panel)
    return node


def press(desk, panel, button):
    desk.click(button)
    desk.run_until(lambda: not panel.panel.runner.busy, 60, "the map")


def red():
    import slicer

    return slicer.app.layoutManager().sliceWidget("Red").mrmlSliceCompositeNode()


def matrix_of(node):
    import slicer
    import vtk

    found = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(found)
    return slicer.util.arrayFromVTKMatrix(found)


def test_a_click_lays_the_engines_map_voxel_for_voxel_over_the_volume_and_another_takes_it_away(desk, panel, turned):
    import slicer

    from DINSegmentLib import scene

    ui, before = panel.ui, slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLVolumeNode")
    display = panel.panel.parameters.outputSegmentation.GetDisplayNode()
    volume, segmenter = scene.read_volume(turned), Segmenter(find_model("cardiac-mr"), "cpu")
    settings = Parameters(enhancement=Enhancement("log", 1.0), confidence=True)
    sure = segmenter.segment(volume.array, volume.geometry, settings).confidence_map
    decided = attribution_map(segmenter, volume.array, volume.geometry, settings)
    for button, other, expected in (
        (ui.confidenceButton, ui.whyButton, sure),
        (ui.whyButton, ui.confidenceButton, decided),
    ):
        press(desk, panel, button)
        node, _ = scene.find_map(turned)
        found = slicer.util.arrayFromVolume(node)
        assert np.array_equal(found, expected) and found.dtype == expected.dtype and np.ptp(found) > 0
        assert np.allclose(matrix_of(node), MATRIX) and node.GetTransformNodeID() == turned.GetTransformNodeID()
        assert red().GetForegroundVolumeID() == node.GetID() and red().GetForegroundOpacity() > 0
        assert button.checked and not other.checked and "Done" in ui.statusLabel.text
        desk.turn(0.1)  # the legend comes with the event loop
        (legend,) = slicer.util.getNodesByClass("vtkMRMLColorLegendDisplayNode")
        assert legend.GetDisplayableNode() is node and desk.application.layouts.view("Red").shows_legend(legend)
        assert not display.GetVisibility2DFill() and not ui.outlineCheckBox.checked
        assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLVolumeNode") == before + 1

    desk.click(ui.compareButton)
    shown = [
        desk.application.layouts.sliceWidget(name).mrmlSliceCompositeNode() for name in ("DINOriginal", "DINResult")
    ]
    assert [one.GetForegroundVolumeID() for one in shown] == [node.GetID()] * 2
    desk.click(ui.compareButton)
    desk.click(ui.whyButton)
    assert scene.find_map(turned) is None and red().GetForegroundVolumeID() is None and not ui.whyButton.checked
    assert display.GetVisibility2DFill()


def test_cancel_and_a_worker_that_dies_leave_the_scene_as_it_was(desk, panel, turned, monkeypatch):
    import slicer

    monkeypatch.setattr("desk.scripted.language", greek)
    ui, runner = panel.ui, panel.panel.runner
    before = slicer.mrmlScene.GetNumberOfNodes()
    for button, end in ((ui.confidenceButton, runner.client._channel.kill), (ui.whyButton, ui.segmentButton.click)):
        desk.click(button)
        assert button.checked and not button.enabled and not ui.inputSelector.enabled
        desk.run_until(lambda: runner.client.state.value == "running" or not runner.busy, 60, "the run")
        end()
        desk.run_until(lambda: not runner.busy, 60, "the end")
        assert not button.checked and button.enabled and ui.inputSelector.enabled
        assert slicer.mrmlScene.GetNumberOfNodes() == before and red().GetForegroundVolumeID() is None
        assert ui.statusLabel.text and english(ui.statusLabel.text) == []


def test_a_map_goes_with_the_voxels_that_it_was_made_of_and_the_buttons_follow_the_volume(desk, panel, heart, turned):
    import slicer

    from DINSegmentLib import scene

    ui = panel.ui
    node = scene.write_confidence(np.zeros(slicer.util.arrayFromVolume(turned).shape), turned)
    panel.enter()
    assert ui.confidenceButton.checked
    ui.inputSelector.setCurrentNode(heart)
    assert not ui.confidenceButton.checked and slicer.mrmlScene.IsNodePresent(node)
    ui.inputSelector.setCurrentNode(turned)
    assert ui.confidenceButton.checked
    slicer.util.arrayFromVolume(turned)[0] += 1
    slicer.util.arrayFromVolumeModified(turned)
    desk.turn(0.05)
    assert not ui.confidenceButton.checked and scene.find_map(turned) is None


def test_the_map_of_a_frame_goes_when_another_frame_is_shown(desk, panel, heart):
    import slicer
    from sequences import add_sequence

    from DINSegmentLib import scene

    array = slicer.util.arrayFromVolume(heart).copy()
    proxy = add_sequence([array, array + 1], MATRIX)
    panel.ui.previewCheckBox.checked = False
    panel.ui.inputSelector.setCurrentNode(proxy)
    scene.write_confidence(np.zeros(array.shape), proxy)
    panel.enter()
    assert panel.ui.confidenceButton.checked
    scene.find_cine(proxy).go_to(1)
    desk.turn(0.05)
    assert not panel.ui.confidenceButton.checked and scene.find_map(proxy) is None
