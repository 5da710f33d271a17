"""Lengths in a header's own unit become mm, unless they are mm already; a warning says which."""

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from DINSegmentLib.io import read, read_cine, write_labelmap
from DINSegmentLib.io.probe import peek

VALUES = np.arange(2 * 4 * 3 * 5, dtype=np.int16).reshape(2, 4, 3, 5)  # (T, K, J, I)
SPACING, ORIGIN = np.array([1.4, 1.2, 10.0]), np.array([50.0, -60.0, 70.0])  # in mm; the origin in LPS
MM_OF_UNIT = {"m": 1e3, "meter": 1e3, "cm": 10.0, "um": 1e-3, "micron": 1e-3, "micrometer": 1e-3}


def write_nifti(path, unit, spacing, origin, frames=VALUES[:1]):
    affine = np.diag([*-spacing[:2], spacing[2], 1.0])
    affine[:3, 3] = origin * (-1, -1, 1)
    picture = nibabel.Nifti1Image(np.squeeze(frames.T), affine)
    picture.header.set_xyzt_units(unit, "msec")
    picture.set_qform(affine, 1)
    picture.set_sform(affine, 1)
    picture.header["pixdim"][4] = 40
    nibabel.save(picture, path)


def write_metaimage(path, unit, spacing, origin):
    place = f"ElementSpacing = {' '.join(map(str, spacing))}\nOffset = {' '.join(map(str, origin))}\n"
    head = f"ObjectType = Image\nNDims = 3\nDimSize = 5 3 4\nDistanceUnits = {unit}\n{place}"
    path.write_bytes(f"{head}ElementType = MET_SHORT\nElementDataFile = LOCAL\n".encode() + VALUES[0].tobytes())


def write_nrrd(path, unit, spacing, origin):
    steps = " ".join(f"({','.join(map(str, row))})" for row in np.diag(spacing))
    lines = [
        "NRRD0004", "type: short", "dimension: 3", "sizes: 5 3 4", "encoding: raw", "endian: little", "space: LPS",
        f"space directions: {steps}", f"space origin: ({','.join(map(str, origin))})",
        f'space units: "{unit}" "{unit}" "{unit}"', "\n",
    ]  # fmt: skip
    path.write_bytes("\n".join(lines).encode() + VALUES[0].tobytes())


FILES = [
    ("a.nii", write_nifti, "meter"), ("a.nii.gz", write_nifti, "micron"), ("a.mha", write_metaimage, "cm"),
    ("a.mha", write_metaimage, "um"), ("a.nrrd", write_nrrd, "cm"), ("a.nrrd", write_nrrd, "m"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "write", "unit"), FILES)
@pytest.mark.parametrize("true", [True, False])
def test_an_image_has_its_size_in_mm_whether_its_unit_is_true_or_not(tmp_path, name, write, unit, true):
    factor = MM_OF_UNIT[unit] if true else 1
    write(tmp_path / name, unit, SPACING / factor, ORIGIN / factor)
    found = read(tmp_path / name)
    np.testing.assert_allclose(found.geometry.spacing, SPACING, rtol=1e-6)
    np.testing.assert_allclose(found.geometry.ijk_to_ras[:3, 3], ORIGIN * (-1, -1, 1), rtol=1e-6)
    np.testing.assert_allclose(peek(tmp_path / name).geometry.ijk_to_ras, found.geometry.ijk_to_ras, rtol=1e-6)
    (notice,) = found.notices
    assert notice.kind == "input" and ("converted" in notice.text) == true and ("mm was assumed" in notice.text) != true


@pytest.mark.parametrize(("name", "write", "unit"), [one for one in FILES if one[2] in ("micron", "um")])
def test_a_length_that_no_unit_makes_plausible_is_taken_as_mm(tmp_path, name, write, unit):
    write(tmp_path / name, unit, SPACING / 10, ORIGIN)
    found = read(tmp_path / name)
    np.testing.assert_allclose(found.geometry.spacing, SPACING / 10, rtol=1e-6)
    assert "mm was assumed" in found.notices[0].text


@pytest.mark.parametrize("unit", ["mm", "?"])
def test_usual_units_of_a_metaimage_are_not_noticed(tmp_path, unit):
    write_metaimage(tmp_path / "a.mha", unit, SPACING, ORIGIN)
    assert not read(tmp_path / "a.mha").notices


@pytest.mark.parametrize("true", [True, False])
def test_frame_times_do_not_change_with_the_unit_of_length(tmp_path, true):
    factor = 1e3 if true else 1
    write_nifti(tmp_path / "a.nii", "meter", SPACING / factor, ORIGIN / factor, VALUES)
    cine = read_cine(tmp_path / "a.nii")
    np.testing.assert_allclose(cine.first.geometry.spacing, SPACING, rtol=1e-6)
    assert cine.times == pytest.approx((0, 0.04))


@pytest.mark.parametrize("true", [True, False])
def test_labels_lie_on_the_grid_of_a_file_with_another_unit(tmp_path, true):
    factor = 1e3 if true else 1
    write_nifti(tmp_path / "a.nii", "meter", SPACING / factor, ORIGIN / factor)
    found = read(tmp_path / "a.nii")
    write_labelmap(VALUES[0] % 3, found, tmp_path / "labels.nii.gz")
    np.testing.assert_array_equal(read(tmp_path / "labels.nii.gz").geometry.ijk_to_ras, found.geometry.ijk_to_ras)
    paths = (tmp_path / "a.nii", tmp_path / "labels.nii.gz")
    image, labels = (sitk.ReadImage(str(path)) for path in paths)  # as in other programs
    assert labels.GetSpacing() == image.GetSpacing() and labels.GetOrigin() == image.GetOrigin()


def test_qform_and_sform_that_differ_are_noticed_in_meters_too(tmp_path):
    write_nifti(tmp_path / "a.nii", "meter", SPACING / 1e3, ORIGIN / 1e3)
    picture = nibabel.load(tmp_path / "a.nii")
    moved = picture.affine.copy()
    moved[0, 3] += 0.02
    picture.set_qform(moved, 1)
    nibabel.save(picture, tmp_path / "b.nii")
    texts = " ".join(notice.text for notice in read(tmp_path / "b.nii").notices)
    assert "differ by up to 20 mm" in texts
