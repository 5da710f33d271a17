"""Each notice appears where it should, from labels drawn by hand, and does not appear just below its limit."""

from dataclasses import replace

import numpy as np
import pytest

from DINSegmentLib.geometry import Geometry
from DINSegmentLib.measure import flags, flags_of_cine, statistics
from DINSegmentLib.measure.flags import LEAST_CONFIDENCE, MOST_APART
from DINSegmentLib.model import Code, Label, find_model, read_manifest
from DINSegmentLib.notices import Notice

PART = Code("SCT", "0", "Part")

ONE, TWO = Label(1, "One", (0, 0, 0), PART, plausible_ml=(0.5, 2.0)), Label(2, "Two", (0, 0, 0), PART)
SHAPE = (10, 20, 30)


def model_of(*labels):
    return replace(find_model("cardiac-mr"), labels=labels)


def box(*corners, value=1, labels=None):
    """Labels with a box from (k, j, i) to (k, j, i)."""
    labels = np.zeros(SHAPE, np.uint8) if labels is None else labels
    labels[tuple(slice(*pair) for pair in zip(*corners, strict=True))] = value
    return labels


def raised(labels, *known, mm3=1.0, confidence=None, removed=None, model=None) -> list[Notice]:
    """Flags of labels whose voxels have a volume in mm^3."""
    geometry = Geometry(labels.shape, np.diag([mm3, 1, 1, 1]))
    found = statistics(labels, labels, geometry, known, 0)
    return flags(labels, found, geometry, model or model_of(*known), confidence, removed)


@pytest.fixture
def cube():
    """1000 voxels, which are 1 ml of 1 mm^3 each, away from every edge."""
    return box((0, 5, 5), (10, 15, 15))


def test_a_good_structure_has_no_flag_even_in_the_first_and_last_slice(cube):
    assert raised(cube, ONE, confidence={1: 0.99}) == []


def test_a_structure_without_a_voxel_is_missing_and_nothing_else(cube):
    (flag,) = raised(cube, ONE, replace(ONE, value=3, name="Three"), confidence={1: 0.99})

    assert (flag.kind, flag.structure) == ("missing", "Three")


@pytest.mark.parametrize(("mm3", "told"), [(0.499, True), (0.5, False), (2.0, False), (2.001, True), (30.0, True)])
def test_a_volume_outside_the_models_range_is_told_with_both(cube, mm3, told):
    found = raised(cube, ONE, mm3=mm3)

    fields = {"name": "One", "volume": pytest.approx(mm3), "low": 0.5, "high": 2.0}
    assert [(flag.kind, flag.text.fields) for flag in found] == [("volume", fields)] * told


def test_a_model_that_knows_no_volumes_calls_none_implausible(cube):
    assert raised(cube, replace(ONE, plausible_ml=None), mm3=1e6) == []


@pytest.mark.parametrize(("length", "pieces"), [(4, []), (5, ["parts"])])  # 40 of 840 voxels, and 50 of 850
def test_more_than_a_twentieth_outside_the_largest_part_is_told(length, pieces):
    labels = box((1, 5, 5), (9, 15, 15))  # 800 voxels
    labels[1:2, 5:15, 17 : 17 + length] = 1
    found = raised(labels, ONE)

    assert [flag.kind for flag in found] == pieces
    if found:
        assert "0.05 ml (6%)" in found[0].text
    assert 40 / 840 < MOST_APART < 50 / 850


def test_parts_that_meet_at_a_corner_in_space_are_one():
    labels = box((1, 5, 5), (4, 8, 8))
    assert raised(box((4, 8, 8), (7, 11, 11), labels=labels), replace(ONE, plausible_ml=None)) == []


def test_parts_of_one_structure_are_not_joined_by_another(cube):
    bridged = box((2, 8, 8), (4, 12, 12), value=2, labels=cube)
    bridged[4, 5:15, 5:15] = 2  # cuts the first in two, of 4 and 5 slices
    found = raised(bridged, replace(ONE, plausible_ml=None), TWO)

    assert [(flag.kind, flag.structure) for flag in found] == [("parts", "One")]


@pytest.mark.parametrize(
    ("start", "stop"),
    [((3, 0, 5), (6, 4, 9)), ((3, 16, 5), (6, 20, 9)), ((3, 5, 0), (6, 9, 4)), ((3, 5, 26), (6, 9, 30))],
)
def test_a_structure_at_the_edge_of_a_slice_is_told(start, stop):
    (flag,) = raised(box(start, stop), replace(ONE, plausible_ml=None))

    assert (flag.kind, flag.structure) == ("border", "One")


def test_parts_that_a_clean_up_removed_are_told_above_a_twentieth_of_what_was_found(cube):
    assert raised(cube, ONE, removed={1: 52}) == []  # of 1052, 4.94%
    (flag,) = raised(cube, ONE, removed={1: 250})

    assert flag.kind == "parts"
    assert "0.25 ml (20%)" in flag.text and "removed" in flag.text


def test_an_uncertain_structure_is_told_and_one_at_the_bound_is_not(cube):
    assert raised(cube, ONE, confidence={1: LEAST_CONFIDENCE}) == []
    (flag,) = raised(cube, ONE, confidence={1: 0.6})

    assert flag.kind == "confidence"
    assert flag.text.fields == {"name": "One", "confidence": 0.6, "threshold": LEAST_CONFIDENCE}


