"""Show 3D: surfaces are made between events, one step per turn; an interruption leaves no trace."""

import numpy as np
import pytest
from clicks import run

from DINSegmentLib.model import find_model

SURFACE = "Closed surface"


@pytest.fixture
def node(desk, panel, heart):
    """A result of the heart with three structures, which is not in 3-D."""
    import slicer

    from DINSegmentLib import scene

    labels = np.zeros(slicer.util.arrayFromVolume(heart).shape, np.uint8)
    for value in (1, 2, 3):
        labels[2:5, 10 * value : 10 * value + 8, 20:40] = value
    made = scene.write_segmentation(labels, heart, find_model("cardiac-mr").labels)
    panel.ui.outputSelector.setCurrentNode(made)
    return made


@pytest.fixture
def begun(desk, panel, node):
    """The same after the click, with the first surface begun."""
    desk.click(panel.ui.show3DButton)
    assert panel.ui.show3DButton.text == "3D: 0 of 3" and panel.ui.show3DButton.checked
    return node


def test_events_come_between_any_two_surfaces_and_the_button_counts_them(desk, panel, node, monkeypatch):
    from DINSegmentLib import scene

    button, happened = panel.ui.show3DButton, []
    step, turn = scene.SurfaceSteps.step, desk.raise_faults

    def counted(steps):
        before = steps.done
        more = step(steps)
        assert steps.done <= before + 1
        happened.append("step")
        return more

    monkeypatch.setattr(scene.SurfaceSteps, "step", counted)
    monkeypatch.setattr(desk, "raise_faults", lambda: (happened.append(button.text), turn()))
    desk.click(button)
    desk.run_until(lambda: button.text == "Show &3D", 30, "the surfaces")
    assert happened.count("step") == 7  # three surfaces, their normals, and one step that gives them to the node
    assert all(pair != ("step", "step") for pair in zip(happened, happened[1:], strict=False))
    assert [text for text in dict.fromkeys(happened) if text != "step"] == [
        "3D: 0 of 3", "3D: 1 of 3", "3D: 2 of 3", "3D: 3 of 3", "Show &3D",
    ]  # fmt: skip
    assert node.GetSegmentation().ContainsRepresentation(SURFACE) and node.GetDisplayNode().GetVisibility3D()
    assert button.checked


def another_click(desk, panel, node):
    desk.click(panel.ui.show3DButton)


def another_volume(desk, panel, node):
    import slicer

    other = slicer.util.addVolumeFromArray(np.zeros((4, 5, 6), np.int16), name="other")
    panel.ui.inputSelector.setCurrentNode(other)


def another_segmentation(desk, panel, node):
    import slicer

    panel.ui.outputSelector.setCurrentNode(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode"))


def an_edit(desk, panel, node):
    import slicer

    heart = panel.panel.parameters.inputVolume
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(node, "DINSegment_2", heart)
    mask[3] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, "DINSegment_2", heart)


def the_node_removed(desk, panel, node):
    import slicer

    slicer.mrmlScene.RemoveNode(node)


def the_scene_closed(desk, panel, node):
    desk.clear_scene()


@pytest.mark.parametrize(
    "happens", [another_click, another_volume, another_segmentation, an_edit, the_node_removed, the_scene_closed]
)
def test_what_happens_meanwhile_ends_it_and_the_segmentation_has_no_surface(desk, panel, begun, happens):
    shown = begun.GetDisplayNode().GetVisibility3D()
    happens(desk, panel, begun)
    desk.turn(0.1)
    assert not begun.GetSegmentation().ContainsRepresentation(SURFACE)
    if begun.GetDisplayNode() is not None:
        assert begun.GetDisplayNode().GetVisibility3D() == shown
    assert panel.ui.show3DButton.text == "Show &3D" and not panel.ui.show3DButton.checked


def test_after_an_edit_the_panel_says_to_click_again_and_that_click_works(desk, panel, begun):
    from DINSegmentLib.panel import drawing

    an_edit(desk, panel, begun)
    desk.turn(0.1)
    assert "click Show 3D again" in panel.ui.statusLabel.text
    desk.click(panel.ui.show3DButton)
    desk.run_until(lambda: drawing.is_in_3d(begun), 30, "the surfaces")
    assert panel.ui.show3DButton.checked


def test_a_panel_that_is_closed_meanwhile_makes_no_more(desk, begun):
    desk.close_module()
    desk.turn(0.1)
    assert not begun.GetSegmentation().ContainsRepresentation(SURFACE)


def test_a_second_run_brings_what_was_in_3d_back_in_steps(desk, panel, begun, monkeypatch):
    from DINSegmentLib import scene
    from DINSegmentLib.panel import drawing

    desk.run_until(lambda: drawing.is_in_3d(begun), 30, "the surfaces")
    written = []
    write = scene.write_segmentation

    def seen(*values, **named):
        node = write(*values, **named)
        written.append(node.GetSegmentation().ContainsRepresentation(SURFACE))
        return node

    monkeypatch.setattr(scene, "write_segmentation", seen)
    scene.note(begun, scene.RUN, {"model": "cardiac-mr", "review": []})
    run(desk, panel)
    assert written == [False] and panel.panel.parameters.outputSegmentation is begun
    assert panel.ui.show3DButton.checked
    desk.run_until(lambda: drawing.is_in_3d(begun), 30, "the surfaces of the second run")
    assert panel.ui.show3DButton.checked and panel.ui.show3DButton.text == "Show &3D"
