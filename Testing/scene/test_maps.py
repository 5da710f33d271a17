"""Maps over a volume: position, colors, the views that show them, and their removal."""

import numpy as np
import pytest

from DINSegmentLib.errors import GeometryError

MATRIX = np.array([[0, 0, 8.0, -30], [1.4, 0, 0, 7], [0, -1.5, 0, 5], [0, 0, 0, 1]])
PARENT = np.array([[1.0, 0, 0, 3], [0, 0, -1, 4], [0, 1, 0, 5], [0, 0, 0, 1]])


def test_it_lies_voxel_for_voxel_on_its_volume_under_the_same_transform(add_volume):
    import slicer
    import vtk

    from DINSegmentLib.scene import write_attribution

    volume = add_volume(np.zeros((3, 4, 5), np.int16), MATRIX, PARENT)
    values = np.random.default_rng(2).uniform(-1, 1, (3, 4, 5)).astype(np.float32)
    node = write_attribution(values, volume)

    assert np.array_equal(slicer.util.arrayFromVolume(node), values)
    assert np.array_equal(slicer.util.arrayFromVolume(volume), np.zeros((3, 4, 5)))
    ours = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(ours)
    assert np.allclose(slicer.util.arrayFromVTKMatrix(ours), MATRIX)
    assert node.GetTransformNodeID() == volume.GetTransformNodeID()


def test_violet_is_the_original_green_the_enhanced_image_and_nothing_is_clear(add_volume):
    from DINSegmentLib.scene import write_attribution

    volume = add_volume(np.zeros((2, 3, 3), np.int16), MATRIX)
    first, second = (write_attribution(np.zeros((2, 3, 3)), volume) for _ in range(2))
    display = first.GetDisplayNode()
    table = display.GetColorNode().GetLookupTable()
    (violet, clear, green) = (table.GetTableValue(index) for index in (0, 128, 255))

    assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == (-1, 1)
    assert violet[2] > violet[0] > 2 * violet[1]
    assert green[1] > green[2] > 2 * green[0]
    assert [violet[3], green[3]] == [1, 1]
    assert clear[3] < 0.01
    assert second.GetDisplayNode().GetColorNode() is display.GetColorNode()


def test_only_views_that_show_the_volume_get_the_overlay(add_volume, views):
    from DINSegmentLib.scene import write_attribution

    volume, other = (add_volume(np.zeros((2, 3, 3), np.int16), MATRIX, name=name) for name in ("heart", "other"))
    for view, shown in (("Red", volume), ("Green", other)):
        views(view)[1].SetBackgroundVolumeID(shown.GetID())
    node = write_attribution(np.zeros((2, 3, 3)), volume)

    assert views("Red")[1].GetForegroundVolumeID() == node.GetID()
    assert 0.5 < views("Red")[1].GetForegroundOpacity() < 1
    assert views("Green")[1].GetForegroundVolumeID() is None


def test_values_of_another_grid_are_refused_and_leave_the_scene_alone(add_volume, scene):
    from DINSegmentLib.scene import write_attribution

    volume = add_volume(np.zeros((2, 3, 3), np.int16), MATRIX)
    before = scene.GetNumberOfNodes()
    with pytest.raises(GeometryError, match="compute it again"):
        write_attribution(np.zeros((3, 3, 3)), volume)
    assert scene.GetNumberOfNodes() == before


def test_confidence_is_clear_where_it_is_sure_and_violet_to_white_where_not(add_volume):
    import slicer

    from DINSegmentLib.scene import find_map, write_confidence

    volume = add_volume(np.zeros((3, 4, 5), np.int16), MATRIX, PARENT)
    percent = np.random.default_rng(3).integers(25, 101, (3, 4, 5)).astype(np.uint8)
    assert find_map(volume) is None
    node = write_confidence(percent, volume)

    display = node.GetDisplayNode()
    table = display.GetColorNode().GetLookupTable()
    assert np.array_equal(slicer.util.arrayFromVolume(node), percent) and find_map(volume) == (node, "confidence")
    assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == (0, 100)
    colors = np.array([table.GetTableValue(round(2.55 * value)) for value in (100, 95, 94, 75, 50, 25)])
    assert colors[:, 3].tolist() == [0, 0, 1, 1, 1, 1]
    assert np.allclose(colors[4, :3], 1) and (np.diff(colors[2:5, 1]) > 0.2).all()  # ever brighter
    assert np.allclose(colors[4], colors[5], atol=0.01)


