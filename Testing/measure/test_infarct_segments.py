"""Infarct by segment: the phantom's scar, with known position and depth, in all storage orders."""

from dataclasses import replace
from itertools import permutations, product

import numpy as np
import pytest
from pytest import approx

from DINSegmentLib.errors import ModelError
from DINSegmentLib.geometry import Geometry
from DINSegmentLib.measure.infarct_segments import describe_infarct, infarct_segments
from DINSegmentLib.measure.regional import regional_function
from DINSegmentLib.measure.short_axis import Insertion, ShortAxis
from DINSegmentLib.model import Code, Label, find_model
from DINSegmentLib.notices import Severity
from DINSegmentLib.phantom import CardiacPhantom
from DINSegmentLib.phantom.heart import RV_HALF_ANGLE, Scar

pytestmark = pytest.mark.slow

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


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_scar_keeps_its_segments_in_all_storage_orders(late, insertion, order):
    """Axes permuted and flipped, geometry adjusted: 6 orders of 8 flips."""
    labels, geometry = late
    expected = infarct_segments(*late, LATE, insertion)
    for flips in product((False, True), repeat=3):
        turned = labels.transpose(order)
        matrix = geometry.ijk_to_ras.copy()
        matrix[:3, :3] = matrix[:3, :3][:, ::-1][:, list(order)][:, ::-1]
        for axis in np.flatnonzero(flips):
            turned = np.flip(turned, axis)
            matrix[:3, 3] += matrix[:3, 2 - axis] * (turned.shape[axis] - 1)
            matrix[:3, 2 - axis] *= -1
        found = infarct_segments(turned, Geometry(turned.shape, matrix), LATE, insertion)
        assert found.share_percent == approx(expected.share_percent, abs=1e-6), flips


def test_a_record_tells_the_share_of_each_segment_and_what_places_the_septum(late, insertion):
    values, notices = describe_infarct(*late, LATE, insertion, "the cine of the same study")
    assert values["insertion_from"] == "the cine of the same study" and "the cine" in notices[0].text
    assert values["segment_share_percent"]["7"] == infarct_segments(*late, LATE, insertion).share_percent[7]
    values, notices = describe_infarct(*late, LATE, None, "")
    assert values["segment_share_percent"] == {} and values["insertion_from"] is None
    assert values["infarct_ml"] > 0 and "insertions" in notices[0].text


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


def test_a_remnant_in_the_basal_slice_leaves_the_infarct_in_its_segments(late, insertion):
    labels, geometry = late[0].copy(), late[1]
    labels[:5][labels[:5] == 3] = 2  # the scar is apical
    remnant, cavity = labels.copy(), np.argwhere(labels[0] == 1)
    remnant[0] = 0
    remnant[0][tuple(cavity[:60].T)] = 1
    found = infarct_segments(remnant, geometry, LATE, insertion)
    assert found.share_percent[13] > 20 and found.notices == ()
    assert max(found.share_percent[number] for number in range(1, 7)) == 0


@pytest.mark.parametrize("known", [True, False])
def test_an_infarct_in_a_stack_that_cuts_the_ventricle_off_is_told(late, insertion, known):
    labels, geometry = late
    short = labels[:6]
    values, notices = describe_infarct(
        short, Geometry(short.shape, geometry.ijk_to_ras), LATE, insertion if known else None, "the cine"
    )
    assert [(one.severity, one.text.fields) for one in notices] == [(Severity.WARNING, {"end": "apex"})]
    assert values["infarct_ml"] > 0 and values["segment_share_percent"] == {}
    assert "within the stack" in notices[0].text


def apart(late, insertion, degrees):
    """Insertions with the same middle of the septum, but so far apart."""
    masks = (np.isin(late[0], values) for values in ([1], [2, 3], []))
    axis = ShortAxis(masks, late[1], LATE.axes)
    center = np.mean([wall.center for wall in axis.walls.values()], axis=0)
    anterior, inferior = (
        np.arctan2(*(axis.in_plane(point) - center)[::-1]) for point in (insertion.anterior, insertion.inferior)
    )
    middle = anterior + axis.turn * ((axis.turn * (inferior - anterior)) % (2 * np.pi)) / 2
    angles = middle - axis.turn * np.radians(degrees) / 2, middle + axis.turn * np.radians(degrees) / 2
    return Insertion(*(axis.in_patient(4, center + 40 * np.array((np.cos(one), np.sin(one)))) for one in angles))


def test_a_septum_of_more_than_half_the_wall_stays_where_it_is_with_a_warning(late, insertion):
    narrow, wide = (infarct_segments(*late, LATE, apart(late, insertion, degrees)) for degrees in (178, 182))
    assert wide.share_percent == approx(narrow.share_percent, abs=3) and narrow.notices == ()
    assert ["exchanged" in one.text for one in wide.notices] == [True]
    exchanged = infarct_segments(*late, LATE, Insertion(insertion.inferior, insertion.anterior))
    assert ["exchanged" in one.text for one in exchanged.notices] == [True]
