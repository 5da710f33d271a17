"""Confidence: sums over slices, the map, the temperature, and what the clean-up removed."""

import dataclasses

import numpy as np
import pytest
import torch
from probabilities import probabilities

from DINSegmentLib.engine.accumulators import Labels
from DINSegmentLib.engine.cine import segment_cine
from DINSegmentLib.engine.parameters import Parameters
from DINSegmentLib.engine.segmenter import Segmenter
from DINSegmentLib.geometry import Geometry
from DINSegmentLib.model.orientation import orientation

GRID = np.diag([1.5, 1.4, 8.0, 1.0])


@pytest.fixture(scope="module")
def volume():
    return np.random.default_rng(8).integers(0, 900, (5, 40, 36)).astype(np.int16)


@pytest.fixture(scope="module")
def geometry(volume):
    return Geometry(volume.shape, GRID)


@pytest.fixture
def warmer(model):
    """The same model with a temperature of 2.5."""
    return Segmenter(dataclasses.replace(model, temperature=2.5), "cpu")


def by_hand(labels, probabilities):
    """(slices, classes): voxels, probability of the class over them, and over all voxels."""
    voxels, sure = (np.zeros((len(labels), len(probabilities))) for _ in range(2))
    for index, plane in enumerate(labels):
        for value, p in enumerate(probabilities):
            voxels[index, value] = np.count_nonzero(plane == value)
            sure[index, value] = p[index][plane == value].sum()
    return voxels, sure, probabilities.sum(axis=(2, 3)).T


def test_sums_are_those_of_the_probabilities(segmenter, volume, geometry):
    known = probabilities(segmenter, volume, geometry)
    found = segmenter.segment(volume, geometry).confidence
    voxels, sure, expected = by_hand(known.labels, known.probabilities)

    assert found.axis == 0 and np.array_equal(found.voxels, voxels)
    assert np.allclose(found.sure, sure, rtol=1e-4, atol=1e-3)
    assert np.allclose(found.expected, expected, rtol=1e-4, atol=1e-3)
    assert 0 < found.scores.min() and found.scores.max() < volume[0].size


def test_a_temperature_changes_no_label_and_makes_probabilities_those_of_cooler_scores(
    segmenter, warmer, volume, geometry
):
    plain = probabilities(segmenter, volume, geometry)
    warm = warmer.segment(volume, geometry)
    p = plain.probabilities ** (1 / 2.5)  # softmax(s / T) is p^(1/T), made to sum to 1
    voxels, sure, expected = by_hand(plain.labels, p / p.sum(axis=0))

    assert np.array_equal(warm.labels, plain.labels)
    assert np.allclose(warm.confidence.sure, sure, rtol=3e-3, atol=0.05)
    assert np.allclose(warm.confidence.expected, expected, rtol=3e-3, atol=0.05)


def test_the_map_tells_the_probability_of_the_winner_in_percent_and_changes_no_label(segmenter, volume, geometry):
    asked = segmenter.segment(volume, geometry, Parameters(confidence=True))
    plain = segmenter.segment(volume, geometry)

    assert plain.confidence_map is None and asked.confidence_map.dtype == np.uint8
    assert np.array_equal(asked.labels, plain.labels)
    winner = probabilities(segmenter, volume, geometry).probabilities.max(axis=0)
    assert np.abs(asked.confidence_map - 100 * winner).max() < 0.51
    assert 25 <= asked.confidence_map.min()  # the winner of four classes has no less


@pytest.mark.parametrize("native", [(90, 71), (50, 41), (31, 44)], ids=["finer", "the same", "mixed"])
@pytest.mark.parametrize("place", [None, (25, 20), (2, 39)], ids=["only background", "middle", "corner"])
def test_a_look_at_the_mixed_pixels_alone_gives_labels_and_sums_of_all_pixels(stack_model, native, place):
    """A structure with a soft border in a background that leads by 9, at (row, column) of the model's grid."""
    shape = (50, 41)
    scores = np.full((1, 4, *shape), -9.0, np.float32)
    scores[0, 0] = np.random.default_rng(1).normal(0, 0.3, shape)
    if place is not None:
        rows, columns = np.indices(shape)
        scores[0, 2] += 14 * np.exp(-((rows - place[0]) ** 2 + (columns - place[1]) ** 2) / 40)
    geometry = Geometry((1, *native), GRID)
    orient = orientation(geometry, stack_model.axes)
    found = []
    for parameters in (Parameters(), Parameters(confidence=True)):
        labels = Labels(stack_model, parameters.resolved(stack_model), orient, 1, geometry.shape)
        model_grid = orient.to_model(np.zeros(geometry.shape)).shape[1:]
        turned = scores if (model_grid[0] > model_grid[1]) == (native[0] > native[1]) else scores.swapaxes(2, 3)
        for _ in range(2):  # a slice comes again after memory ran out, and counts once
            labels.take((0, 0), torch.from_numpy(turned.copy()))
        found.append((labels.labels[0], labels.confidence(0)))
    (labels, sums), (whole, every) = found

    assert np.array_equal(labels, whole) and (labels == 2).any() == (place is not None)
    assert np.array_equal(sums.voxels, every.voxels) and sums.voxels.sum() == native[0] * native[1]
    assert np.allclose(sums.sure, every.sure, rtol=5e-3, atol=0.1)
    assert np.allclose(sums.expected, every.expected, rtol=5e-3, atol=0.1)


@pytest.mark.parametrize("flips", [(False, False, False), (True, False, True), (False, True, False)])
@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0)])
def test_slices_are_counted_as_the_volume_is_stored(segmenter, volume, geometry, reorder, order, flips):
    expected = segmenter.segment(volume, geometry).confidence
    found = segmenter.segment(*reorder(volume, geometry, order, flips)).confidence
    across = order.index(0)  # where the slices went

    assert found.axis == across
    assert np.array_equal(found.scores[::-1] if flips[across] else found.scores, expected.scores)


def test_it_is_told_what_the_clean_up_removed(stack_model, bands):
    volume = np.zeros((4, 20, 18), np.float32)
    volume[0, 0, 0] = 100  # white, so that 60 is label 2
    volume[1, 2:6, 2:6] = 60
    volume[3, 12:15, 11:14] = 60
    geometry = Geometry(volume.shape, np.diag([1.5, 1.5, 8.0, 1.0]))
    of = {"intensity": dataclasses.replace(stack_model.intensity, upper=100.0)}
    cleaned = bands(stack_model, cleanup=("largest_component",), **of).segment(volume, geometry)
    untouched = bands(stack_model, cleanup=(), **of).segment(volume, geometry)

    assert cleaned.removed == {1: 0, 2: 9, 3: 0} and np.count_nonzero(cleaned.labels == 2) == 16
    assert untouched.removed == {} and np.count_nonzero(untouched.labels == 2) == 25
    assert np.array_equal(cleaned.confidence.voxels, untouched.confidence.voxels)  # before the clean-up


def test_each_frame_of_a_cine_has_the_confidence_that_it_has_alone(segmenter, volume, geometry):
    frames = [volume, volume[::-1].copy()]
    found = segment_cine(segmenter, frames, geometry)

    for index, frame in enumerate(frames):
        alone = segmenter.segment(frame, geometry)
        assert np.array_equal(found.frame(index).confidence.sure, alone.confidence.sure)
        assert found.frame(index).removed == alone.removed
