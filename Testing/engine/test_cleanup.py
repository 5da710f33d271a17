"""The clean-up of labels that a manifest requests."""

import dataclasses

import numpy as np
import pytest

from DINSegmentLib.engine.cleanup import clean_up
from DINSegmentLib.geometry import Geometry


@pytest.fixture
def cleaning(stack_model):
    return dataclasses.replace(stack_model, cleanup=("largest_component",))


def parts() -> np.ndarray:
    """Of labels 1 and 2 a large and a small part each; of 3 a chain over corners; of label 1 a hole filled by 2."""
    labels = np.zeros((8, 12, 12), np.uint8)
    labels[1:4, 1:5, 1:5] = 1
    labels[6, 9, 9] = 1
    labels[6, 1:4, 6:9] = 2
    labels[2, 2, 2] = 2
    labels[[1, 2, 3], [8, 9, 10], [8, 9, 10]] = 3
    return labels


def test_the_largest_part_of_every_structure_stays(cleaning):
    labels = parts()
    expected = labels.copy()
    expected[6, 9, 9] = 0
    expected[2, 2, 2] = 0  # label 2's smaller part, though it lies inside label 1

    assert clean_up(labels, cleaning).tolist() == [0, 1, 1, 0]
    assert np.array_equal(labels, expected)


def test_joined_structures_keep_the_largest_part_of_both(cleaning):
    """A ring around a cavity that narrows: the rings of neighboring slices do not touch, ring and cavity do."""
    labels = np.zeros((3, 15, 15), np.uint8)
    labels[0, 1:14, 1:14], labels[0, 2:13, 2:13] = 2, 3
    labels[1, 4:11, 4:11], labels[1, 5:10, 5:10] = 2, 3
    labels[2, 0, 14] = 3  # hangs on neither
    labels[2, 14, :3] = 1
    expected = labels.copy()
    expected[2, 0, 14] = 0

    joined = dataclasses.replace(cleaning, joined=((2, 3),))
    apart = labels.copy()
    assert clean_up(labels, joined).tolist() == [0, 0, 0, 1]
    assert np.array_equal(labels, expected)
    clean_up(apart, dataclasses.replace(joined, joined=()))
    assert not (apart[1] == 2).any() and (apart[1] == 3).any()


def test_without_a_step_labels_stay_as_they_are(stack_model):
    labels = parts()
    assert not clean_up(labels, stack_model).any()
    assert np.array_equal(labels, parts())


def test_a_volume_without_structures_stays_empty(cleaning):
    assert not clean_up(np.zeros((3, 4, 5), np.uint8), cleaning).any()


@pytest.mark.parametrize("flips", [(False, False, False), (True, False, False), (False, True, True)])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (2, 1, 0)])
def test_of_two_parts_of_one_size_the_same_stays_however_the_volume_is_stored(
    cleaning, bands, reorder, restore, order, flips
):
    volume = np.zeros((4, 20, 18), np.float32)
    volume[0, 0, 0] = 100  # white, so that 60 is label 2
    volume[1, 2:5, 2:5] = 60
    volume[2, 12:15, 11:14] = 60
    geometry = Geometry(volume.shape, np.diag([1.5, 1.5, 8.0, 1.0]))
    segmenter = bands(cleaning, intensity=dataclasses.replace(cleaning.intensity, upper=100.0))
    expected = segmenter.segment(volume, geometry).labels
    labels = segmenter.segment(*reorder(volume, geometry, order, flips)).labels

    assert np.count_nonzero(expected == 2) == 9
    assert np.array_equal(restore(labels, order, flips), expected)


def test_a_volume_of_ct_size_is_cleaned_as_a_small_one(cleaning):
    labels = np.zeros((24, 512, 512), np.uint8)
    labels[2:20, 100:300, 100:300] = 1
    labels[22, 400:410, 400:410] = 1
    assert clean_up(labels, cleaning).tolist() == [0, 100, 0, 0]
    assert np.count_nonzero(labels) == 18 * 200 * 200 and not labels[22].any()
