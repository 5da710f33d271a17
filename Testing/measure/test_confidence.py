"""Scores, ranking and reliability, from sums written by hand."""

import re

import numpy as np
import pytest
from greek import english, greek

from DINSegmentLib.measure import Confidence, frames_to_review, slices_to_review
from DINSegmentLib.measure.confidence import calibration_error, errors_held, reliability, worst
from DINSegmentLib.model import Code, Label

PART = Code("SCT", "0", "Part")

ONE, TWO = Label(1, "One", (0, 0, 0), PART), Label(2, "Two", (0, 0, 0), PART)
# three slices of 100 voxels; background, One, Two
VOXELS = np.array([[90, 10, 0], [50, 30, 20], [100, 0, 0]])
SURE = np.array([[89.0, 5.0, 0.0], [40.0, 27.0, 19.0], [97.0, 0.0, 0.0]])
EXPECTED = np.array([[93.0, 6.0, 1.0], [42.0, 28.0, 30.0], [97.0, 2.5, 0.5]])


@pytest.fixture
def confidence():
    return Confidence(2, VOXELS, SURE, EXPECTED)


def test_a_slices_score_is_the_number_of_voxels_that_are_expected_to_be_wrong(confidence):
    assert confidence.scores.tolist() == [1 + 5, 10 + 3 + 1, 3]


def test_surplus_and_missing_add_up_to_the_same(confidence):  # a voxel that is wrong is missing elsewhere
    assert confidence.missing.tolist() == [[4, 1, 1], [2, 1, 11], [0, 2.5, 0.5]]
    assert np.array_equal(confidence.missing.sum(axis=1), confidence.scores)


def test_a_structures_confidence_is_the_mean_probability_of_its_voxels(confidence):
    assert confidence.structures == {1: pytest.approx(32 / 40), 2: pytest.approx(19 / 20)}


def test_of_no_slices_nothing_is_told():
    assert Confidence.unknown().structures == {}
    assert slices_to_review(Confidence.unknown(), [ONE, TWO]) == []


def test_the_worst_slices_come_first_with_the_structure_most_in_doubt_and_a_reason(confidence):
    found = slices_to_review(confidence, [ONE, TWO], share=1)

    assert [(one.slice, one.axis, one.structure, one.expected_errors) for one in found] == [
        (1, 2, "Two", 14), (0, 2, "One", 6), (2, 2, "One", 3),
    ]  # fmt: skip
    under, over, unlabeled = (one.text for one in found)
    assert under.fields == {"name": "Two", "count": 12, "voxels": 20} and "under-segmentation" in under
    assert over.fields == {"name": "One", "count": 6, "voxels": 10} and "over-segmentation" in over
    assert unlabeled.fields == {"name": "One", "missing": 2.5}


def test_a_reason_can_be_translated_and_keeps_its_numbers(confidence):
    told = [one.text.translated(greek) for one in slices_to_review(confidence, [ONE, TWO], share=1)]
    assert [english(text) for text in told] == [["Two"], ["One"], ["One"]]  # the structures' own names
    assert [re.findall("[0-9]+", text) for text in told] == [["12", "20"], ["6", "10"], ["2"]]


def test_of_a_cine_the_worst_slices_of_all_frames_come_first(confidence):
    surer = Confidence(2, VOXELS, np.maximum(SURE, VOXELS - [0, 2, 0]), EXPECTED)  # scores: 2, 2, 0
    found = frames_to_review([surer, confidence], [ONE, TWO], share=1)
    assert [(one.frame, one.slice, one.expected_errors) for one in found] == [
        (1, 1, 14), (1, 0, 6), (1, 2, 3), (0, 0, 2), (0, 1, 2),
    ]  # fmt: skip
    assert len(frames_to_review([surer, confidence], [ONE, TWO], share=0.4)) == 3  # of six slices, rounded up
    assert frames_to_review([Confidence.unknown()] * 2, [ONE, TWO]) == []


def test_a_tenth_is_looked_at_rounded_up_and_sure_slices_never(confidence):
    assert [one.slice for one in slices_to_review(confidence, [ONE, TWO])] == [1]
    sure = Confidence(0, np.array([[100, 0, 0]]), np.array([[99.5, 0, 0]]), np.array([[99.5, 0.5, 0]]))
    assert slices_to_review(sure, [ONE, TWO]) == []


@pytest.mark.parametrize(("slices", "count"), [(1, 1), (10, 1), (11, 2), (20, 2), (182, 19)])
def test_the_worst_tenth_is_rounded_up(slices, count):
    assert len(worst(np.arange(slices), 0.1)) == count


def test_of_equal_scores_the_first_slice_comes_first():
    assert worst(np.array([1, 3, 3, 2]), 0.75).tolist() == [1, 2, 3]


def test_errors_held_are_those_of_the_highest_scores():
    scores, errors = np.array([5, 1, 4, 0]), np.array([10, 20, 30, 40])

    assert errors_held(scores, errors, 0.5) == 0.4
    assert errors_held(errors, errors, 0.5) == 0.7
    assert np.isnan(errors_held(scores, np.zeros(4), 0.5))


def test_a_reliability_curve_by_hand():
    curve = reliability(np.array([0.5, 0.625, 0.875, 1.0]), np.array([True, False, True, True]), bins=4)

    assert [one.voxels for one in curve] == [0, 0, 2, 2]
    assert (curve[2].low, curve[2].high, curve[2].confidence, curve[2].right) == (0.5, 0.75, 0.5625, 0.5)
    assert (curve[3].confidence, curve[3].right) == (0.9375, 1.0) and np.isnan(curve[0].confidence)
    assert calibration_error(curve) == (2 * 0.0625 + 2 * 0.0625) / 4
