"""NRRD files have the position that their space defines, as in VTK's reader in Slicer."""

import bz2

import numpy as np
import pytest
from slicer_core.vtkTeem import vtkTeemNRRDReader

from DINSegmentLib.errors import InputError
from DINSegmentLib.io import count_frames, read, read_cine
from DINSegmentLib.io.probe import peek

VALUES = np.arange(16, dtype=np.int16).reshape(4, 2, 2)
STEPS = np.linalg.qr(np.array([[2.0, 0.3, 0.1], [-0.2, 1.5, 0.4], [0.3, -0.1, 3.0]]))[0] * (2, 1.5, 3)
"""Columns: from a voxel to the next along I, J, K."""

ORIGIN = np.array([10.0, -20.0, 30.0])
PATIENT = {
    "left-posterior-superior": (-1, -1, 1), "LPS": (-1, -1, 1), "right-anterior-superior": (1, 1, 1),
    "RAS": (1, 1, 1), "left-anterior-superior": (-1, 1, 1), "LAS": (-1, 1, 1),
}  # fmt: skip
"""Spaces of a patient, and the signs that make them RAS."""

NOT_PATIENT = ("scanner-xyz", "3D-right-handed", "3D-left-handed")


def vector(numbers) -> str:
    return "(" + ",".join(repr(float(one)) for one in numbers) + ")"


def write(path, *lines: str, data: bytes = VALUES.astype("<i2").tobytes(), encoding: str = "raw", sizes="2 2 4"):
    header = [
        "NRRD0004", "type: short", f"dimension: {len(sizes.split())}", f"sizes: {sizes}", "endian: little",
        f"encoding: {encoding}", *lines,
    ]  # fmt: skip
    path.write_bytes(("\n".join(header) + "\n\n").encode() + data)
    return path


def placed(path, space: str, **other):
    columns = " ".join(map(vector, STEPS.T))
    return write(path, f"space: {space}", f"space directions: {columns}", f"space origin: {vector(ORIGIN)}", **other)


def by_vtk(path) -> np.ndarray:
    """(4, 4) from IJK to RAS."""
    reader = vtkTeemNRRDReader()
    reader.SetFileName(str(path))
    reader.Update()
    matrix = reader.GetRasToIjkMatrix()
    return np.linalg.inv([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])


@pytest.mark.parametrize(("space", "signs"), PATIENT.items(), ids=PATIENT)
def test_an_image_lies_where_its_space_says(tmp_path, space, signs):
    path = placed(tmp_path / "a.nrrd", space)
    image = read(path)
    truth = np.diag(signs) @ np.column_stack([STEPS, ORIGIN])
    np.testing.assert_allclose(image.geometry.ijk_to_ras[:3], truth, atol=1e-9)
    np.testing.assert_allclose(by_vtk(path)[:3], truth, atol=1e-9)
    np.testing.assert_allclose(peek(path).geometry.ijk_to_ras, image.geometry.ijk_to_ras)
    np.testing.assert_array_equal(image.array, VALUES)
    assert not image.notices


@pytest.mark.parametrize("space", [*PATIENT, *NOT_PATIENT, ""])
def test_an_image_without_an_origin_keeps_its_directions(tmp_path, space):
    columns = " ".join(map(vector, STEPS.T))
    path = write(
        tmp_path / "a.nrrd", f"space: {space}" if space else "space dimension: 3", f"space directions: {columns}"
    )
    image = read(path)
    np.testing.assert_allclose(image.geometry.ijk_to_ras[:3, :3], by_vtk(path)[:3, :3], atol=1e-9)
    np.testing.assert_allclose(peek(path).geometry.ijk_to_ras, image.geometry.ijk_to_ras)
    assert not image.geometry.ijk_to_ras[:3, 3].any() and len(image.notices) == (space not in PATIENT)


@pytest.mark.parametrize("space", NOT_PATIENT)
def test_a_space_that_is_not_the_patients_is_taken_as_slicer_takes_it_and_noticed(tmp_path, space):
    path = placed(tmp_path / "a.nrrd", space)
    image = read(path)
    np.testing.assert_allclose(image.geometry.ijk_to_ras, by_vtk(path), atol=1e-9)
    (notice,) = image.notices
    assert notice.kind == "input" and f'"{space}"' in notice.text and "left and right" in notice.text


def test_a_space_that_only_has_dimensions_is_taken_as_slicer_takes_it_and_noticed(tmp_path):
    columns = " ".join(map(vector, STEPS.T))
    path = write(
        tmp_path / "a.nrrd", "space dimension: 3", f"space directions: {columns}", f"space origin: {vector(ORIGIN)}"
    )
    image = read(path)
    np.testing.assert_allclose(image.geometry.ijk_to_ras, by_vtk(path), atol=1e-9)
    assert "does not say in which space" in image.notices[0].text


def test_spacings_without_a_space_are_noticed(tmp_path):
    image = read(write(tmp_path / "a.nrrd", "spacings: 2 1.5 3"))
    assert image.geometry.spacing == pytest.approx([2, 1.5, 3])
    assert "does not say in which space" in image.notices[0].text


@pytest.mark.parametrize("space", [*(f"{name}-time" for name in PATIENT if "-" in name), "LPST", "LAST", "RAST"])
@pytest.mark.parametrize("kinds", [True, False])
def test_a_space_with_time_is_read_at_the_place_of_its_three_axes(tmp_path, space, kinds):
    vectors = " ".join([*(vector([*column, 0]) for column in STEPS.T), "(0,0,0,40)"])
    lines = [f"space: {space}", f"space directions: {vectors}", f"space origin: {vector([*ORIGIN, 0])}"]
    if kinds:
        lines.append("kinds: space space space time")
    beat = np.stack([VALUES, VALUES + 100])
    path = write(tmp_path / "a.nrrd", *lines, data=beat.astype("<i2").tobytes(), sizes="2 2 4 2")
    truth = np.diag(PATIENT[space.removesuffix("-time").removesuffix("T")]) @ np.column_stack([STEPS, ORIGIN])
    cine = read_cine(path)
    assert count_frames(path) == 2
    np.testing.assert_array_equal(cine.array, beat)
    np.testing.assert_allclose(cine.first.geometry.ijk_to_ras[:3], truth, atol=1e-9)


@pytest.mark.parametrize("encoding", ["bzip2", "bz2"])
def test_voxels_packed_with_bzip2_are_refused_as_such(tmp_path, encoding):
    """The libraries that read NRRD here, and Slicer, are built without bzip2."""
    packed = bz2.compress(VALUES.astype("<i2").tobytes())
    path = placed(tmp_path / "a.nrrd", "LPS", data=packed, encoding=encoding)
    for look in (read, peek):
        with pytest.raises(InputError, match="bzip2"):
            look(path)
