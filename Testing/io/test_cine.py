"""Reading of all frames of a cine, and writing of labels for all of them."""

from functools import partial

import nibabel
import nrrd
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.uid import generate_uid

from DINSegmentLib.errors import GeometryError, InputError
from DINSegmentLib.inputs import search
from DINSegmentLib.inputs.candidates import Refused
from DINSegmentLib.io import read, read_cine, write_labelmap
from DINSegmentLib.io.probe import peek

FRAMES = np.random.default_rng(2).integers(0, 99, (5, 3, 6, 7)).astype(np.int16)  # (T, K, J, I)


@pytest.fixture
def write_cine(tmp_path):
    """Write `FRAMES` as the kind of file that its name says."""

    def write(name, seconds=0.04, unit="sec", extra=None):
        path = tmp_path / name
        if ".nii" in name:
            image = nibabel.Nifti1Image(FRAMES.T, np.diag([-1.5, -1.25, 8.0, 1.0]))
            image.header.set_xyzt_units("mm", unit)
            image.header["pixdim"][4] = seconds
            nibabel.save(image, path)
        elif name.endswith(".nrrd"):
            header = {
                "space": "left-posterior-superior", "kinds": ["list", *["domain"] * 3],
                "space directions": [[np.nan] * 3, [1.5, 0, 0], [0, 1.25, 0], [0, 0, 8]], **(extra or {}),
            }  # fmt: skip
            nrrd.write(str(path), FRAMES.transpose(0, 3, 2, 1), header)
        else:
            volumes = [sitk.GetImageFromArray(frame) for frame in FRAMES]
            for volume in volumes:
                volume.SetSpacing((1.5, 1.25, 8.0))
            sitk.WriteImage(sitk.JoinSeries(volumes), str(path))
        return path

    return write


@pytest.fixture
def write_frames(write_series, voxels):
    """Write a DICOM cine of three frames, the last one first; frame t holds ``voxels + t``."""

    def write(describe):
        for frame in (2, 0, 1):

            def change(k, data, frame=frame):
                data.PixelData = (voxels[k] + frame).tobytes()
                describe(k, data, frame)

            folder = write_series(change=change, prefix=f"F{7 - frame}_", uid="1.2.3")
        return folder

    return write


@pytest.mark.parametrize("name", ["cine.nii.gz", "cine.nii", "cine.mha", "cine.seq.nrrd"])
def test_all_frames_are_those_that_are_read_one_by_one(name, write_cine):
    path = write_cine(name)
    cine = read_cine(path)

    assert cine.first.name == "cine"
    np.testing.assert_array_equal(cine.array, FRAMES)
    for index in range(len(FRAMES)):
        one = read(path, frame=index + 1)
        np.testing.assert_array_equal(cine.image(index).array, one.array)
        np.testing.assert_array_equal(cine.image(index).geometry.ijk_to_ras, one.geometry.ijk_to_ras)


@pytest.mark.parametrize(
    ("step", "unit", "seconds"),
    [(0.04, "sec", 0.04), (40, "msec", 0.04), (40_000, "usec", 0.04), (0.04, "unknown", None), (0, "sec", None)],
)
def test_frame_times_of_a_nifti_follow_its_unit(step, unit, seconds, write_cine):
    times = read_cine(write_cine("cine.nii", step, unit)).times
    assert times == (None if seconds is None else pytest.approx(seconds * np.arange(5)))


def test_what_a_header_leaves_in_doubt_is_noticed_of_a_cine_too(write_cine, tmp_path):
    path = write_cine("cine.nii")
    picture = nibabel.load(path)
    picture.header.set_xyzt_units("meter", "sec")
    nibabel.save(nibabel.Nifti1Image(np.asarray(picture.dataobj), picture.affine, picture.header), tmp_path / "m.nii")
    assert "mm was assumed" in read_cine(tmp_path / "m.nii").first.notices[0].text
    assert not read_cine(path).first.notices


@pytest.mark.parametrize("sizes", ["7 6 3 1 5", "7 6 3 5 2"])
def test_a_fifth_axis_is_refused_however_the_file_is_read(sizes, tmp_path):
    path = tmp_path / "a.mha"
    count = np.prod([int(size) for size in sizes.split()])
    head = f"ObjectType = Image\nNDims = 5\nDimSize = {sizes}\nElementSpacing = 1.5 1.25 8 1 1\n"
    path.write_bytes(f"{head}ElementType = MET_SHORT\nElementDataFile = LOCAL\n".encode() + bytes(2 * count))
    for look in (read, partial(read, frame=1), read_cine, partial(peek, all_frames=True)):
        with pytest.raises(InputError, match="color or vector image"):
            look(path)


