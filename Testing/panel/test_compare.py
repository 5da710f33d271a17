"""Comparison of original and enhanced volume from the panel."""

import pytest


def test_compare_shows_both_side_by_side_and_a_second_click_brings_the_layout_back(desk, panel, heart):
    layouts = desk.application.layouts
    layouts.setLayout(layouts.node.SlicerLayoutOneUpRedSliceView)
    desk.click(panel.ui.compareButton)
    views = {name: layouts.sliceWidget(name) for name in layouts.sliceViewNames()}
    assert list(views) == ["DINOriginal", "DINEnhanced", "DINResult"]
    shown = [views[name].mrmlSliceCompositeNode().GetBackgroundVolumeID() for name in views]
    assert shown == [heart.GetID(), panel.panel.parameters.enhancedVolume.GetID(), heart.GetID()]
    desk.click(panel.ui.compareButton)
    assert layouts.layout == layouts.node.SlicerLayoutOneUpRedSliceView


def test_fade_mixes_in_the_users_views_and_ends_without_a_trace(desk, panel, heart):
    composite = desk.application.layouts.sliceWidget("Red").mrmlSliceCompositeNode()
    composite.SetBackgroundVolumeID(heart.GetID())
    panel.ui.fadeSlider.value = 0.25
    enhanced = panel.panel.parameters.enhancedVolume
    assert (composite.GetForegroundVolumeID(), composite.GetForegroundOpacity()) == (enhanced.GetID(), 0.25)
    panel.ui.fadeSlider.value = 0
    assert composite.GetForegroundVolumeID() is None and composite.GetBackgroundVolumeID() == heart.GetID()


def test_compare_that_cannot_be_shown_is_told_and_nothing_is_left(desk, panel, heart):
    import slicer
    import vtk

    bent = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode")
    bent.SetAndObserveTransformToParent(vtk.vtkThinPlateSplineTransform())
    heart.SetAndObserveTransformNodeID(bent.GetID())
    before = desk.application.layouts.layout
    desk.click(panel.ui.compareButton)
    assert not panel.ui.compareButton.checked and desk.application.layouts.layout == before
    assert "transform" in panel.ui.statusLabel.text


def test_reload_while_comparing_gives_the_layout_back(desk, panel, heart):
    layouts = desk.application.layouts
    before = layouts.layout
    desk.click(panel.ui.compareButton)
    panel.cleanup()
    assert layouts.layout == before


def test_leaving_the_module_gives_the_views_back(desk, panel, heart):
    layouts = desk.application.layouts
    before = layouts.layout
    desk.click(panel.ui.compareButton)
    panel.exit()
    assert layouts.layout == before and not panel.ui.compareButton.checked


def test_the_first_compare_shows_all_of_the_slice(desk, panel, heart):
    """Views of a new layout get their real size only when the event loop runs."""
    import numpy as np

    desk.click(panel.ui.compareButton)
    desk.turn(0.05)
    spacing, voxels = np.array(heart.GetSpacing()), np.array(heart.GetImageData().GetDimensions())
    for name in desk.application.layouts.sliceViewNames():
        view = desk.application.layouts.sliceWidget(name).mrmlSliceNode()
        assert view.GetDimensions()[0] < view.GetDimensions()[1]
        assert (np.array(view.GetFieldOfView())[:2] >= (spacing * voxels)[:2] - 1e-6).all()


def test_the_outline_goes_with_its_segmentation(desk, panel, heart):
    import slicer

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    node.CreateDefaultDisplayNodes()
    panel.ui.outputSelector.setCurrentNode(node)
    desk.click(panel.ui.compareButton)
    assert node.GetNumberOfDisplayNodes() == 2
    slicer.mrmlScene.RemoveNode(node)
    desk.turn(0.05)
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationDisplayNode") == 0


def ct(scan=(12, 128, 128)):
    import numpy as np
    import slicer

    voxels = np.random.default_rng(0).integers(-1000, 1500, scan).astype(np.int16)
    return slicer.util.addVolumeFromArray(voxels, np.diag([-0.8, -0.8, 3.0, 1.0]), name="CT")


def seen(desk):
    """What every slice view of the layout shows: background, foreground and its opacity."""
    layouts = desk.application.layouts
    composites = [layouts.sliceWidget(name).mrmlSliceCompositeNode() for name in layouts.sliceViewNames()]
    return [
        (one.GetBackgroundVolumeID(), one.GetForegroundVolumeID(), one.GetForegroundOpacity()) for one in composites
    ]


@pytest.mark.parametrize("kind", ["heart", "CT"])
@pytest.mark.parametrize("restore", ["button", "preview", "leave", "volume"])
def test_the_first_move_of_strength_shows_its_effect_and_one_click_or_leaving_restores_the_views(
    desk, panel, heart, kind, restore
):
    import slicer

    from DINSegmentLib import scene

    ui, volume = panel.ui, heart if kind == "heart" else ct()
    ui.inputSelector.setCurrentNode(volume)
    desk.turn(0.02)
    mine = slicer.util.addVolumeFromArray(slicer.util.arrayFromVolume(volume), name="mine")
    red = desk.application.layouts.sliceWidget("Red").mrmlSliceCompositeNode()
    red.SetForegroundVolumeID(mine.GetID())
    red.SetForegroundOpacity(0.3)
    before = seen(desk)
    assert {one[0] for one in before} == {volume.GetID()} and not ui.fadeSlider.visible
    ui.strengthSlider.value = 0.7

    enhanced = panel.panel.parameters.enhancedVolume
    assert seen(desk) == [(volume.GetID(), enhanced.GetID(), 1.0)] * 3 and not ui.compareButton.checked
    axis, index = scene.visible_slice(volume)
    shown = slicer.util.arrayFromVolume(enhanced).take(index, axis)
    assert shown.max() > 0  # the slice in view is there at once
    assert ui.showEnhancedButton.checked and ui.fadeSlider.visible
    if restore == "button":
        desk.click(ui.showEnhancedButton)
    elif restore == "preview":
        desk.click(ui.previewCheckBox)
    elif restore == "leave":
        panel.exit()
    else:
        ui.inputSelector.setCurrentNode(None)
    assert seen(desk) == before and not ui.showEnhancedButton.checked and not ui.fadeSlider.visible
    if restore == "preview":
        ui.strengthSlider.value = 0.9  # the user wants no preview
        assert seen(desk) == before


def test_strength_leaves_the_views_of_a_comparison_and_those_of_a_new_volume_alone(desk, panel, heart):
    ui = panel.ui
    desk.click(ui.compareButton)
    before = seen(desk)
    ui.strengthSlider.value = 0.7
    assert seen(desk) == before and not ui.showEnhancedButton.checked
    desk.click(ui.compareButton)
    ui.inputSelector.setCurrentNode(ct())  # brings its own model, method and strength
    assert not ui.showEnhancedButton.checked and panel.panel.parameters.enhancedVolume is None
