"""Claims about maps over a volume: their place, their colors, which views show them, and how they go."""

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


def test_blue_is_the_original_red_the_enhanced_image_and_nothing_is_clear(add_volume):
    from DINSegmentLib.scene import write_attribution

    volume = add_volume(np.zeros((2, 3, 3), np.int16), MATRIX)
    first, second = (write_attribution(np.zeros((2, 3, 3)), volume) for _ in range(2))
    display = first.GetDisplayNode()
    table = display.GetColorNode().GetLookupTable()
    (blue, clear, red) = (table.GetTableValue(index) for index in (0, 128, 255))

    assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == (-1, 1)
    assert blue[2] > 2 * blue[0]
    assert red[0] > 2 * red[2]
    assert [blue[3], red[3]] == [1, 1]
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
    with pytest.raises(GeometryError, match="make it again"):
        write_attribution(np.zeros((3, 3, 3)), volume)
    assert scene.GetNumberOfNodes() == before


def test_confidence_is_clear_where_it_is_sure_and_yellow_to_magenta_where_not(add_volume):
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
    assert colors[2, 1] > 0.7 > colors[3, 1] > 0.3 > colors[4, 1]  # from yellow to magenta
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
    assert find_map(volume) is None and scene.GetNumberOfNodes() == before - 2 + 1  # the colors stay
