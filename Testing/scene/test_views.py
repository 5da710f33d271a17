"""Which slice of a volume the user sees."""

import itertools

import numpy as np
import pytest

from DINSegmentLib.scene import compare, show_slice, visible_slice

SHAPE = (5, 9, 11)


@pytest.mark.parametrize(
    "parent", [None, np.array([[0, -1, 0, 40], [0.6, 0, -0.8, -7], [0.8, 0, 0.6, 1], [0, 0, 0, 1]])]
)
@pytest.mark.parametrize(
    ("order", "signs"), [((0, 1, 2), (1, 1, 1)), ((2, 0, 1), (-1, 1, -1)), ((1, 2, 0), (1, -1, 1))]
)
def test_the_slice_through_a_voxel_is_found(order, signs, parent, add_volume, views):
    matrix = np.eye(4)
    matrix[:3, :3] = np.eye(3)[:, order] * signs * (1.2, 1.7, 8.0)
    matrix[:3, 3] = (-31.0, 22.0, 143.0)
    volume = add_volume(np.zeros(SHAPE, np.int16), matrix, parent)
    world = matrix if parent is None else parent @ matrix
    red, composite = views("Red")
    composite.SetBackgroundVolumeID(volume.GetID())
    for axis, index in itertools.product(range(3), (0, 1, 4)):
        voxel = np.array([5.0, 4.0, 2.0, 1.0])  # I, J, K
        voxel[2 - axis] = index
        place = world @ voxel
        across, along = world[:3, 2 - axis], world[:3, (3 - axis) % 3]
        red.SetSliceToRASByNTP(*across, *along, *place[:3], 0)
        assert visible_slice(volume) == (axis, index)


def test_the_nearest_slice_counts_and_none_outside_the_volume(add_volume, views):
    volume = add_volume(np.zeros(SHAPE, np.int16), np.diag([1, 1, 8, 1]))
    red, composite = views("Red")
    composite.SetBackgroundVolumeID(volume.GetID())
    found = []
    for height in (-100.0, 11.9, 12.1, 1000.0):
        red.SetSliceOffset(height)
        found.append(visible_slice(volume))
    assert found == [(0, 0), (0, 1), (0, 2), (0, 4)]


def test_a_tilted_view_is_of_the_axis_nearest_to_its_direction(add_volume, views):
    volume = add_volume(np.zeros(SHAPE, np.int16), np.eye(4))
    red, composite = views("Red")
    composite.SetForegroundVolumeID(volume.GetID())
    for degrees, expected in ((40, (0, 2)), (50, (1, 4))):
        angle = np.radians(degrees)
        red.SetSliceToRASByNTP(0, np.sin(angle), np.cos(angle), 1, 0, 0, 5, 4, 2, 0)
        assert visible_slice(volume) == expected


def test_a_volume_that_no_view_shows_has_no_visible_slice(add_volume, views):
    volume = add_volume(np.zeros(SHAPE, np.int16), np.eye(4))
    assert visible_slice(volume) is None
    views("Red")[1].SetBackgroundVolumeID(volume.GetID())
    views.layout.SetViewArrangement(views.layout.SlicerLayoutOneUpGreenSliceView)
    assert visible_slice(volume) is None


def test_without_any_views_there_is_no_visible_slice(add_volume):
    assert visible_slice(add_volume(np.zeros(SHAPE, np.int16), np.eye(4))) is None


def test_the_comparison_goes_before_red_and_red_before_others(add_volume, views):
    volume = add_volume(np.zeros(SHAPE, np.int16), np.diag([1, 1, 8, 1]))
    views("Yellow")[1].SetBackgroundVolumeID(volume.GetID())
    views("Yellow")[0].JumpSliceByOffsetting(7, 0, 0)
    assert visible_slice(volume) == (2, 7)
    views("Red")[1].SetBackgroundVolumeID(volume.GetID())
    views("Red")[0].SetSliceOffset(8)
    assert visible_slice(volume) == (0, 1)
    compare.show(volume, volume)
    for name in ("DINEnhanced", "DINOriginal"):
        views(name)[0].SetSliceOffset(24)
        views("Red")[0].SetMappedInLayout(1)
    assert visible_slice(volume) == (0, 3)
    compare.restore()


TURNED = np.array([[0, -0.8, 4.8, 40], [1.4, 0, 0, -7], [0, 1.1, 6.4, 1], [0, 0, 0, 1]])  # K is tilted by 37 degrees


def test_all_views_of_the_comparison_jump_to_a_slice_of_a_turned_volume(add_volume, views):
    volume, enhanced, other = (add_volume(np.zeros(SHAPE, np.int16), TURNED, name=name) for name in "abc")
    views("Red")[1].SetBackgroundVolumeID(other.GetID())
    before = views("Red")[0].GetSliceOffset()
    compare.show(volume, enhanced)
    for index in (4, 0, 3):
        assert show_slice(volume, 0, index, enhanced, None)
        for name in ("DINOriginal", "DINEnhanced", "DINResult"):
            plane = views(name)[0].GetSliceToRAS()
            place = [plane.GetElement(row, 3) for row in range(4)]
            assert (np.linalg.inv(TURNED) @ place)[2] == pytest.approx(index, abs=1e-6), name
    assert not show_slice(volume, 2, 1, enhanced)  # nobody sees slices along I
    compare.restore()
    assert views("Red")[0].GetSliceOffset() == before


def test_a_slice_of_a_volume_that_no_view_shows_moves_nothing(add_volume, views):
    volume, other = (add_volume(np.zeros(SHAPE, np.int16), np.diag([1, 1, 8, 1]), name=name) for name in "ab")
    views("Red")[1].SetBackgroundVolumeID(other.GetID())
    before = views("Red")[0].GetSliceOffset()
    assert not show_slice(volume, 0, 3)
    assert views("Red")[0].GetSliceOffset() == before