def test_a_fifth_axis_of_length_one_does_not_matter(tmp_path):
    path = tmp_path / "a.mha"
    head = "ObjectType = Image\nNDims = 5\nDimSize = 7 6 3 5 1\nElementSpacing = 1.5 1.25 8 1 1\n"
    path.write_bytes(f"{head}ElementType = MET_SHORT\nElementDataFile = LOCAL\n".encode() + FRAMES.tobytes())
    np.testing.assert_array_equal(read_cine(path).array, FRAMES)
    np.testing.assert_array_equal(read(path, frame=2).array, FRAMES[1])


@pytest.mark.parametrize(
    ("unit", "values", "times"),
    [
        ("ms", "100 140 180 230 290", (0, 0.04, 0.08, 0.13, 0.19)),
        ("s", "0 1 2 3 4", (0, 1, 2, 3, 4)),
        ("", "0 1 2 3 4", None),  # Slicer's numbers of frames
        ("s", "0 1 2 3", None),
        ("s", "0 1 2 2 3", None),
        ("s", "a b c d e", None),
    ],
)
def test_frame_times_of_a_sequence_need_a_unit_of_time(unit, values, times, write_cine):
    extra = {"units": [unit, "", "", ""], "axis 0 index type": "numeric", "axis 0 index values": values}
    found = read_cine(write_cine("cine.seq.nrrd", extra=extra)).times
    assert found == (None if times is None else pytest.approx(times))


def test_a_dicom_cine_is_ordered_and_timed_by_trigger_times(write_frames, voxels):
    def describe(k, data, frame):
        data.TriggerTime = 12.5 + 40 * frame + 0.1 * k  # slices are triggered a little apart

    cine = read_cine(write_frames(describe))

    np.testing.assert_array_equal(cine.array, [voxels + frame for frame in range(3)])
    assert cine.times == pytest.approx((0, 0.04, 0.08))
    assert len(cine.first.files) == 18 and cine.first.modality == "MR"


@pytest.mark.parametrize("spoil", ["missing", "missing in one slice", "equal"])
def test_without_trigger_times_frames_follow_temporal_positions_and_have_no_times(spoil, write_frames, voxels):
    def describe(k, data, frame):
        data.TemporalPositionIdentifier = frame + 1
        data.InstanceNumber = 100 - frame
        if spoil == "equal" or (spoil == "missing in one slice" and k):
            data.TriggerTime = 0 if spoil == "equal" else 40 * frame

    cine = read_cine(write_frames(describe))
    np.testing.assert_array_equal(cine.array, [voxels + frame for frame in range(3)])
    assert cine.times is None


def test_series_of_one_slice_each_are_taken_together(write_frames, voxels):
    def describe(k, data, frame):
        data.TriggerTime = 40 * frame
        data.SeriesInstanceUID, data.SeriesNumber = f"1.2.3.{k}", 10 + k

    folder = write_frames(describe)

    np.testing.assert_array_equal(read_cine(folder).array, [voxels + frame for frame in range(3)])
    np.testing.assert_array_equal(read_cine(folder, series="cine sax").array[2], voxels + 2)
    np.testing.assert_array_equal(read_cine(folder, series="11").array[1], voxels + 1)  # the stack that it is of


def test_series_of_one_slice_each_are_one_case_beside_views_of_other_planes(write_frames, voxels, tmp_path):
    def describe(k, data, frame):
        data.TriggerTime, data.SeriesInstanceUID, data.SeriesNumber = 40 * frame, f"1.2.3.{k}", 10 + k
        if k > 3:  # two long axes
            data.SeriesDescription = "lax"
            data.ImageOrientationPatient = [[0, 1, 0, 0, 0, -1], [1, 0, 0, 0, 0, -1]][k - 4]

    folder = write_frames(describe)
    found = {item.series: item for item in search.find([tmp_path])}
    assert set(found) == {"1.2.3.0", "1.2.3.4", "1.2.3.5"}
    stack = found["1.2.3.0"]
    assert len(stack.files) == 12
    for cine in (read_cine(folder, stack.series, stack.files), read_cine(folder, "cine sax")):
        np.testing.assert_array_equal(cine.array, [voxels[:4] + frame for frame in range(3)])
    with pytest.raises(InputError, match="holds 3 DICOM series"):
        read_cine(folder)

    path = next(path for path in stack.files if pydicom.dcmread(path).SeriesNumber == 11)
    path.write_bytes(path.read_bytes()[:400])
    refused = [item for item in search.find([tmp_path]) if isinstance(item, Refused)]
    assert any(f"may lack {path.name}" in item.reason for item in refused)


