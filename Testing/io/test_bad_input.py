"""What cannot be segmented is rejected in one sentence that names the input; nothing else is printed."""

import gzip
import os
import struct

import nibabel
import nrrd
import numpy as np
import pytest
import SimpleITK as sitk

from DINSegmentLib import memory
from DINSegmentLib.errors import GeometryError, InputError
from DINSegmentLib.io import read

pytestmark = pytest.mark.faults


@pytest.fixture
def refuse(capfd):
    """Assert that reading fails with one sentence that holds ``text`` and the file's name, and prints nothing."""

    def check(path, text, kind=InputError, **arguments):
        with pytest.raises(kind) as caught:
            read(path, **arguments)
        message = str(caught.value)
        assert text in message, message
        assert path.name in message and message.endswith(".") and "\n" not in message
        assert message.count(". ") == 0 and ": " in message, message
        assert capfd.readouterr() == ("", "")

    return check


def test_missing_file(refuse, tmp_path):
    refuse(tmp_path / "none.nii.gz", "does not exist")


def test_folder_without_images(refuse, tmp_path):
    (tmp_path / "exam").mkdir()
    (tmp_path / "exam" / "notes.txt").write_text("no image here" * 50, encoding="utf-8")
    refuse(tmp_path / "exam", "without DICOM images")


def test_empty_file_and_unknown_kind(refuse, tmp_path):
    for name in ("e.nii", "e.nii.gz", "e.nrrd", "e.mha"):
        (tmp_path / name).touch()
        refuse(tmp_path / name, "empty file")
    (tmp_path / "picture.jpg").write_bytes(b"\xff\xd8" * 100)
    refuse(tmp_path / "picture.jpg", "not a volume file")


@pytest.mark.parametrize("name", ["t.nii", "t.nii.gz", "t.nrrd", "t.mha", "t.mhd"])
def test_text_in_an_image_file(name, refuse, tmp_path):
    (tmp_path / name).write_text("hello world\n" * 100, encoding="utf-8")
    refuse(tmp_path / name, "is not a valid")


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("name", ["t.nii", "t.nii.gz", "t.nrrd", "t.mha"])
@pytest.mark.parametrize("part", [0.05, 0.5, 0.99])
def test_truncated_file(name, compress, part, refuse, write_volume):
    path = write_volume(name, compress=compress)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    refuse(path, "")


@pytest.mark.parametrize("name", ["t.nhdr", "t.mhd"])
def test_detached_voxels_truncated_or_missing(name, refuse, write_volume):
    path = write_volume(name)
    voxels = path.with_suffix(".raw")
    voxels.write_bytes(voxels.read_bytes()[:-1])
    refuse(path, "truncated")
    voxels.unlink()
    refuse(path, "missing")


@pytest.mark.parametrize(
    ("name", "text"), [("c.nii.gz", "is not a valid"), ("c.nrrd", "is damaged"), ("c.mha", "is damaged")]
)
def test_corrupt_compressed_voxels(name, text, refuse, write_volume):
    path = write_volume(name, compress=True)
    content = bytearray(path.read_bytes())
    middle = len(content) * 3 // 4
    content[middle : middle + 20] = bytes(byte ^ 0x55 for byte in content[middle : middle + 20])
    path.write_bytes(content)
    refuse(path, text)


def test_two_dimensional_image(refuse, write_volume, voxels, tmp_path):
    for name in ("flat.nii", "flat.nrrd", "flat.mha"):
        path = tmp_path / name
        sitk.WriteImage(sitk.GetImageFromArray(voxels[0]), str(path))
        refuse(path, "2-D image")


@pytest.mark.parametrize("name", ["color.nii.gz", "color.nrrd", "color.mha"])
def test_color_image(name, refuse, voxels, tmp_path):
    image = sitk.GetImageFromArray(np.stack([voxels] * 3, -1).astype(np.uint8), isVector=True)
    sitk.WriteImage(image, str(tmp_path / name))
    refuse(tmp_path / name, "color or vector image")


def test_rgb_nifti(refuse, tmp_path):
    array = np.zeros((7, 6, 5), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), tmp_path / "rgb.nii")
    refuse(tmp_path / "rgb.nii", "color or vector image (3 values per voxel)")


def test_nifti_2(refuse, voxels, tmp_path):
    nibabel.save(nibabel.Nifti2Image(voxels.T, np.eye(4)), tmp_path / "two.nii.gz")
    refuse(tmp_path / "two.nii.gz", "NIfTI-2")


def test_complex_voxels(refuse, tmp_path):
    nibabel.save(nibabel.Nifti1Image(np.ones((7, 6, 5), np.complex64), np.eye(4)), tmp_path / "k.nii")
    refuse(tmp_path / "k.nii", "real numbers")


def test_four_dimensions_say_how_to_pick_a_frame(refuse, tmp_path):
    frames = np.random.default_rng(0).integers(0, 99, (7, 6, 5, 25)).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(frames, np.eye(4)), tmp_path / "cine.nii.gz")
    refuse(tmp_path / "cine.nii.gz", "has 4 dimensions (25 frames): pick one with --frame")
    refuse(tmp_path / "cine.nii.gz", "no frame 26", frame=26)
    refuse(tmp_path / "cine.nii.gz", "no frame 0", frame=0)
    nrrd.write(str(tmp_path / "cine.nrrd"), frames)
    refuse(tmp_path / "cine.nrrd", "25 frames")


