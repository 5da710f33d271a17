"""Slices beyond the base: which labels are removed, no others, and the notice about it."""

import dataclasses

import numpy as np
import pytest

from DINSegmentLib.engine.basal_slices import Emptied, beyond_base, notices
from DINSegmentLib.engine.cine import segment_cine
from DINSegmentLib.geometry import Geometry

SURE, DOUBTED = 0.625, 0.504  # values that the foretold network calls wall, with probability 1.00 and 0.55
BASE_FIRST = (0, 9, 8, 8, 6, 4, 2)  # labeled voxels in each slice


def stack(sizes):
    labels = np.zeros((len(sizes), 3, 5), np.uint8)
    for plane, size in zip(labels, sizes, strict=True):
        plane.flat[:size] = 3
    return labels


@pytest.mark.parametrize(
    ("sizes", "wall", "found"),
    [
        (BASE_FIRST, (0, 0.5, 0.9, 0.9, 0.9, 0.9, 0.8), [1]),
        (BASE_FIRST, (0, 0.5, 0.69, 0.9, 0.9, 0.9, 0.9), [1, 2]),
        (BASE_FIRST, (0, 0.5, 0.7, 0.9, 0.9, 0.9, 0.9), [1]),
        (BASE_FIRST, (0, 0.0, 0.9, 0.9, 0.9, 0.9, 0.8), [1]),  # something is labeled there, but no wall
        (BASE_FIRST, (0, 0.9, 0.2, 0.9, 0.9, 0.9, 0.8), []),  # not at an end
        (BASE_FIRST, (0, 0.9, 0.9, 0.9, 0.9, 0.9, 0.2), []),  # the apex is small, and its wall is often doubted
        (BASE_FIRST, (0, 0.4, 0.5, 0.5, 0.5, 0.5, 0.4), []),  # low confidence everywhere does not indicate the base
        (BASE_FIRST, (0, 0.0, 0.0, 0.0, 0.0, 0.9, 0.9), []),  # more than the basal half
        (BASE_FIRST, (0,) * 7, []),
        ((4, 2), (0.2, 0.9), [0]),  # one is left
        ((4, 2, 1), (0.2, 0.9, 0.9), [0]),
        ((0, 5, 0), (0, 0.4, 0), []),  # a single slice
        ((5, 5, 5, 5), (0.2, 0.9, 0.9, 0.9), []),  # no end is the base
        ((0, 0), (0, 0), []),
    ],
)
def test_slices_are_found_from_the_base_on_until_the_wall_is_sure(sizes, wall, found):
    assert beyond_base(stack(sizes), np.array(wall)) == found
    assert beyond_base(stack(sizes)[::-1], np.array(wall)[::-1]) == [len(sizes) - 1 - one for one in found[::-1]]


def heart(*values):
    """(5, 20, 18) with a block of wall in each slice, smaller toward the apex."""
    volume = np.zeros((5, 20, 18), np.float32)
    for index, value in enumerate(values):
        volume[index, 2 : 12 - index, 3:11] = value
    return volume


VOLUME = heart(DOUBTED, SURE, SURE, SURE, DOUBTED)
GEOMETRY = Geometry(VOLUME.shape, np.diag([-1.5, -1.5, 10.0, 1.0]))


@pytest.fixture
def segmenter(bands, stack_model):
    intensity = dataclasses.replace(stack_model.intensity, method="window", lower=0.0, upper=1.0)
    return bands(stack_model, cleanup=("doubtful_base", "largest_component"), intensity=intensity)


@pytest.mark.parametrize(
    "flips", [(False, False, False), (True, False, False), (False, True, False), (True, True, True)]
)
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_a_doubted_base_slice_is_emptied_and_told_however_the_volume_is_stored(
    segmenter, reorder, restore, order, flips
):
    result = segmenter.segment(*reorder(VOLUME, GEOMETRY, order, flips))
    labels = restore(result.labels, order, flips)

    assert [np.count_nonzero(plane == 2) for plane in labels] == [0, 72, 64, 56, 48] and set(np.unique(labels)) == {
        0,
        2,
    }
    (notice,) = result.notices
    told = notice.text
    assert (notice.kind, notice.axis) == ("base", order.index(0))
    assert (
        told.startswith(f"Basal slice {5 if flips[order.index(0)] else 1}: labels removed") and "1.8 ml" in told
    )  # 80 of 22.5 mm3
    assert result.removed == {1: 0, 2: 0, 3: 0}  # no part of its own
    assert result.confidence.voxels[:, 2].sum() == 80 + 72 + 64 + 56 + 48  # what the network said stays known


def test_without_the_step_nothing_is_emptied(segmenter, bands):
    model = dataclasses.replace(segmenter.model, cleanup=("largest_component",))
    result = bands(model).segment(VOLUME, GEOMETRY)
    assert np.count_nonzero(result.labels[0]) == 80 and result.notices == ()


def test_a_frame_of_a_cine_is_emptied_as_if_it_were_alone_and_all_are_told_in_one_sentence(segmenter):
    frames = [heart(SURE, SURE, SURE, SURE, DOUBTED), VOLUME, VOLUME]
    found = segment_cine(segmenter, frames, GEOMETRY)

    np.testing.assert_array_equal(found.labels, [segmenter.segment(frame, GEOMETRY).labels for frame in frames])
    assert [(one.kind, one.text.fields["frames"]) for one in found.notices] == [("base", "frames 2-3")]
    assert found.frame(1).notices == ()


def test_of_several_frames_the_largest_volume_is_told_slice_by_slice():
    told = [one.text.fields for one in notices([[Emptied(0, 3.0), Emptied(1, 5.25)], [], [Emptied(0, 12.0)]], 0)]
    assert told[0] == {"slice": 1, "frames": "frames 1, 3", "volume": 12.0}
    assert told[1] == {"slice": 2, "frames": "frame 1", "volume": 5.25} and notices([[], []], 0) == ()


@pytest.mark.parametrize(
    ("frames", "text"), [([3], "frame 3"), ([1, 2, 3, 5, 8, 9], "frames 1-3, 5, 8-9")]
)  # fmt: skip
def test_frames_are_told_in_runs(frames, text):
    emptied = [[Emptied(0, 2.0)] if number in frames else [] for number in range(1, 11)]
    assert notices(emptied, 0)[0].text.fields["frames"] == text
