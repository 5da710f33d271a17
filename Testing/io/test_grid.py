"""Slice positions: regular within their precision, rejected with the slice's name, or resampled."""

import numpy as np
import pytest
from input_files import image

from DINSegmentLib.errors import GeometryError
from DINSegmentLib.io import Reading, read, read_cine
from DINSegmentLib.io.probe import peek

MR = "1.2.840.10008.5.1.4.1.1.4"
SIZE = 12


def ramp(positions) -> np.ndarray:
    """Values of a linear field 100 + 2x + 3y + 5z on slices whose first pixels lie at these places."""
    j, i = np.indices((SIZE, SIZE))
    return np.array([100 + 2 * (x + i) + 3 * (y + j) + 5 * z for x, y, z in positions])


def stack(folder, positions, digits=4, frames=1, moved=lambda t: np.zeros(3)):
    for t in range(frames):
        for k, position in enumerate(np.asarray(positions, float) + moved(t)):
            image(
                folder / f"{k}_{t}", "1.2", k, MR, Modality="MR", Rows=SIZE, Columns=SIZE, TriggerTime=40 * t,
                InstanceNumber=100 * t + k, ImagePositionPatient=[f"{v:.{digits}f}" for v in position],
                PixelData=np.rint(ramp([position])[0]).astype("<u2").tobytes(),
            )  # fmt: skip
    return folder


def straight(count=7, step=10.0):
    return np.array([[0, 0, step * k] for k in range(count)])


@pytest.mark.parametrize(("step", "digits"), [(0.625, 1), (1.25, 1), (0.625, 2), (2.5, 1), (10, 0)])
def test_positions_are_regular_within_the_precision_in_which_they_were_written(tmp_path, step, digits):
    found = read(stack(tmp_path, straight(9, step), digits)).geometry
    assert found.spacing[2] == pytest.approx(step, abs=10.0**-digits / 8)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({3: (15, 0, 0)}, r"15 mm beside the others, 3_0 \(series 1"),
        ({0: (0, 4, 0)}, r"4 mm beside the others, 0_0 \("),
        ({6: (-3, 0, 0)}, r"3 mm beside the others, 6_0 \("),
        ({4: (0, 0, 2)}, r"unevenly spaced slices \(12 mm instead of 10 mm after 3_0 \(series"),
        ({k: (2 * k, 0, 0) for k in range(7)}, "tilted gantry"),
    ],
    ids=["middle", "first", "last", "height", "tilt"],
)
def test_a_slice_off_the_grid_is_refused_by_name(tmp_path, change, words):
    positions = straight()
    for k, move in change.items():
        positions[k] += move
    stack(tmp_path, positions)
    for look in (read, peek):
        with pytest.raises(GeometryError, match=words):
            look(tmp_path)


def test_a_gap_is_refused_by_name(tmp_path):
    with pytest.raises(GeometryError, match=r"20 mm instead of 10 mm after 3_0"):
        read(stack(tmp_path, np.delete(straight(8), 4, axis=0)))


@pytest.mark.parametrize(
    "positions",
    [
        np.delete(straight(8), 4, axis=0),
        straight() + np.array([[0, 0, 0]] * 3 + [[3.5, 0, 0]] + [[0, 0, 0]] * 3),
        straight() + np.array([[0, 1.5 * k, 0] for k in range(7)]),
        straight() + np.array([[0, 0, 0]] * 4 + [[0, 0, 2.5]] + [[0, 0, 0]] * 2),
    ],
    ids=["gap", "shift", "tilt", "height"],
)
def test_resampled_voxels_have_the_value_of_their_place(tmp_path, positions):
    """A linear field is the same after linear resampling, wherever the slices were taken."""
    found = read(stack(tmp_path, positions), reading=Reading(resample=True))
    assert "resampled to a regular grid" in found.notices[0].text
    k, j, i = np.indices(found.array.shape)
    places = np.stack([i, j, k, np.ones_like(i)], -1) @ found.geometry.ijk_to_ras.T
    truth = 100 - 2 * places[..., 0] - 3 * places[..., 1] + 5 * places[..., 2]  # LPS to RAS
    sides = [int(round(np.ptp(positions[:, axis]))) + 1 for axis in (0, 1)]  # columns and rows without all slices
    inner = (slice(None), slice(sides[1], SIZE - 1), slice(sides[0], SIZE - 1))
    np.testing.assert_allclose(found.array[inner], truth[inner], atol=0.51)  # stored as whole numbers
    np.testing.assert_allclose(found.geometry.spacing, [1, 1, 10])


def test_a_regular_stack_is_left_alone_by_resampling(tmp_path):
    stack(tmp_path, straight())
    plain, asked = read(tmp_path), read(tmp_path, reading=Reading(resample=True))
    assert asked.array.dtype == plain.array.dtype and not asked.notices and len(asked.slices) == 7


def test_a_cine_is_resampled_as_a_whole(tmp_path):
    positions = straight()
    positions[3, 0] = 5
    cine = read_cine(stack(tmp_path, positions, frames=2), reading=Reading(resample=True))
    assert cine.array.shape == (2, 7, SIZE, SIZE + 5)


def test_a_frame_that_lies_elsewhere_is_refused(tmp_path):
    with pytest.raises(GeometryError, match="mm away from its position in other frames"):
        read_cine(stack(tmp_path, straight(), frames=2, moved=lambda t: np.array([3 * t, 0, 0])))


def test_slices_of_dicom_lie_as_they_were_acquired_however_thin_they_are(tmp_path):
    assert read(stack(tmp_path, straight(7, 0.5))).geometry.across == 0
    assert read(tmp_path, reading=Reading(slices="i")).geometry.across == 2