def test_a_removed_map_leaves_views_and_scene_as_they_were(add_volume, views, scene):
    from DINSegmentLib.scene import find_map, remove_map, write_attribution, write_confidence

    volume, mine = (add_volume(np.zeros((2, 3, 3), np.int16), MATRIX, name=name) for name in ("heart", "mine"))
    red, green = views("Red")[1], views("Green")[1]
    for composite in (red, green):
        composite.SetBackgroundVolumeID(volume.GetID())
    red.SetForegroundVolumeID(mine.GetID())
    red.SetForegroundOpacity(0.3)
    first = write_confidence(np.zeros((2, 3, 3)), volume)
    before = scene.GetNumberOfNodes()
    second = write_attribution(np.zeros((2, 3, 3)), volume)  # over the first one
    assert find_map(volume) == (second, "why")
    remove_map(first)
    assert red.GetForegroundVolumeID() == second.GetID()
    remove_map(second)
    assert (red.GetForegroundVolumeID(), red.GetForegroundOpacity()) == (mine.GetID(), 0.3)
    assert (green.GetForegroundVolumeID(), green.GetForegroundOpacity()) == (None, 0)
    assert find_map(volume) is None and scene.GetNumberOfNodes() == before - 3 + 1  # the colors stay


# of how color-blind people see linear RGB: Machado, Oliveira, Fernandes, IEEE TVCG 2009, severity 1
_BLIND = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def lab(color, seen_by=None):
    """CIELAB of an sRGB color; 10 apart is another color at a glance, 2 is just noticed."""
    from skimage.color import rgb2lab

    color = np.array(color[:3], float)
    if seen_by is not None:
        linear = np.where(color > 0.04045, ((color + 0.055) / 1.055) ** 2.4, color / 12.92)
        linear = np.clip(np.array(_BLIND[seen_by]) @ linear, 0, 1)
        color = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
    return rgb2lab(color)


def colors_of(node, values):
    display = node.GetDisplayNode()
    low, high = display.GetWindowLevelMin(), display.GetWindowLevelMax()
    table = display.GetColorNode().GetLookupTable()
    return [table.GetTableValue(round(255 * (value - low) / (high - low))) for value in values]


@pytest.mark.parametrize("seen_by", [None, *_BLIND])
def test_both_ends_and_the_middle_of_the_attribution_differ_for_everybody(add_volume, seen_by):
    from DINSegmentLib.scene import write_attribution

    node = write_attribution(np.zeros((2, 3, 3)), add_volume(np.zeros((2, 3, 3), np.int16), MATRIX))
    original, middle, enhanced = (lab(color, seen_by) for color in colors_of(node, (-1, 0.2, 1)))
    assert np.linalg.norm(original - enhanced) > 60
    assert min(np.linalg.norm(original - middle), np.linalg.norm(enhanced - middle)) > 15


def test_no_color_of_a_map_is_near_the_color_of_a_structure(add_volume):
    from DINSegmentLib.model import catalogue
    from DINSegmentLib.scene import write_attribution, write_confidence

    volume = add_volume(np.zeros((2, 3, 3), np.int16), MATRIX)
    ends = colors_of(write_attribution(np.zeros((2, 3, 3)), volume), (-1, 1))
    ends += colors_of(write_confidence(np.zeros((2, 3, 3)), volume), (94, 50))
    structures = [np.array(label.color) / 255 for model in catalogue().values() for label in model.labels]
    assert min(np.linalg.norm(lab(end) - lab(one)) for end in ends for one in structures) > 25


def test_a_map_has_a_legend_and_turns_segments_to_outlines_until_it_goes(add_volume, views, scene):
    import slicer

    from DINSegmentLib.scene import is_filled, remove_map, set_filled, write_attribution, write_confidence

    volume = add_volume(np.zeros((2, 3, 3), np.int16), MATRIX)
    views("Red")[1].SetBackgroundVolumeID(volume.GetID())
    displays = []
    for filled in (True, False):
        node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
        node.CreateDefaultDisplayNodes()
        displays.append(node.GetDisplayNode())
        displays[-1].SetVisibility2DFill(filled)
    first = write_confidence(np.zeros((2, 3, 3)), volume)
    second = write_attribution(np.zeros((2, 3, 3)), volume)
    assert [one.GetVisibility2DFill() for one in displays] == [0, 0]
    assert [is_filled(one) for one in displays] == [True, False]  # what they will be
    titles = [one.GetTitleText() for one in slicer.util.getNodesByClass("vtkMRMLColorLegendDisplayNode")]
    assert len(titles) == 2 and "Confidence (%)" in titles and "Original (-1) or enhanced (+1) image" in titles
    remove_map(first)
    assert [one.GetVisibility2DFill() for one in displays] == [0, 0]  # the other one is still shown
    set_filled(displays[1], True)
    remove_map(second)
    assert [one.GetVisibility2DFill() for one in displays] == [1, 1]
    assert not slicer.util.getNodesByClass("vtkMRMLColorLegendDisplayNode")
