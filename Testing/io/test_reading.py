"""Files are read with the voxels and position that they define."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import nibabel
import nrrd
import numpy as np
import pytest
import SimpleITK as sitk

from DINSegmentLib import io
from DINSegmentLib.errors import InputError
from DINSegmentLib.io import case_name, read
from DINSegmentLib.scene.boot import boot

AXIS_ORDERS = [
    (order, signs) for order in itertools.permutations(range(3)) for signs in itertools.product((1, -1), repeat=3)
]


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "a.nhdr", "a.mha", "a.mhd", "A.NII.GZ", "A.NRRD"])
def test_every_format_gives_the_same_voxels_at_the_same_place(name, write_volume, voxels):
    written = write_volume(name.lower())
    path = written.rename(written.with_name(name))
    image = read(path)
    assert image.array.dtype == np.int16
    np.testing.assert_array_equal(image.array, voxels)
    expected = [[-1.5, 0, 0, 10], [0, -1.25, 0, 20], [0, 0, 8, 30], [0, 0, 0, 1]]
    np.testing.assert_allclose(image.geometry.ijk_to_ras, expected, atol=1e-8)
    assert image.name == name[0] and image.files[0] == path and image.modality is None
    assert set(image.files) == set(path.parent.iterdir())  # with the voxels beside a .nhdr or .mhd


@pytest.mark.parametrize(("order", "signs"), AXIS_ORDERS)
def test_an_axis_order_is_read_as_nibabel_reads_it(order, signs, tmp_path, voxels):
    affine = np.eye(4)
    affine[:3, :3] = (np.eye(3)[:, order] * signs) * (0.8, 1.25, 6.0)
    affine[:3, 3] = (5.0, -7.0, 11.0)
    nibabel.save(nibabel.Nifti1Image(voxels.T, affine), tmp_path / "v.nii")
    image = read(tmp_path / "v.nii")
    np.testing.assert_array_equal(image.array, voxels)
    np.testing.assert_allclose(image.geometry.ijk_to_ras, nibabel.load(tmp_path / "v.nii").affine, atol=1e-5)


def test_path_with_blanks_and_letters_beyond_ascii_is_read(write_volume, voxels, tmp_path):
    folder = tmp_path / "Ärzte 心臓"
    folder.mkdir()
    for name in ("a.nii.gz", "a.nrrd", "a.mha"):
        path = write_volume(name).rename(folder / f"Hérz ö {name}")
        np.testing.assert_array_equal(read(path).array, voxels)


def test_a_name_that_is_not_utf8_is_refused_where_itk_would_end_the_program(write_volume, write_series, tmp_path):
    odd = os.fsdecode(b"a\xff")
    image = write_volume("v.nrrd").rename(tmp_path / f"{odd}.nrrd")
    folder = write_series()
    slices = sorted(folder.iterdir())
    slices[0].rename(folder / odd)

    for call in (
        lambda: read(image),
        lambda: read(folder),
        lambda: io.read_cine(image),
        lambda: io.write_volume(np.zeros((2, 3, 4)), read(write_volume("w.nrrd")), image),
    ):
        with pytest.raises(InputError, match="not UTF-8: rename it"):
            call()


def test_scaled_values_are_read_as_values(tmp_path):
    image = nibabel.Nifti1Image(np.arange(60.0).reshape(3, 4, 5), np.eye(4))
    image.header.set_data_dtype(np.int16)
    image.header.set_slope_inter(0.5, -10)
    nibabel.save(image, tmp_path / "v.nii")
    expected = nibabel.load(tmp_path / "v.nii").get_fdata().T
    assert len(np.unique(expected)) == 60 and expected[0, 0, 0] == -10
    np.testing.assert_allclose(read(tmp_path / "v.nii").array, expected)


@pytest.mark.parametrize("name", ["cine.nii.gz", "cine.nii", "cine.mha", "list_first.nrrd", "list_last.nrrd"])
def test_a_frame_is_picked_counted_from_one(name, tmp_path):
    frames = np.random.default_rng(2).integers(0, 99, (5, 3, 6, 7)).astype(np.int16)  # (T, K, J, I)
    if name.endswith(".nrrd"):
        first = name.startswith("list_first")
        directions = [[1.5, 0, 0], [0, 1.25, 0], [0, 0, 8]]
        directions.insert(0 if first else 3, [np.nan] * 3)
        kinds = ["list", *["domain"] * 3] if first else [*["domain"] * 3, "list"]
        header = {"space": "left-posterior-superior", "space directions": directions, "kinds": kinds}
        stored = frames.transpose(0, 3, 2, 1) if first else frames.T
        nrrd.write(str(tmp_path / name), stored, header)
    else:
        volumes = [sitk.GetImageFromArray(frame) for frame in frames]
        for volume in volumes:
            volume.SetSpacing((1.5, 1.25, 8.0))
        sitk.WriteImage(sitk.JoinSeries(volumes), str(tmp_path / name))
    image = read(tmp_path / name, frame=2)
    np.testing.assert_array_equal(image.array, frames[1])
    np.testing.assert_allclose(image.geometry.spacing, (1.5, 1.25, 8.0), atol=1e-8)


def test_a_fourth_axis_of_one_is_no_cine(tmp_path, voxels):
    nibabel.save(nibabel.Nifti1Image(voxels.T[..., None], np.eye(4)), tmp_path / "v.nii.gz")
    np.testing.assert_array_equal(read(tmp_path / "v.nii.gz").array, voxels)


def test_gzip_of_several_members_is_whole(write_volume, voxels, tmp_path):
    import gzip

    raw = write_volume("v.nii").read_bytes()
    (tmp_path / "parts.nii.gz").write_bytes(gzip.compress(raw[:1000]) + gzip.compress(raw[1000:]))
    np.testing.assert_array_equal(read(tmp_path / "parts.nii.gz").array, voxels)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("x/heart.nii.gz", "heart"), ("heart.v2.nii", "heart.v2"), ("a.NRRD", "a"), ("b.nhdr", "b"), ("c d.mha", "c d"),
        ("e.mhd", "e"), ("scan.seg.nrrd", "scan.seg"), ("folder/", "folder"), ("folder/.", "folder"),
    ],
)  # fmt: skip
def test_case_name_is_the_file_name_without_its_image_suffix(path, name):
    assert case_name(path) == name


def test_case_name_keeps_dots_of_a_folder(tmp_path, monkeypatch):
    (tmp_path / "exam.nii").mkdir()
    assert case_name(tmp_path / "exam.nii") == "exam.nii"
    monkeypatch.chdir(tmp_path / "exam.nii")
    assert case_name(".") == "exam.nii"


@pytest.mark.data
@pytest.mark.parametrize("name", ["ct_small.nii.gz", "mr_small.nii.gz"])
def test_real_volume_lies_where_slicer_and_nibabel_put_it(name, shared_data):
    path = shared_data / "samples" / name
    image = read(path)
    boot()
    import slicer
    from vtkmodules.vtkCommonMath import vtkMatrix4x4

    node = slicer.util.loadVolume(str(path), {"name": "reference"})
    matrix = vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    np.testing.assert_allclose(image.geometry.ijk_to_ras, slicer.util.arrayFromVTKMatrix(matrix), atol=1e-8)
    np.testing.assert_array_equal(image.array, slicer.util.arrayFromVolume(node))
    np.testing.assert_allclose(image.geometry.ijk_to_ras, nibabel.load(path).affine, atol=1e-4)
    slicer.mrmlScene.RemoveNode(node)


def test_a_run_from_file_to_files_prints_nothing(write_volume, tmp_path):
    script = """
import sys
from pathlib import Path
import numpy as np
from DINSegmentLib import io, scene
from DINSegmentLib.model import Code, Label
from DINSegmentLib.scene.boot import boot
from DINSegmentLib.scene.files import add_volume, save_segmentation
boot()
image = io.read(sys.argv[1])
volume = add_volume(image)
labels = (image.array > 0).astype(np.uint8)
node = scene.write_segmentation(labels, volume, [Label(1, "a", (1, 2, 3), Code("SCT", "0", "a"))])
save_segmentation(node, Path(sys.argv[2]) / "o.seg.nrrd")
io.write_labelmap(labels, image, Path(sys.argv[2]) / "o.nii.gz")
io.write_volume(image.array, image, Path(sys.argv[2]) / "o.mha")
assert not {"torch", "monai", "matplotlib", "nibabel", "vtk"} & set(sys.modules)
"""
    command = [sys.executable, "-c", script, write_volume("v.nrrd"), tmp_path]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, cwd=_repository())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert {path.name for path in tmp_path.iterdir()} == {"v.nrrd", "o.seg.nrrd", "o.nii.gz", "o.mha"}


def _repository() -> Path:
    return Path(io.__file__).parent.parent.parent
