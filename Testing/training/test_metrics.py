"""The metrics: values computed by hand, and both rules for empty structures."""

import math
from typing import NamedTuple

import numpy as np
import pytest

from DINSegmentLib.errors import InputError
from DINSegmentLib.training.metrics import score


class Structure(NamedTuple):
    value: int
    name: str


LABELS = (Structure(2, "ventricle"),)
SPACING = (1.0, 2.0, 5.0)  # along I, J, K


def cube(shift: tuple[int, int, int] = (0, 0, 0)) -> np.ndarray:
    """Cube of 6 x 6 x 6 voxels of value 2, moved by `shift` voxels along (K, J, I)."""
    volume = np.zeros((20, 20, 20), np.uint8)
    k, j, i = (7 + step for step in shift)
    volume[k : k + 6, j : j + 6, i : i + 6] = 2
    return volume


def only(prediction, truth, spacing=SPACING, **options):
    (found,) = score(prediction, truth, spacing, LABELS, **options)
    return found


def test_two_equal_masks_agree_fully():
    found = only(cube(), cube())
    assert (found.outcome, found.dice, found.nsd) == ("scored", 1.0, 1.0)
    assert (found.hd95_mm, found.hd95_voxels, found.assd_mm) == (0.0, 0.0, 0.0)


def test_a_cube_shifted_by_two_voxels_along_j_scores_as_computed_by_hand():
    # A 6^3 cube has 6^3 - 4^3 = 152 surface voxels. Of the shifted cube's: its 80 on the four sides within the other
    # lie on the other's surface (0 mm); 16 lie inside it (8 at 1 mm and 8 at 2 mm from a side, along I);
    # then a ring of 20 at one voxel of J (2 mm) and the face of 36 at two (4 mm). The way back mirrors this.
    found = only(cube((0, 2, 0)), cube(), tolerance=2.0)
    assert found.dice == pytest.approx(2 * 144 / 432)
    assert found.assd_mm == pytest.approx((8 * 1 + 8 * 2 + 20 * 2 + 36 * 4) / 152)
    assert found.hd95_mm == pytest.approx(4.0)
    assert found.hd95_voxels == pytest.approx(2.0)
    assert found.nsd == pytest.approx((152 - 36) / 152)
    assert only(cube((0, 2, 0)), cube(), tolerance=1.0).nsd == pytest.approx(88 / 152)


@pytest.mark.parametrize("shift", [(2, 0, 0), (0, 2, 0), (0, 0, 2)])
def test_surface_dice_at_one_voxel_does_not_depend_on_the_spacing(shift):
    # Of 152 surface voxels the outermost face of 36 lies two voxels off; of the 16 inside the other cube, the middle 4
    # lie two voxels from every side of it.
    for spacing in (SPACING, (1.0, 1.0, 1.0), (0.1, 7.0, 3.0)):
        assert only(cube(shift), cube(), spacing).nsd_voxel == pytest.approx((152 - 36 - 4) / 152)


@pytest.mark.parametrize(("shift", "millimeters"), [((2, 0, 0), 10.0), ((0, 2, 0), 4.0), ((0, 0, 2), 2.0)])
def test_spacing_is_taken_along_i_j_k(shift, millimeters):
    found = only(cube(shift), cube())
    assert found.hd95_mm == pytest.approx(millimeters)
    assert found.hd95_voxels == pytest.approx(2.0)


def test_hd95_is_the_greater_of_both_directions():
    prediction = cube()
    prediction[7:13, 7:13, 16] = 2  # a plate of 36 voxels, 4 voxels off the cube, in the prediction only
    found = only(prediction, cube())
    assert found.hd95_mm == pytest.approx(4.0)
    assert only(cube(), prediction).hd95_mm == pytest.approx(4.0)


def test_hd95_leaves_out_one_stray_voxel_of_a_hundred_and_fifty():
    prediction = cube()
    prediction[0, 0, 0] = 2
    assert only(prediction, cube()).hd95_mm == 0.0


