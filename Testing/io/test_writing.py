"""Label maps and volumes have the position of their image, for every reader."""

import itertools
import os
import struct

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from DINSegmentLib import io
from DINSegmentLib.errors import OutputError
from DINSegmentLib.geometry import Geometry
from DINSegmentLib.io import Image, read, write_labelmap

AXIS_ORDERS = [
    (order, signs) for order in itertools.permutations(range(3)) for signs in itertools.product((1, -1), repeat=3)
]


@pytest.mark.parametrize(("order", "signs"), AXIS_ORDERS)
def test_labelmap_keeps_shape_order_and_affine(order, signs, tmp_path, voxels):
    turn = np.linalg.qr(np.array([[1.0, 0.2, 0.1], [-0.2, 1.0, 0.3], [0.0, -0.3, 1.0]]))[0]  # oblique
    affine = np.eye(4)
    affine[:3, :3] = turn @ (np.eye(3)[:, order] * signs) * (0.8, 1.25, 6.0)
    affine[:3, 3] = (5.5, -70.25, 110.125)
    nibabel.save(nibabel.Nifti1Image(voxels.T, affine), tmp_path / "v.nii.gz")
    labels = (voxels > 700).astype(np.uint8)
    write_labelmap(labels, read(tmp_path / "v.nii.gz"), tmp_path / "l.nii.gz")
    written = nibabel.load(tmp_path / "l.nii.gz")
    assert written.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(np.asarray(written.dataobj), labels.T)
    np.testing.assert_array_equal(written.affine, nibabel.load(tmp_path / "v.nii.gz").affine)
    mine, theirs = sitk.ReadImage(str(tmp_path / "l.nii.gz")), sitk.ReadImage(str(tmp_path / "v.nii.gz"))
    assert mine.IsSameImageGeometryAs(theirs, 0, 0)


@pytest.mark.parametrize("codes", [(0, 0), (1, 0), (0, 2), (1, 2)])
def test_labelmap_keeps_the_orientation_codes_of_a_nifti_input(codes, tmp_path, voxels):
    source = nibabel.Nifti1Image(voxels.T, np.diag([-1.5, -1.25, 8, 1]))
    source.set_qform(np.diag([-1.5, -1.25, 8, 1]), codes[0])
    source.set_sform(np.diag([-1.5, -1.25, 8, 1]), codes[1])
    source.header["cal_max"], source.header["descrip"] = 1500, b"scanner"
    nibabel.save(source, tmp_path / "v.nii.gz")
    write_labelmap((voxels > 0).astype(np.uint8), read(tmp_path / "v.nii.gz"), tmp_path / "l.nii.gz")
    before, after = nibabel.load(tmp_path / "v.nii.gz"), nibabel.load(tmp_path / "l.nii.gz")
    np.testing.assert_array_equal(after.affine, before.affine)
    assert (int(after.header["qform_code"]), int(after.header["sform_code"])) == codes
    assert float(after.header["cal_max"]) == 0
    np.testing.assert_array_equal(np.asarray(after.dataobj), (voxels > 0).T)


def test_big_endian_input_gives_a_readable_output(tmp_path, voxels):
    header = nibabel.Nifti1Header(endianness=">")
    source = nibabel.Nifti1Image(voxels.T.astype(">i2"), np.diag([1.5, 1.25, 8, 1]), header)
    nibabel.save(source, tmp_path / "v.nii")
    image = read(tmp_path / "v.nii")
    np.testing.assert_array_equal(image.array, voxels)
    io.write_volume(image.array.astype(np.float32) / 7, image, tmp_path / "e.nii.gz")
    np.testing.assert_array_equal(nibabel.load(tmp_path / "e.nii.gz").get_fdata(), (voxels.astype(np.float32) / 7).T)
    np.testing.assert_array_equal(read(tmp_path / "e.nii.gz").array, voxels.astype(np.float32) / 7)