def test_several_whole_cines_need_a_choice(write_frames, voxels):
    def describe(k, data, frame):
        data.TriggerTime = 40 * frame

    folder = write_frames(describe)
    for path in sorted(folder.iterdir()):
        data = pydicom.dcmread(path)
        data.SeriesInstanceUID, data.SeriesNumber, data.SOPInstanceUID = "1.2.4", 2, generate_uid()
        data.save_as(folder / f"other_{path.name}")

    with pytest.raises(InputError, match="holds 2 DICOM series"):
        read_cine(folder)
    np.testing.assert_array_equal(read_cine(folder, series="2").array[1], voxels + 1)


def test_frames_whose_order_nothing_tells_are_refused(write_frames):
    def describe(k, data, frame):
        data.InstanceNumber = 1

    with pytest.raises(InputError, match="3 images at every slice position, and neither trigger time"):
        read_cine(write_frames(describe))


def test_a_frame_that_lacks_a_slice_is_refused(write_frames):
    folder = write_frames(lambda k, data, frame: setattr(data, "TriggerTime", 40 * frame))
    next(folder.iterdir()).unlink()
    with pytest.raises(GeometryError, match=r"2 images at slice \d of 6 and 3 at the others \(F"):
        read_cine(folder)


def test_a_slice_that_all_frames_lack_is_refused(write_frames):
    folder = write_frames(lambda k, data, frame: setattr(data, "TriggerTime", 40 * frame))
    for path in folder.iterdir():
        if pydicom.dcmread(path).ImagePositionPatient[2] == 30 + 8 * 2:
            path.unlink()
    with pytest.raises(GeometryError, match=r"unevenly spaced slices \(16 mm instead of 8 mm"):
        read_cine(folder)


@pytest.mark.parametrize("other", ["pixel size", "rows", "direction"])
def test_frames_on_another_grid_are_refused(other, write_frames):
    def describe(k, data, frame):
        data.TriggerTime = 40 * frame
        if frame and other == "pixel size":
            data.PixelSpacing = ["1.5", "1.5"]
        elif frame and other == "rows":
            data.Rows, data.PixelData = data.Rows - 1, data.PixelData[: -2 * data.Columns]
        elif frame:
            data.ImageOrientationPatient = [1, 0, 0, 0, 0.8, 0.6]

    with pytest.raises(GeometryError, match="mixes slices of different size"):
        read_cine(write_frames(describe))


@pytest.mark.parametrize("name", ["v.nii.gz", "v.nrrd", "v.mha"])
def test_a_single_frame_is_refused(name, write_volume):
    with pytest.raises(InputError, match="single frame: provide all frames"):
        read_cine(write_volume(name))


def test_a_series_of_one_frame_is_refused(write_series):
    with pytest.raises(InputError, match="single frame: provide all frames"):
        read_cine(write_series())


def test_labels_of_all_frames_lie_on_the_inputs_grid_with_its_frame_times(write_cine, tmp_path):
    source = write_cine("cine.nii.gz", 40, "msec")
    cine = read_cine(source)
    write_labelmap(cine.array % 4, cine.first, tmp_path / "labels.nii.gz")

    written, expected = nibabel.load(tmp_path / "labels.nii.gz"), nibabel.load(source)
    np.testing.assert_array_equal(np.asarray(written.dataobj), FRAMES.T % 4)
    np.testing.assert_array_equal(written.affine, expected.affine)
    assert written.header.get_zooms() == expected.header.get_zooms()
    assert written.header.get_xyzt_units() == ("mm", "msec")


def test_labels_of_another_kind_of_cine_have_its_frame_times_too(write_cine, tmp_path):
    cine = read_cine(write_cine("cine.mha"))
    write_labelmap(cine.array % 4, cine.first, tmp_path / "labels.nii.gz", seconds=0.04)

    written = nibabel.load(tmp_path / "labels.nii.gz")
    assert written.shape == FRAMES.T.shape
    assert written.header.get_zooms()[3] == pytest.approx(0.04)
    assert written.header.get_xyzt_units() == ("mm", "sec")