def test_the_border_of_the_volume_is_surface():
    # The truth's last slice of 16 lies one slice (5 mm) off the prediction, its other 40 surface voxels on it. Of the
    # prediction's 44 surface voxels, the 4 inner ones of its last slice lie 1 mm (along I) inside the truth's surface.
    truth = np.full((4, 4, 4), 2, np.uint8)
    prediction = truth.copy()
    prediction[3] = 0
    found = only(prediction, truth)
    assert found.hd95_mm == pytest.approx(5.0)
    assert found.assd_mm == pytest.approx((16 * 5 + 4 * 1) / (56 + 44))


def test_other_structures_change_nothing():
    prediction, truth = cube((0, 2, 0)), cube()
    expected = only(prediction, truth)
    prediction[0], truth[19] = 1, 3
    assert only(prediction, truth) == expected


def test_every_structure_gets_its_own_score():
    prediction, truth = cube(), cube()
    truth[0, 0, 0] = 1
    labels = (Structure(1, "a"), Structure(2, "b"))
    outcomes = [(found.value, found.name, found.outcome) for found in score(prediction, truth, SPACING, labels)]
    assert outcomes == [(1, "a", "missed"), (2, "b", "scored")]


EMPTY = np.zeros((20, 20, 20), np.uint8)


@pytest.mark.parametrize(
    ("prediction", "truth", "outcome", "ours", "family"),
    [
        (EMPTY, EMPTY, "absent", math.nan, 0.0),
        (EMPTY, cube(), "missed", 0.0, 0.0),
        (cube(), EMPTY, "spurious", 0.0, 1.0),
    ],
)
def test_empty_structures_follow_both_rules(prediction, truth, outcome, ours, family):
    found = only(prediction, truth)
    assert found.outcome == outcome
    assert (found.dice, found.nsd, found.nsd_voxel) == pytest.approx((ours, ours, ours), nan_ok=True)
    assert all(math.isnan(distance) for distance in (found.hd95_mm, found.hd95_voxels, found.assd_mm))
    assert (found.dice_family, found.hd95_family) == (family, 0.0)


def test_the_family_rule_equals_ours_where_nothing_is_empty():
    found = only(cube((0, 2, 0)), cube())
    assert (found.dice_family, found.hd95_family) == (found.dice, found.hd95_voxels)


def test_a_prediction_on_another_grid_is_refused():
    with pytest.raises(InputError, match="one 3-D grid"):
        score(cube()[1:], cube(), SPACING, LABELS)


def test_scoring_warns_of_nothing(recwarn):
    only(cube((0, 2, 0)), cube())
    assert [str(warning.message) for warning in recwarn] == []


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("seed", range(4))
def test_the_figures_are_those_of_monai(seed):
    import torch
    from monai import metrics as monai
    from scipy.ndimage import gaussian_filter

    random = np.random.default_rng(seed)
    truth, prediction = (gaussian_filter(random.normal(size=(9, 24, 20)), 2) > 0.02 for _ in range(2))
    spacing = (0.8, 1.3, 4.0)
    found = score(prediction.astype(np.uint8), truth.astype(np.uint8), spacing, [Structure(1, "blob")])[0]

    pair = tuple(torch.from_numpy(mask)[None, None] for mask in (prediction, truth))
    common = {"include_background": True, "spacing": spacing[::-1]}
    expected = {
        "dice": monai.compute_dice(*pair, include_background=True),
        "hd95_mm": monai.compute_hausdorff_distance(*pair, percentile=95, **common),
        "hd95_voxels": monai.compute_hausdorff_distance(*pair, percentile=95, include_background=True),
        "assd_mm": monai.compute_average_surface_distance(*pair, symmetric=True, **common),
        "nsd": monai.compute_surface_dice(*pair, class_thresholds=[2.0], **common),
        "nsd_voxel": monai.compute_surface_dice(*pair, class_thresholds=[1.0], include_background=True),
    }
    for name, value in expected.items():
        assert getattr(found, name) == pytest.approx(value.item(), abs=1e-5), name