def test_scaling_of_the_input_does_not_change_the_labels(tmp_path, voxels):
    source = nibabel.Nifti1Image(voxels.T.astype(float), np.eye(4))
    source.header.set_data_dtype(np.int16)
    source.header.set_slope_inter(0.25, 100)
    nibabel.save(source, tmp_path / "v.nii")
    labels = (voxels > 0).astype(np.uint8) * 3
    write_labelmap(labels, read(tmp_path / "v.nii"), tmp_path / "l.nii.gz")
    np.testing.assert_array_equal(nibabel.load(tmp_path / "l.nii.gz").get_fdata(), labels.T)


def test_a_frame_gives_a_labelmap_of_three_dimensions(tmp_path):
    frames = np.random.default_rng(0).integers(0, 9, (7, 6, 5, 4)).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(frames, np.diag([-1, -1, 2, 1])), tmp_path / "v.nii.gz")
    image = read(tmp_path / "v.nii.gz", frame=3)
    write_labelmap((image.array > 4).astype(np.uint8), image, tmp_path / "l.nii.gz")
    written = nibabel.load(tmp_path / "l.nii.gz")
    np.testing.assert_array_equal(np.asarray(written.dataobj), frames[..., 2] > 4)
    np.testing.assert_array_equal(written.affine, np.diag([-1, -1, 2, 1]))


@pytest.mark.parametrize("source", ["v.nrrd", "v.mha", "v.nhdr"])
@pytest.mark.parametrize("target", ["o.nii.gz", "o.nii", "o.nrrd", "o.mha"])
def test_volume_in_any_format_is_read_back_where_it_was(source, target, write_volume, tmp_path, voxels):
    image = read(write_volume(source))
    path = tmp_path / target
    io.write_volume(voxels / np.float32(3), image, path)
    back = read(path)
    assert back.array.dtype == np.float32
    np.testing.assert_array_equal(back.array, voxels / np.float32(3))
    np.testing.assert_allclose(back.geometry.ijk_to_ras, image.geometry.ijk_to_ras, atol=1e-5)


def test_dicom_labelmap_has_the_affine_of_the_series(write_series, tmp_path, voxels):
    image = read(write_series(orientation=(0, 1, 0, 0, 0, -1)))
    write_labelmap((voxels > 0).astype(np.uint8), image, tmp_path / "l.nii.gz")
    np.testing.assert_allclose(nibabel.load(tmp_path / "l.nii.gz").affine, image.geometry.ijk_to_ras, atol=1e-5)


def test_the_same_labels_give_the_same_bytes(write_volume, tmp_path, voxels):
    image = read(write_volume("v.nii"))
    for name in ("a.nii.gz", "b.nii.gz"):
        write_labelmap((voxels > 0).astype(np.uint8), image, tmp_path / name)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()
    assert struct.unpack("<I", (tmp_path / "a.nii.gz").read_bytes()[4:8]) == (0,)  # no time of day


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".nrrd", ".mha"])
def test_what_cannot_be_written_is_one_sentence(suffix, tmp_path):
    image = Image(np.zeros((40, 60, 60), np.int16), Geometry((40, 60, 60), np.eye(4)), "v", ())
    values = np.random.default_rng(0).random((40, 60, 60), dtype=np.float32)
    (tmp_path / f"folder{suffix}").mkdir()
    targets = [tmp_path / "none" / f"o{suffix}", tmp_path / f"folder{suffix}"]
    if os.path.exists("/dev/full"):
        (tmp_path / f"full{suffix}").symlink_to("/dev/full")
        targets.append(tmp_path / f"full{suffix}")
    for path in targets:
        with pytest.raises(OutputError) as caught:
            io.write_volume(values, image, path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_unknown_output_format_is_refused(write_volume, tmp_path, voxels):
    image = read(write_volume("v.nii"))
    with pytest.raises(OutputError, match="o.jpg is not the name of a volume file"):
        write_labelmap(voxels.astype(np.uint8), image, tmp_path / "o.jpg")
    assert not (tmp_path / "o.jpg").exists()