def test_flags_come_by_structure_in_the_models_order_and_then_by_kind():
    labels = box((1, 0, 5), (9, 10, 15))
    labels[2, 12:15, 20:29] = 2
    labels[5, 12:15, 20:29] = 2
    found = raised(labels, TWO, ONE, mm3=9.0, confidence={1: 0.1, 2: 0.1})

    assert [(flag.structure, flag.kind) for flag in found] == [
        ("Two", "parts"), ("Two", "confidence"), ("One", "volume"), ("One", "border"), ("One", "confidence"),
    ]  # fmt: skip
    for flag in found:  # one sentence that names the structure and what to do or why it matters
        assert flag.text.startswith(flag.structure) and ": " in flag.text and flag.text.endswith(".")


def test_labels_are_only_read(cube):
    before = cube.copy()
    cube.flags.writeable = False
    raised(cube, ONE)

    assert np.array_equal(cube, before)


def test_labels_of_another_grid_and_statistics_that_lack_a_structure_are_refused(cube):
    geometry = Geometry(SHAPE, np.eye(4))
    found = statistics(cube, cube, geometry, [ONE], 0)

    with pytest.raises(ValueError, match="differ in shape"):
        flags(cube[1:], found, geometry, model_of(ONE))
    with pytest.raises(ValueError, match="no statistics of Two"):
        flags(cube, found, geometry, model_of(ONE, TWO))


@pytest.fixture
def late_model(repository):
    return read_manifest(repository / "Resources" / "Models" / "CardiacLGE")


@pytest.mark.parametrize(
    ("wall", "cine", "late"),
    [(100, True, False), (119, True, False), (121, False, True), (174, False, True), (176, True, False)],
)
def test_a_wall_as_bright_as_in_another_kind_of_picture_is_told(late_model, wall, cine, late):
    """Brightness from 100, the least value of the volume, to 200 of the cavity: bounds are 120 and 175."""
    cine_model = find_model("cardiac-mr")
    for model, told, cavity_value in ((cine_model, cine, 3), (late_model, late, 1)):
        labels = box((3, 5, 5), (6, 10, 10), value=2)
        labels = box((3, 11, 5), (6, 15, 10), value=cavity_value, labels=labels)
        image = np.select([labels == 2, labels == cavity_value], [wall, 200], 100)
        geometry = Geometry(labels.shape, np.diag([10.0, 10.0, 10.0, 1.0]))
        found = flags(labels, statistics(labels, image, geometry, model.labels, 0), geometry, model, lowest=100.0)
        assert [flag.structure for flag in found if flag.kind == "contrast"] == ["Left ventricle"] * told, model.id
        text = "".join(flag.text for flag in found if flag.kind == "contrast")
        assert (f"{wall - 100}% as bright" in text) == told


def test_the_contrast_is_not_looked_at_where_nothing_is_known_of_it():
    model = find_model("cardiac-mr")
    labels = box((3, 5, 5), (6, 10, 10), value=2)  # no cavity
    geometry = Geometry(labels.shape, np.eye(4))
    found = statistics(labels, labels, geometry, model.labels, 0)
    assert all(flag.kind != "contrast" for flag in flags(labels, found, geometry, model, lowest=0.0))
    labels = box((3, 11, 5), (6, 15, 10), value=3, labels=labels)
    found = statistics(labels, np.ones(SHAPE), geometry, model.labels, 0)
    assert all(flag.kind != "contrast" for flag in flags(labels, found, geometry, model))
    assert all(flag.kind != "contrast" for flag in flags(labels, found, geometry, model, lowest=1.0))


def test_an_infarct_may_be_missing_or_in_pieces(late_model):
    labels = box((3, 5, 5), (6, 15, 10), value=2)
    labels = box((3, 11, 15), (6, 15, 20), value=1, labels=labels)
    labels[3, 6, 6], labels[5, 14, 9] = 3, 3
    found = raised(labels, *late_model.labels, mm3=500.0, model=late_model)
    assert [(flag.kind, flag.structure) for flag in found] == []


def test_of_a_cine_end_systole_is_checked_too_but_says_nothing_twice(cube):
    apart = box((0, 2, 20), (2, 12, 28), labels=cube.copy())  # a fifth of it somewhere else
    geometry, model, phases = Geometry(SHAPE, np.eye(4)), model_of(ONE, TWO), (0, 2)
    found = flags_of_cine(np.stack([cube, cube, apart]), None, phases, geometry, model)
    assert [(one.kind, one.structure, one.frame) for one in found] == [("missing", "Two", None), ("parts", "One", 2)]
    assert [one.kind for one in flags_of_cine(np.stack([cube, apart]), None, (0, None), geometry, model)] == ["missing"]


def test_the_plausible_volumes_of_a_cine_are_those_of_end_diastole(cube):
    small = box((0, 5, 5), (1, 10, 10))
    geometry, model = Geometry(SHAPE, np.eye(4)), model_of(ONE)
    assert flags_of_cine(np.stack([cube, small]), None, (0, 1), geometry, model) == []
    assert [one.kind for one in flags_of_cine(np.stack([small, cube]), None, (0, 1), geometry, model)] == ["volume"]
