"""Measurements of structures, by hand and against numpy's masks."""

import time
import tracemalloc

import numpy as np
import pytest

from DINSegmentLib.geometry import Geometry
from DINSegmentLib.measure import StructureStatistics, statistics
from DINSegmentLib.model import Code, Label

PART = Code("SCT", "0", "Part")

ONE, TWO, THREE = (Label(value, name, (0, 0, 0), PART) for value, name in ((1, "One"), (2, "Two"), (3, "Three")))


def test_every_figure_is_the_one_counted_by_hand():
    labels = np.array([[[0, 1, 1], [2, 1, 0]], [[0, 0, 1], [0, 0, 0]]], np.uint8)
    image = np.array([[[9, 10, 20], [-7, 30, 9]], [[9, 9, 41], [9, 9, 9]]], np.int16)
    geometry = Geometry(labels.shape, np.diag([2.0, -5.0, 100.0, 1]))  # 1000 mm^3 = 1 ml a voxel

    assert statistics(labels, image, geometry, [ONE, TWO, THREE], 0) == [
        # squares of the distances from 25.25: 232.5625, 27.5625, 22.5625, 248.0625, together 530.75
        StructureStatistics("One", 1, 4, pytest.approx(4.0), 25.25, pytest.approx((530.75 / 4) ** 0.5), 2, True, True),
        StructureStatistics("Two", 2, 1, pytest.approx(1.0), -7.0, 0.0, 1, True, True),
        StructureStatistics("Three", 3, 0, 0.0, None, None, 0, False, False),
    ]


def test_structures_come_in_the_order_given_and_others_are_left_out():
    labels = np.array([[[1, 2], [3, 255]]], np.uint8)
    found = statistics(labels, labels, Geometry(labels.shape, np.eye(4)), [THREE, ONE], 0)

    assert [(one.name, one.voxels, one.mean) for one in found] == [("Three", 1, 3.0), ("One", 1, 1.0)]


def test_a_sheared_voxel_has_the_volume_of_its_determinant():
    # edges of 2, 3 and 5 mm; the third leans by 4 mm, so that it is longer than 5 mm and no higher
    matrix = np.array([[2, 0, 4, 9], [0, 3, 0, 9], [0, 0, 5, 9], [0, 0, 0, 1]], float)
    labels = np.ones((10, 10, 10), np.uint8)
    (one,) = statistics(labels, labels, Geometry(labels.shape, matrix), [ONE], 0)

    assert one.volume_ml == pytest.approx(1000 * 2 * 3 * 5 / 1000)


@pytest.mark.parametrize("dtype", ["u1", "i2", ">i2", "i8", "f2", "f4", "f8"])
def test_slabs_of_views_of_any_type_add_up_to_the_whole(dtype):
    random = np.random.default_rng(3)
    labels = random.integers(0, 4, (9, 700, 300), np.uint8)[::-1, ::2]  # several slabs
    image = random.integers(0, 200, (350, 9, 300)).astype(dtype).transpose(1, 0, 2)
    geometry = Geometry(labels.shape, np.eye(4))

    for one in statistics(labels, image, geometry, [ONE, TWO, THREE], 0):
        inside = labels == one.value
        assert one.voxels == inside.sum()
        assert one.mean == pytest.approx(image[inside].astype(np.float64).mean(), rel=1e-12)
        assert one.sd == pytest.approx(image[inside].astype(np.float64).std(), rel=1e-12)


def test_sums_of_bright_voxels_lose_nothing():
    image = np.full((2, 1200, 1000), 16_777_217, np.int32)  # the first whole number that float32 lacks
    labels = np.ones(image.shape, np.uint8)

    assert statistics(labels, image, Geometry(labels.shape, np.eye(4)), [ONE], 0)[0].mean == 16_777_217


def test_small_differences_of_large_values_are_not_lost():
    labels = np.ones((6, 1000, 700), np.uint8)  # several slabs
    labels[3:, :, 350:] = 2  # is not in the first
    image = np.full(labels.shape, 1e9)
    image[:, ::2] += 0.5  # half of each: an SD of 0.25, which is beyond the reach of a mean of squares in float64

    for one in statistics(labels, image, Geometry(labels.shape, np.eye(4)), [ONE, TWO], 0):
        assert one.sd == pytest.approx(0.25, rel=1e-6)


def test_an_even_structure_has_no_sd_whatever_its_value():
    labels = np.ones((2, 3, 4), np.uint8)
    (one,) = statistics(labels, np.full(labels.shape, 0.1), Geometry(labels.shape, np.eye(4)), [ONE], 0)

    assert 0 <= one.sd < 1e-15


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_are_counted_along_the_axis_given(axis):
    labels = np.zeros((20, 300, 400), np.uint8)  # two slabs
    labels[[2, 5, 19], 40:90, 7] = 1
    labels[19, 33, 8:11] = 2
    counts = [(3, 1), (50, 1), (1, 3)][axis]

    found = statistics(labels, labels, Geometry(labels.shape, np.eye(4)), [ONE, TWO], axis)
    assert tuple(one.slices for one in found) == counts


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_slices_edge_and_the_first_and_last_slice_are_told_apart(axis):
    for place in ((0, 2, 3), (4, 2, 3), (2, 0, 3), (2, 5, 3), (2, 2, 0), (2, 2, 6), (2, 2, 3)):
        labels = np.zeros((5, 6, 7), np.uint8)
        labels[place] = 1
        (one,) = statistics(labels, labels, Geometry(labels.shape, np.eye(4)), [ONE], axis)

        on_face = [place[across] in (0, labels.shape[across] - 1) for across in range(3)]
        assert one.touches_end == on_face.pop(axis)
        assert one.touches_border == any(on_face)


@pytest.mark.parametrize("shape", [(2, 3, 5), (24,)])
def test_arrays_of_different_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="differ in shape"):
        statistics(np.zeros((2, 3, 4), np.uint8), np.zeros(shape), Geometry((2, 3, 4), np.eye(4)), [ONE], 0)


def test_a_ct_is_measured_fast_and_in_little_memory():
    labels = np.zeros((200, 512, 512), np.uint8)
    labels[60:140, 100:250, 100:400] = 1
    image = np.zeros(labels.shape, np.int16)
    tracemalloc.start()
    started = time.perf_counter()
    statistics(labels, image, Geometry(labels.shape, np.eye(4)), [ONE], 0)
    assert time.perf_counter() - started < 2  # 0.1 s alone on the machine
    assert tracemalloc.get_traced_memory()[1] < 64 << 20
    tracemalloc.stop()
