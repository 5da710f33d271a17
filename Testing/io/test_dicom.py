"""DICOM folders: slices by position, a series by choice, and irregular volumes rejected."""

import shutil

import numpy as np
import pytest
import SimpleITK as sitk

from DINSegmentLib.errors import GeometryError, InputError
from DINSegmentLib.io import read

OBLIQUE = tuple(np.linalg.qr(np.array([[0.8, 0.1, 0.3], [0.2, 0.9, 0.1], [0.5, 0.3, 0.7]]))[0].T[:2].ravel())


@pytest.mark.parametrize("orientation", [(1, 0, 0, 0, 1, 0), (-1, 0, 0, 0, 1, 0), (0, 1, 0, 0, 0, -1), OBLIQUE])
def test_slices_go_by_position_whatever_their_names(orientation, write_series, voxels):
    image = read(write_series(orientation=orientation))
    row, column = np.array(orientation, dtype=float).reshape(2, 3)
    lps = np.column_stack([1.5 * row, 1.25 * column, 8.0 * np.cross(row, column), [-10, -20, 30]])
    np.testing.assert_array_equal(image.array, voxels)
    np.testing.assert_allclose(image.geometry.ijk_to_ras[:3], np.diag([-1, -1, 1]) @ lps, atol=1e-8)
    assert image.modality == "MR" and image.name == "series" and len(image.files) == len(voxels)


def test_geometry_is_that_of_gdcm(write_series):
    image = read(write_series(orientation=OBLIQUE))
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([str(path) for path in image.files])
    reference = reader.Execute()
    np.testing.assert_allclose(image.geometry.spacing, reference.GetSpacing(), atol=1e-8)
    directions = np.diag([-1, -1, 1]) @ np.array(reference.GetDirection()).reshape(3, 3)
    np.testing.assert_allclose(image.geometry.directions, directions, atol=1e-8)


def test_several_series_are_listed_and_chosen_by_number_description_or_uid(write_series, voxels):
    write_series(number=7, description="cine sax", prefix="A", uid="1.2.3")
    folder = write_series(number=8, description="long axis", prefix="B", orientation=(0, 1, 0, 0, 0, -1), uid="1.2.4")
    with pytest.raises(
        InputError, match=r'2 DICOM series \(7 "cine sax", 6 slices; 8 "long axis", 6 slices\).*--series'
    ):
        read(folder)
    for choice in ("8", "long axis", "1.2.4"):
        assert {path.name[0] for path in read(folder, series=choice).files} == {"B"}
    with pytest.raises(InputError, match='no series "9".*7 "cine sax"'):
        read(folder, series="9")


def test_two_series_of_one_description_are_not_mixed(write_series):
    write_series(number=7, prefix="A")
    folder = write_series(number=8, prefix="B")
    with pytest.raises(InputError, match="2 DICOM series"):
        read(folder, series="cine sax")


def test_series_without_uid_are_told_apart_by_number(write_series):
    write_series(number=7, prefix="A", uid="")
    folder = write_series(number=8, prefix="B", uid="")
    with pytest.raises(InputError, match="2 DICOM series"):
        read(folder)
    assert {path.name[0] for path in read(folder, series="8").files} == {"B"}


def test_other_files_in_the_folder_are_passed_over(write_series, voxels):
    folder = write_series()
    (folder / "DICOMDIR.txt").write_text("index", encoding="utf-8")
    (folder / ".hidden").touch()
    np.testing.assert_array_equal(read(folder).array, voxels)


def test_a_missing_slice_is_refused(write_series, voxels):
    folder = write_series()
    read(folder).files[2].unlink()
    with pytest.raises(GeometryError, match=r"series has unevenly spaced slices \(16 mm instead of 8 mm"):
        read(folder)


def test_slices_shifted_sideways_are_refused(write_series):
    def tilt(k, data):
        data.ImagePositionPatient = [-10 + 2 * k, -20, 30 + 8 * k]

    with pytest.raises(GeometryError, match="tilted gantry"):
        read(write_series(change=tilt))


