"""Infarct by segment: the phantom's scar, whose place and depth are known, in every storage order tried."""

from dataclasses import replace

import numpy as np
import pytest
from pytest import approx

from DINSegmentLib.errors import ModelError
from DINSegmentLib.geometry import Geometry
from DINSegmentLib.measure.infarct_segments import infarct_segments
from DINSegmentLib.measure.regional import regional_function
from DINSegmentLib.model import Code, Label, find_model
from DINSegmentLib.phantom import CardiacPhantom
from DINSegmentLib.phantom.heart import RV_HALF_ANGLE, Scar

HEART = find_model("cardiac-mr")
NAMES = {1: ("Cavity", "87878005"), 2: ("Healthy myocardium", "74281007"), 3: ("Infarct", "55641003")}
LATE = replace(
    HEART,
    labels=tuple(Label(value, name, (0, 0, 0), Code("SCT", code, name)) for value, (name, code) in NAMES.items()),
)
SCAR = Scar()  # half of the wall, from the inner side, between 1.5 and 2.9 radians


@pytest.fixture(scope="module")
def late():
    phantom = CardiacPhantom(scar=SCAR)
    return phantom.frame(0.0)[1], phantom.geometry


@pytest.fixture(scope="module")
def insertion(late):
    """Of the same person's cine."""
    phantom = CardiacPhantom()
    return regional_function(phantom.frame(0.0)[1], None, phantom.geometry, HEART).insertion


def test_the_scars_share_of_each_segment_is_that_of_its_angles_and_depth(late, insertion):
    found = infarct_segments(*late, LATE, insertion)

    free = (np.pi - RV_HALF_ANGLE) / 2  # of a segment: anterior from the insertion on, then anterolateral
    begin, end = SCAR.middle - SCAR.half_width, SCAR.middle + SCAR.half_width
    anterior = 50 * (RV_HALF_ANGLE + free - begin) / free
    lateral = 50 * (end - RV_HALF_ANGLE - free) / free
    # apical: sectors of 90 degrees around mid-septum, at 0, positive toward the anterior wall
    truth = {1: anterior, 7: anterior, 6: lateral, 12: lateral}
    truth |= {13: 50 * (3 * np.pi / 4 - begin) / (np.pi / 2), 16: 50 * (end - 3 * np.pi / 4) / (np.pi / 2)}
    for number in range(1, 17):
        assert found.share_percent[number] == approx(truth.get(number, 0), abs=4), number
    assert found.notices == () and 17 not in found.share_percent


def test_the_storage_order_changes_nothing(late, insertion):
    labels, geometry = late
    matrix = geometry.ijk_to_ras.copy()
    matrix[:3, 3] += matrix[:3, 2] * (len(labels) - 1)  # the last slice becomes the first
    matrix[:3, 2] *= -1
    matrix[:3, [0, 1]] = matrix[:3, [1, 0]]
    turned = labels[::-1].transpose(0, 2, 1)

    assert infarct_segments(turned, Geometry(turned.shape, matrix), LATE, insertion) == infarct_segments(
        *late, LATE, insertion
    )


def test_without_an_insertion_or_with_a_gap_nothing_is_reported(late, insertion):
    labels, geometry = late
    found = infarct_segments(labels, geometry, LATE, None)
    assert found.share_percent == {} and "insertions" in found.notices[0].text
    gap = labels.copy()
    gap[4] = 0
    found = infarct_segments(gap, geometry, LATE, insertion)
    assert found.share_percent == {} and "slice 5" in found.notices[0].text
    with pytest.raises(ModelError):
        infarct_segments(labels, geometry, HEART, insertion)
    with pytest.raises(ValueError, match="differ"):
        infarct_segments(labels[1:], geometry, LATE, insertion)