def test_frames_along_a_time_axis_of_a_nrrd(refuse, tmp_path):
    header = {"kinds": [*["domain"] * 3, "time"], "space directions": [*np.eye(3), [np.nan] * 3], "space": "RAS"}
    frames = np.random.default_rng(0).integers(0, 99, (7, 6, 5, 4)).astype(np.int16)
    nrrd.write(str(tmp_path / "t.nrrd"), frames, header)
    refuse(tmp_path / "t.nrrd", "4 dimensions (4 frames)")
    refuse(tmp_path / "t.nrrd", "save the frame that you need as a 3-D volume", frame=2)


def test_one_voxel_thin(refuse, write_volume, voxels):
    for name in ("thin.nii", "thin.nrrd", "thin.mha"):
        refuse(write_volume(name, voxels[:1]), "only one slice", GeometryError)
    refuse(write_volume("thin.nrrd", voxels[:, :, :1]), "only one slice", GeometryError)


@pytest.mark.parametrize("spacing", [0.0, -1.5, float("nan"), float("inf")])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_nifti_spacing(spacing, axis, refuse, write_volume):
    path = write_volume("s.nii")
    content = bytearray(path.read_bytes())
    struct.pack_into("<f", content, 80 + 4 * axis, spacing)  # pixdim
    path.write_bytes(content)
    refuse(path, "voxel spacing", GeometryError)
    path = path.with_name("s.nii.gz")
    path.write_bytes(gzip.compress(content))
    refuse(path, "voxel spacing", GeometryError)


@pytest.mark.parametrize("matrix", ["singular", "zero", "nan", "another spacing", "skew"])
def test_nifti_sform(matrix, refuse, write_volume):
    path = write_volume("s.nii")
    content = bytearray(path.read_bytes())
    rows = np.hstack([np.diag([1.5, 1.25, 8.0]), np.zeros((3, 1))])
    if matrix == "singular":
        rows[1] = rows[0] * 1.25 / 1.5
        rows[:, 1] = rows[:, 0] * 1.25 / 1.5
    elif matrix == "zero":
        rows[:] = 0
    elif matrix == "nan":
        rows[0, 0] = np.nan
    elif matrix == "another spacing":
        rows[:, 0] *= 2
    else:
        rows[:, 1] = np.array([0.5, np.sqrt(0.75), 0]) * 1.25
    struct.pack_into("<2h", content, 252, 0, 1)  # sform only
    struct.pack_into("<12f", content, 280, *rows.ravel())
    path.write_bytes(content)
    text = {"singular": "singular", "skew": "right angles", "another spacing": "two different"}.get(matrix, "spacing")
    refuse(path, text, GeometryError)


@pytest.mark.parametrize(
    "directions", ["(0,0,0) (0,1,0) (0,0,1)", "(1,0,0) (1,0,0) (0,0,1)", "(nan,0,0) (0,1,0) (0,0,1)"]
)
def test_nrrd_directions(directions, refuse, write_volume):
    path = write_volume("d.nrrd")
    content = path.read_bytes()
    old = content[content.index(b"space directions:") :].split(b"\n", 1)[0]
    path.write_bytes(content.replace(old, b"space directions: " + directions.encode()))
    refuse(path, "singular" if "(1,0,0) (1" in directions else "spacing", GeometryError)


@pytest.mark.parametrize(
    ("field", "value"),
    [("ElementSpacing", "0 1 1"), ("ElementSpacing", "1 -1 1"), ("TransformMatrix", "1 0 0 1 0 0 0 0 1")],
)
def test_metaimage_spacing_and_directions(field, value, refuse, write_volume):
    path = write_volume("m.mhd")
    lines = [
        f"{field} = {value}" if line.startswith(field) else line
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    refuse(path, "singular" if field == "TransformMatrix" else "spacing", GeometryError)


def test_a_volume_of_8_gb_is_refused_from_its_header(refuse, tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 16 << 30)
    path = tmp_path / "huge.nrrd"
    head = b"NRRD0004\ntype: short\ndimension: 3\nsizes: 1024 1024 4096\nendian: little\nencoding: raw\n\n"
    path.write_bytes(head)
    os.truncate(path, len(head) + (8 << 30))  # sparse
    refuse(path, "GiB of memory")


def test_the_memory_that_is_free_is_asked_from_the_system():
    free = memory.available()
    assert free is not None and 50 << 20 < free < 1 << 50


@pytest.mark.parametrize(
    ("groups", "limits"),
    [
        ("0::/", {"memory.max": "3000000"}),  # a container
        ("0::/slurm/job_7/step_0", {"slurm/job_7/memory.max": "3000000", "slurm/memory.max": "max"}),
        ("4:cpu:/x\n9:memory:/slurm/job_7", {"memory/slurm/job_7/memory.limit_in_bytes": "3000000"}),
        ("9:hugetlb,memory:/docker/abc", {"memory/memory.limit_in_bytes": "3000000"}),
    ],
)
def test_a_container_or_a_clusters_job_has_no_more_memory_than_it_may_take(groups, limits, tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_CGROUP", tmp_path / "cgroup")
    monkeypatch.setattr(memory, "_CGROUPS", tmp_path / "groups")
    (tmp_path / "cgroup").write_text(groups, encoding="utf-8")
    for name, limit in limits.items():
        (tmp_path / "groups" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "groups" / name).write_text(limit, encoding="utf-8")
    assert memory.available() == 3_000_000


def test_one_dicom_file_is_not_a_series(refuse, write_series):
    path = next(write_series().iterdir())
    refuse(path, "single DICOM file")


def test_series_for_a_file(refuse, write_volume):
    refuse(write_volume("v.nrrd"), "--series", series="1")


def test_a_damaged_file_leaves_no_trace(refuse, write_volume, tmp_path):
    path = write_volume("v.nrrd")
    path.write_bytes(path.read_bytes()[:-5])
    before = sorted(tmp_path.iterdir())
    refuse(path, "truncated")
    assert sorted(tmp_path.iterdir()) == before