@pytest.mark.parametrize("tag", ["PixelSpacing", "ImageOrientationPatient", "Rows"])
def test_slices_of_different_grids_are_refused(tag, write_series):
    def differ(k, data):
        if k == 3:
            value = {"PixelSpacing": [1.0, 1.0], "ImageOrientationPatient": [0, 1, 0, 1, 0, 0], "Rows": 10}[tag]
            setattr(data, tag, value)

    with pytest.raises(GeometryError, match="mixes slices"):
        read(write_series(change=differ))


def test_zero_pixel_spacing_is_refused(write_series):
    with pytest.raises(GeometryError, match="zero or negative"):
        read(write_series(change=lambda k, data: setattr(data, "PixelSpacing", [0, 1])))


def test_slices_without_a_position_are_refused(write_series):
    with pytest.raises(GeometryError, match="no patient position"):
        read(write_series(change=lambda k, data: data.__delattr__("ImagePositionPatient")))


def test_color_slices_are_refused(write_series):
    with pytest.raises(InputError, match="color"):
        read(write_series(change=lambda k, data: setattr(data, "SamplesPerPixel", 3)))


def test_a_single_slice_is_thin(write_series):
    folder = write_series()
    for path in list(folder.iterdir())[1:]:
        path.unlink()
    with pytest.raises(GeometryError, match="has only one slice"):
        read(folder)


def test_a_cine_series_gives_the_frame_picked_by_trigger_time(write_series, voxels):
    uid = "1.2.3"
    for frame in (3, 1, 2):

        def change(k, data, frame=frame):
            data.TriggerTime = 40 * frame
            data.PixelData = (voxels[k] + frame).tobytes()

        folder = write_series(change=change, prefix=f"F{5 - frame}_", uid=uid)
    with pytest.raises(InputError, match=r"series has 4 dimensions \(3 frames\): pick one with --frame"):
        read(folder)
    np.testing.assert_array_equal(read(folder, frame=2).array, voxels + 2)


@pytest.mark.parametrize("part", [0.3, 0.6, 0.99])
def test_a_truncated_slice_is_refused(part, write_series, capfd):
    folder = write_series()
    path = sorted(folder.iterdir())[2]
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(InputError, match=f"{path.name} in series is (damaged|truncated)"):
        read(folder)
    assert capfd.readouterr() == ("", "")


@pytest.mark.data
def test_real_series_with_empty_uids_under_shuffled_names(shared_data, tmp_path, capfd):
    files = sorted((shared_data / "samples" / "ct_dicom").iterdir())
    for index, path in zip(np.random.default_rng(0).permutation(len(files)), files, strict=True):
        shutil.copy(path, tmp_path / f"{index:03d}")
    image = read(tmp_path)
    assert capfd.readouterr() == ("", "")
    assert image.array.shape == (20, 512, 512) and image.modality == "CT"
    np.testing.assert_allclose(image.geometry.spacing, (0.9765625, 0.9765625, 2.0), atol=1e-8)
    # by hand from the headers: the lowest slice is at z = -804.5, and LPS becomes RAS
    np.testing.assert_allclose(image.geometry.ijk_to_ras[:3, 3], (249.51171875, 437.51171875, -804.5), atol=1e-8)
    np.testing.assert_allclose(image.geometry.directions, np.diag([-1, -1, 1]), atol=1e-8)
    lowest = sitk.ReadImage(str(files[-1]))  # in this series names run from the top down
    np.testing.assert_array_equal(image.array[0], sitk.GetArrayFromImage(lowest)[0])


@pytest.mark.data
@pytest.mark.parametrize("part", [0.5, 0.9, 0.999])
def test_a_truncated_jpeg2000_slice_is_refused(part, shared_data, tmp_path, capfd):
    for path in sorted((shared_data / "samples" / "ct_dicom").iterdir()):
        shutil.copyfile(path, tmp_path / path.name)
    path = sorted(tmp_path.iterdir())[7]
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(InputError, match=f"{path.name} in .* is (truncated|damaged)"):
        read(tmp_path)
    assert capfd.readouterr() == ("", "")
