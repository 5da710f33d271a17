"""Labels do not depend on how a volume is stored, and slices have the orientation of the training data."""

from dataclasses import replace
from itertools import permutations, product

import numpy as np
import pytest

from DINSegmentLib.geometry import Geometry
from DINSegmentLib.model import Axes
from DINSegmentLib.model.orientation import orientation

ORDERS = [(order, flips) for order in permutations(range(3)) for flips in product((False, True), repeat=3)]
FIXED, STACK = Axes("S", "L", "A"), Axes("stack", "PI", "L")


def rotation(*degrees: float) -> np.ndarray:
    """Turned about R, then A, then S."""
    turned = np.eye(3)
    for axis, angle in enumerate(np.radians(degrees)):
        a, b = (axis + 1) % 3, (axis + 2) % 3
        step = np.eye(3)
        step[[a, a, b, b], [a, b, a, b]] = np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)
        turned = step @ turned
    return turned


def grid(shape, spacing=(1.2, 1.7, 4.0), directions=None, origin=(11.0, -7.0, 3.0)) -> Geometry:
    """Grid of (K, J, I) voxels; spacing along I, J, K; directions one column for each of I, J, K."""
    matrix = np.eye(4)
    matrix[:3, :3] = (np.eye(3) if directions is None else directions) * spacing
    matrix[:3, 3] = origin
    return Geometry(shape, matrix)


GRIDS = {
    "straight": grid((3, 23, 18)),
    "oblique": grid((3, 23, 18), directions=rotation(20, -35, 30)),
    "no resampling": grid((3, 20, 18), spacing=(1.5, 1.5, 8.0), directions=rotation(0, 10, 0)),
    "isotropic": grid((8, 9, 10), spacing=(1.5, 1.5, 1.5), directions=rotation(3, 4, 5)),
    "half-way between two axes": grid((3, 23, 18), directions=rotation(45, 0, 0)),
    "half-way between three": grid((3, 23, 18), directions=rotation(45, 45, 45)),
    "slices along P and I": grid((3, 23, 18), directions=rotation(-45, 0, 0) @ np.diag([1, -1, -1])),
    "slices across the tie-break": grid((3, 23, 18), directions=rotation(-56.1, 0, 0)),
    "sheared": grid((3, 23, 18), directions=np.array([[1, 0, 0.1], [0, 1, 0.2], [0, 0, 0.97]])),
}


@pytest.mark.parametrize("name", ["oblique", "no resampling"])
def test_labels_do_not_move_when_the_volume_is_stored_in_another_axis_order(segmenter, reorder, restore, name):
    geometry = GRIDS[name]
    volume = np.random.default_rng(2).normal(100, 90, geometry.shape).astype(np.int16)
    expected = segmenter.segment(volume, geometry).labels
    assert len(np.unique(expected)) > 2  # something could move

    for order, flips in ORDERS:
        labels = segmenter.segment(*reorder(volume, geometry, order, flips)).labels
        assert labels.flags.c_contiguous
        assert np.array_equal(restore(labels, order, flips), expected), (order, flips)


CASES = [(axes, name) for axes in (FIXED, STACK) for name in GRIDS if (axes, name) != (STACK, "isotropic")]  # K decides


@pytest.mark.parametrize(("axes", "name"), CASES, ids=[f"{name}-{axes.slices}" for axes, name in CASES])
def test_every_axis_order_gives_one_oriented_array(reorder, axes, name):
    geometry = GRIDS[name]
    volume = np.arange(np.prod(geometry.shape)).reshape(geometry.shape)
    expected = orientation(geometry, axes)
    for order, flips in ORDERS:
        stored, moved = reorder(volume, geometry, order, flips)
        found = orientation(moved, axes)
        assert np.array_equal(found.to_model(stored), expected.to_model(volume)), (order, flips)
        assert np.allclose(found.spacing, expected.spacing)


@pytest.mark.parametrize(("order", "flips"), ORDERS)
def test_the_way_back_is_the_exact_inverse_without_a_copy(reorder, order, flips):
    volume, geometry = reorder(np.arange(60).reshape(3, 4, 5), grid((3, 4, 5)), order, flips)
    orient = orientation(geometry, FIXED)
    back = orient.to_stored(orient.to_model(volume))

    assert np.array_equal(back, volume)
    assert np.shares_memory(back, volume)


@pytest.mark.parametrize(("order", "flips"), ORDERS)
def test_fixed_axes_lead_rows_left_columns_anterior_slices_superior(reorder, order, flips):
    # stored RAS: i grows to the right, j to the front, k up; rounded off by a few degrees
    k, j, i = np.indices((4, 6, 5))
    volume, geometry = reorder(100 * k + 10 * j + i, grid((4, 6, 5), directions=rotation(5, -8, 11)), order, flips)
    orient = orientation(geometry, FIXED)
    s, left, front = np.indices((4, 5, 6))

    assert np.array_equal(orient.to_model(volume), 100 * s + 10 * front + (4 - left))
    assert np.allclose(orient.spacing, (4.0, 1.2, 1.7))


def test_the_training_data_of_the_abdomen_are_not_turned():
    # as the data README has them: (z, x, y), x to the left, y to the front, z up
    directions = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
    found = orientation(grid((3, 4, 5), directions=directions), FIXED)

    assert (found.order, found.flipped) == ((0, 1, 2), (False, False, False))


@pytest.mark.parametrize("axis", range(3))
def test_a_stack_runs_along_its_largest_voxels_whatever_their_direction(axis):
    spacing = [1.5, 1.5, 1.5]
    spacing[2 - axis] = 8.0
    found = orientation(grid((9, 9, 9), spacing=spacing, directions=rotation(30, 20, 10)), STACK)

    assert found.order[0] == axis
    assert np.allclose(found.spacing, (8.0, 1.5, 1.5))


@pytest.mark.parametrize(
    ("spacing", "axis"),
    [((1.4, 1.4, 10), 0), ((1.4, 10, 1.4), 1), ((10, 1.4, 1.4), 2), ((1.4, 1.4, 1.25), 0), ((1.5, 1.4, 1.4), 0)],
)
def test_slices_of_a_stack_lie_along_the_largest_voxels_or_k_where_none_stands_out(spacing, axis):
    assert orientation(grid((9, 9, 9), spacing, rotation(20, -35, 30)), STACK).order[0] == axis


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_known_slice_axis_decides_whatever_the_spacing(axis):
    geometry = replace(grid((9, 9, 9), (1.4, 1.4, 10)), slice_axis=axis)
    assert orientation(geometry, STACK).order[0] == axis
    assert orientation(geometry, FIXED).order[0] == 0  # this model's slices lie where the body is
