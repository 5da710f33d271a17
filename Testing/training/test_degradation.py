"""Degraded images: the effect of each kind, and that they are reproducible."""

import numpy as np
import pytest

from DINSegmentLib.geometry import Geometry
from DINSegmentLib.model import Model, find_model
from DINSegmentLib.training.cases import Case
from DINSegmentLib.training.degradation import CLEAN, LEVELS, conditions, degrade

SHAPE = (6, 40, 48)
WORSE = [condition for condition in conditions() if condition != CLEAN]


@pytest.fixture(scope="module")
def heart() -> Model:
    return find_model("cardiac-mr")


@pytest.fixture(scope="module")
def case() -> Case:
    """A bright disc in a ramp, in units of its own: 100 to 1100, no voxel outside the range that a model keeps."""
    k, j, i = np.mgrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    image = 100 + 10.0 * i + 500 * (np.hypot(j - 20, i - 24) < 10 + k)
    return Case(
        "one", image.astype(np.float32), np.zeros(SHAPE, np.uint8), Geometry(SHAPE, np.diag([-1.5, -1.5, 10, 1]))
    )


def test_conditions_are_clean_and_three_levels_of_each_kind():
    assert list(conditions()) == [CLEAN, *((kind, level) for kind in LEVELS for level in (1, 2, 3))]
    assert all(list(levels) == sorted(set(levels)) for levels in LEVELS.values())


def test_clean_is_the_image_itself(case, heart):
    assert np.array_equal(degrade(case, heart, *CLEAN), case.image)


@pytest.mark.parametrize(("kind", "level"), WORSE)
def test_a_worse_picture_keeps_shape_type_and_units_and_leaves_the_case_alone(kind, level, case, heart):
    before = case.image.copy()
    worse = degrade(case, heart, kind, level)
    assert (worse.shape, worse.dtype) == (SHAPE, np.float32)
    assert np.array_equal(case.image, before)
    assert before.min() - 1 <= worse.min() and worse.max() <= before.max() + 1
    assert worse.max() - worse.min() > 300  # of 1000: not in [0, 1]
    assert np.abs(worse - before).mean() > 5


@pytest.mark.parametrize(("kind", "level"), WORSE)
def test_the_same_call_gives_the_same_picture(kind, level, case, heart):
    assert np.array_equal(degrade(case, heart, kind, level), degrade(case, heart, kind, level))


@pytest.mark.parametrize("kind", LEVELS)
def test_a_higher_level_is_farther_from_the_clean_image(kind, case, heart):
    away = [np.abs(degrade(case, heart, kind, level) - case.image).mean() for level in (1, 2, 3)]
    assert away[0] < away[1] < away[2]


def test_noise_depends_on_level_seed_and_name_and_has_the_stated_strength(case, heart):
    flat = Case("flat", np.full((8, 64, 64), 0.5, np.float32), np.zeros((8, 64, 64), np.uint8), case.geometry)
    flat.image[0, :2], flat.image[1] = 0, 1  # the range; a slice of eight is more than the percentile cuts off
    first, second = (degrade(flat, heart, "noise", level)[2:] - 0.5 for level in (1, 2))
    assert (first.std(), second.std()) == pytest.approx((0.05, 0.1), rel=0.03)
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.05
    for other in (degrade(flat, heart, "noise", 1, seed=1), degrade(_named("two", flat), heart, "noise", 1)):
        assert abs(np.corrcoef(first.ravel(), (other[2:] - 0.5).ravel())[0, 1]) < 0.05


def test_blur_stays_within_the_slice_that_the_model_sees(heart):
    image = np.zeros(SHAPE, np.float32)
    image[3, 10:30, 10:30] = 1
    blurred = degrade(
        Case("one", image, np.zeros(SHAPE, np.uint8), Geometry(SHAPE, np.diag([-1.5, -1.5, 10, 1]))), heart, "blur", 2
    )
    assert not blurred[[0, 1, 2, 4, 5]].any()
    assert 0.3 < blurred[3, 20, 9] < 0.5 and blurred[3, 20, 20] > 0.9


def test_contrast_keeps_the_order_of_gray_values_and_no_line_undoes_it(case, heart):
    before, after = case.image.ravel(), degrade(case, heart, "contrast", 2).ravel()
    order = np.argsort(before, kind="stable")
    assert (np.diff(after[order]) >= 0).all()
    slope, offset = np.polyfit(before, after, 1)
    assert np.abs(slope * before + offset - after).max() > 30  # of a range of 1000
    middle = np.abs(before - np.median([before.min(), before.max()])) < 100
    assert np.ptp(after[middle]) < 0.5 * np.ptp(before[middle])  # flat where soft tissues differ
    assert len(np.unique(after)) <= 256


def _named(name: str, case: Case) -> Case:
    return Case(name, case.image, case.label, case.geometry)
