"""Enhanced DICOM files, which contain all frames of a volume or cine."""

import highdicom
import highdicom.legacy
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    BasicTextSRStorage,
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    MRImageStorage,
    RLELossless,
    XRayAngiographicImageStorage,
)

from DINSegmentLib.errors import DINSegmentError, GeometryError, InputError
from DINSegmentLib.inputs import search
from DINSegmentLib.inputs.candidates import Refused
from DINSegmentLib.io import count_frames, files_of, read, read_cine
from DINSegmentLib.io.dicom_source import read_source
from DINSegmentLib.io.image import SliceFile
from DINSegmentLib.io.probe import peek

# rows run to the patient's left and down, columns backwards and down; both of length 1, at right angles
OBLIQUE = (0.8, 0.0, -0.6, 0.36, 0.8, 0.48)
FRAMES = 3


def sequence(**values):
    """A sequence of one item."""
    item = Dataset()
    for name, value in values.items():
        setattr(item, name, value)
    return Sequence([item])


@pytest.fixture
def beat(voxels):
    """(T, K, J, I): no two frames alike."""
    return np.stack([voxels + 7 * t for t in range(FRAMES)]).astype(np.int16)


@pytest.fixture
def write_enhanced(tmp_path):
    """Write (T, K, J, I) as one Enhanced MR file, its frames in no order; returns the folder."""

    def write(array, change=lambda data: None, frame=lambda t, k, groups: None, orientation=OBLIQUE, name="E"):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = EnhancedMRImageStorage, "1.2.3.4"
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
        data.SOPClassUID, data.SOPInstanceUID, data.Modality = EnhancedMRImageStorage, "1.2.3.4", "MR"
        data.StudyInstanceUID, data.SeriesInstanceUID, data.SeriesNumber = "1.2", "1.2.3", 5
        data.FrameOfReferenceUID, data.ImageType = "1.2.9", ["ORIGINAL", "PRIMARY", "CARDIAC", "NONE"]
        data.Rows, data.Columns, data.NumberOfFrames = *array.shape[2:], array.shape[0] * array.shape[1]
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
        shared = Dataset()
        shared.PlaneOrientationSequence = sequence(ImageOrientationPatient=list(orientation))
        shared.PixelMeasuresSequence = sequence(PixelSpacing=[1.25, 1.5], SliceThickness=8)
        data.SharedFunctionalGroupsSequence = Sequence([shared])
        normal = np.cross(orientation[:3], orientation[3:])
        data.PerFrameFunctionalGroupsSequence, planes = Sequence(), []
        for place in np.random.default_rng(4).permutation(array.shape[0] * array.shape[1]):
            t, k = divmod(int(place), array.shape[1])
            groups = Dataset()
            position = np.array([-10.0, -20.0, 30.0]) + 8.0 * k * normal
            groups.PlanePositionSequence = sequence(ImagePositionPatient=[f"{v:.10f}"[:16] for v in position])
            groups.FrameContentSequence = sequence(TemporalPositionIndex=t + 1, InStackPositionNumber=k + 1)
            frame(t, k, groups)
            data.PerFrameFunctionalGroupsSequence.append(groups)
            planes.append(array[t, k])
        data.PixelData = np.stack(planes).tobytes()
        change(data)
        (tmp_path / "enhanced").mkdir(exist_ok=True)
        data.save_as(tmp_path / "enhanced" / name, enforce_file_format=True)
        return tmp_path / "enhanced"

    return write


def trigger(t, k, groups):
    """Times that contradict the temporal positions, which count less."""
    groups.CardiacSynchronizationSequence = sequence(
        NominalCardiacTriggerDelayTime=12.5 + 40.0 * (FRAMES - t), RRIntervalTimeNominal=800.0
    )


def test_a_volume_is_voxel_exact_in_an_oblique_stack(write_enhanced, write_series, voxels):
    folder = write_enhanced(voxels[None])
    image, single = read(folder), read(write_series(orientation=OBLIQUE))

    np.testing.assert_array_equal(image.array, voxels)
    np.testing.assert_allclose(image.geometry.ijk_to_ras, single.geometry.ijk_to_ras, atol=1e-6)
    assert (image.array.dtype, image.modality, image.files) == (np.int16, "MR", (folder / "E",))
    glance = peek(folder)
    assert glance.geometry.shape == voxels.shape and glance.voxel_bytes == 2


def test_the_grid_is_that_which_highdicom_finds(write_enhanced, voxels):
    folder = write_enhanced(voxels[None])
    theirs, ours = highdicom.imread(folder / "E").get_volume(), read(folder)

    # theirs: from (K, J, I) in LPS; either may run along K in its own sense
    for point in np.ndindex(2, 2, 2):
        k, j, i = point * (np.array(voxels.shape) - 1)
        world = (ours.geometry.ijk_to_ras @ [i, j, k, 1])[:3] * [-1, -1, 1]
        at = np.rint(theirs.map_reference_to_indices(world[None])[0]).astype(int)
        np.testing.assert_allclose(theirs.map_indices_to_reference(at[None])[0], world, atol=1e-3)
        assert theirs.array[tuple(at)] == ours.array[k, j, i]


def test_a_series_that_highdicom_converts_is_the_volume_that_it_was(write_series, tmp_path):
    def change(k, data):
        data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = MRImageStorage
        data.StudyInstanceUID, data.FrameOfReferenceUID = "1.2", "1.2.9"
        data.RescaleSlope, data.RescaleIntercept, data.RescaleType = 2, -50, "US"
        data.ImageType, data.BodyPartExamined, data.SliceThickness = ["ORIGINAL", "PRIMARY"], "HEART", 8
        for name in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID",
                     "StudyDate", "StudyTime", "ReferringPhysicianName", "Manufacturer", "ContentDate"):  # fmt: skip
            setattr(data, name, "")

    folder = write_series(orientation=OBLIQUE, change=change)
    files = [pydicom.dcmread(path) for path in sorted(folder.iterdir())]
    converted = highdicom.legacy.LegacyConvertedEnhancedMRImage(files, "1.2.4", 8, "1.2.4.1", 1)
    (tmp_path / "converted").mkdir()
    converted.save_as(tmp_path / "converted" / "E", enforce_file_format=True)

    before, after = read(folder), read(tmp_path / "converted")
    np.testing.assert_array_equal(after.array, before.array)
    np.testing.assert_allclose(after.geometry.ijk_to_ras, before.geometry.ijk_to_ras, atol=1e-9)


def test_what_a_frame_says_of_itself_counts_before_what_the_file_says_of_all(write_enhanced, beat):
    """Such a file has to name the type of its image itself, and names that of magnitude and phase "mixed"."""

    def frame(t, k, groups):
        component = "PHASE" if t else "MAGNITUDE"
        groups.MRImageFrameTypeSequence = sequence(
            FrameType=["ORIGINAL", "PRIMARY", "FLOW", "NONE"], ComplexImageComponent=component
        )

    def change(data):
        data.ComplexImageComponent, data.SeriesDescription = "MIXED", "flow"

    folder = write_enhanced(beat[:2], change, frame)
    np.testing.assert_array_equal(read(folder).array, beat[0])
    source = read_source([SliceFile(folder / "E", n) for n in _frames_at(folder, time=1)], read(folder).geometry)
    assert {header.ComplexImageComponent for header in source.headers} == {"MAGNITUDE"}


def _frames_at(folder, time):
    groups = pydicom.dcmread(folder / "E").PerFrameFunctionalGroupsSequence
    return [n for n, one in enumerate(groups) if one.FrameContentSequence[0].TemporalPositionIndex == time]


def test_a_cine_follows_its_trigger_delays_and_tells_times_and_rate(write_enhanced, beat):
    folder = write_enhanced(beat, frame=trigger)
    cine = read_cine(folder)

    np.testing.assert_array_equal(cine.array, beat[::-1])
    assert cine.times == pytest.approx((0, 0.04, 0.08))
    assert cine.person.heart_rate == 75 and count_frames(folder) == FRAMES
    np.testing.assert_array_equal(read(folder, frame=1).array, beat[2])
    with pytest.raises(InputError, match=r"4 dimensions \(3 frames\): pick one with --frame"):
        read(folder)


def test_without_trigger_delays_frames_follow_temporal_positions(write_enhanced, beat):
    cine = read_cine(write_enhanced(beat))
    np.testing.assert_array_equal(cine.array, beat)
    assert cine.times is None


def test_without_either_the_dimension_of_time_tells_the_order(write_enhanced, beat):
    def index(t, k, groups):
        groups.FrameContentSequence = sequence(DimensionIndexValues=[k + 1, FRAMES - t])

    def change(data):
        pointers = [sequence(DimensionIndexPointer=tag)[0] for tag in (0x00209057, 0x00209128)]
        data.DimensionIndexSequence = Sequence(pointers)

    np.testing.assert_array_equal(read_cine(write_enhanced(beat, change, index)).array, beat[::-1])


def test_frames_whose_order_nothing_tells_are_refused(write_enhanced, beat):
    folder = write_enhanced(beat, frame=lambda t, k, groups: groups.pop("FrameContentSequence"))
    with pytest.raises(InputError, match="3 images at every slice position, and neither trigger time"):
        read_cine(folder)


@pytest.mark.parametrize("shared", [True, False])
def test_values_are_rescaled_as_each_frame_says(shared, write_enhanced, voxels):
    def scale(k):
        return sequence(RescaleSlope=2.5 if shared else 2.5 + k, RescaleIntercept=-100, RescaleType="US")

    def change(data):
        if shared:
            data.SharedFunctionalGroupsSequence[0].PixelValueTransformationSequence = scale(0)

    def frame(t, k, groups):
        if not shared:
            groups.PixelValueTransformationSequence = scale(k)

    image = read(write_enhanced(voxels[None], change, frame))
    slopes = 2.5 + (0 if shared else np.arange(len(voxels))[:, None, None])
    np.testing.assert_array_equal(image.array, voxels * slopes - 100)


def test_two_acquisitions_of_one_file_are_two_cines(write_enhanced, beat):
    def frame(t, k, groups):
        groups.FrameContentSequence = sequence(FrameAcquisitionNumber=1 + t // FRAMES)
        groups.CardiacSynchronizationSequence = sequence(NominalCardiacTriggerDelayTime=40.0 * (t % FRAMES))

    folder = write_enhanced(np.concatenate([beat, beat + 100]), frame=frame)
    one, other = search.find([folder])
    np.testing.assert_array_equal(read_cine(one.path, one.series, one.files).array, beat)
    np.testing.assert_array_equal(read_cine(other.path, other.series, other.files).array, beat + 100)


@pytest.mark.parametrize("times", [[100.0], [100.0, 900.0]], ids=["one", "two"])
def test_frames_of_several_inversion_times_are_no_cine(write_enhanced, beat, times):
    def frame(t, k, groups):
        trigger(t, k, groups)
        groups.MRModifierSequence = sequence(InversionRecovery="YES", InversionTimes=[time + 200 * t for time in times])

    found = search.find([write_enhanced(beat, frame=frame)])
    values = [read(one.path, one.series, None, one.files).array for one in found]
    np.testing.assert_array_equal(sorted(values, key=lambda one: one[0, 0, 0]), beat)
    assert all("inversion time" in one.series for one in found)


@pytest.mark.parametrize("times", [[300.0], [0.0], None])
def test_one_inversion_time_or_none_leaves_a_cine(write_enhanced, beat, times):
    def frame(t, k, groups):
        groups.MRModifierSequence = sequence(InversionRecovery="YES", InversionTimes=times)

    folder = write_enhanced(beat, frame=frame)
    np.testing.assert_array_equal(read_cine(folder).array, beat)
    files = [SliceFile(folder / "E", n) for n in _frames_at(folder, time=1)]
    source = read_source(files, read(folder, frame=1).geometry)
    assert bool(source.headers[0].get("InversionTime")) == (times == [300.0])


def test_orientation_and_pixel_size_may_stand_in_every_frame(write_enhanced, voxels):
    def change(data):
        shared = data.SharedFunctionalGroupsSequence[0]
        for groups in data.PerFrameFunctionalGroupsSequence:
            groups.PlaneOrientationSequence = shared.PlaneOrientationSequence
            groups.PixelMeasuresSequence = shared.PixelMeasuresSequence
        del data.SharedFunctionalGroupsSequence

    assert read(write_enhanced(voxels[None], change)).geometry.spacing == pytest.approx([1.5, 1.25, 8])


def test_packed_pixels_are_unpacked(write_enhanced, beat):
    cine = read_cine(write_enhanced(beat, change=lambda data: data.compress(RLELossless, generate_instance_uid=False)))
    np.testing.assert_array_equal(cine.array, beat)


def test_several_files_of_one_series_make_one_stack(write_enhanced, beat):
    for k in range(beat.shape[1]):

        def change(data, k=k):
            data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.4.{k}"
            place = np.array([-10.0, -20.0, 30.0]) + 8.0 * k * np.cross(OBLIQUE[:3], OBLIQUE[3:])
            for groups in data.PerFrameFunctionalGroupsSequence:
                groups.PlanePositionSequence[0].ImagePositionPatient = [f"{v:.10f}"[:16] for v in place]

        folder = write_enhanced(beat[:, k : k + 1], change, name=f"E{9 - k}")

    cine = read_cine(folder)
    np.testing.assert_array_equal(cine.array, beat)
    assert len(cine.first.files) == beat.shape[1]


def without(group):
    return lambda data: (
        [data.SharedFunctionalGroupsSequence[0].pop(group, None)]
        + [groups.pop(group, None) for groups in data.PerFrameFunctionalGroupsSequence]
    )


def as_angiogram(data):
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = XRayAngiographicImageStorage


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (without("PlanePositionSequence"), GeometryError, "frame 1 of E in enhanced has no patient position"),
        (without("PlaneOrientationSequence"), GeometryError, "has no patient position"),
        (without("PixelMeasuresSequence"), GeometryError, "has no patient position"),
        (lambda data: data.PerFrameFunctionalGroupsSequence.pop(), InputError, "has 6 frames and describes 5"),
        (lambda data: data.pop("PerFrameFunctionalGroupsSequence"), InputError, "has 6 frames and describes 0"),
        (lambda data: setattr(data, "PixelData", data.PixelData[:-9]), InputError, "truncated"),
        (as_angiogram, InputError, "is a multi-frame DICOM file: convert it to NIfTI or NRRD first"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(change, error, text, write_enhanced, voxels):
    folder = write_enhanced(voxels[None], change)
    with pytest.raises(error) as told:
        read(folder)
    assert text in str(told.value) and str(told.value).count(". ") <= 1 and "\n" not in str(told.value)


def test_bytes_that_are_damaged_are_told_in_a_sentence(write_enhanced, voxels):
    path = write_enhanced(voxels[None]) / "E"
    whole = path.read_bytes()
    at = whole.index(b"\x00\x52\x30\x92")  # the per-frame groups (5200,9230)
    rng = np.random.default_rng(3)
    for _ in range(40):
        spoilt = bytearray(whole)
        for place in rng.integers(at, at + 900, 4):
            spoilt[place] = rng.integers(256)
        path.write_bytes(spoilt)
        try:
            array = read(path.parent).array
        except DINSegmentError as error:
            assert str(error).endswith(".") and "\n" not in str(error)
        else:
            assert array.shape == voxels.shape


def test_the_file_itself_may_be_named(write_enhanced, write_series, beat, tmp_path):
    path = write_enhanced(beat, frame=trigger, name="heart.dcm") / "heart.dcm"
    cine, of_folder = read_cine(path), read_cine(path.parent)
    np.testing.assert_array_equal(cine.array, of_folder.array)
    assert (cine.times, cine.person, cine.first.name) == (of_folder.times, of_folder.person, "heart")
    assert count_frames(path) == FRAMES and files_of(path) == (path,) and peek(path, all_frames=True).frames == FRAMES
    np.testing.assert_array_equal(read(path, frame=2).array, of_folder.array[1])
    with pytest.raises(InputError, match="--series selects from a DICOM folder"):
        read(path, series="5")

    slice_ = next(write_series().iterdir())
    found, refused, none = search.find([path, slice_, write_nothing(tmp_path / "report.dcm")])
    assert (found.path, found.case, found.series, found.files) == (path, "heart", None, (path,))
    assert "single DICOM file" in refused.reason and "not an image" in none.reason
    with pytest.raises(InputError, match="a DICOM file without an image"):
        read(tmp_path / "report.dcm")


def write_nothing(path):
    """A DICOM object without an image."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = BasicTextSRStorage, "1.2.7"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID, data.Modality = BasicTextSRStorage, "1.2.7", "SR"
    data.save_as(path, enforce_file_format=True)
    return path


def test_a_file_in_a_tree_is_a_case(write_enhanced, beat, tmp_path):
    folder = write_enhanced(beat)
    (found,) = search.find([tmp_path])
    assert found.path == folder and found.files == (folder / "E",)
    np.testing.assert_array_equal(read_cine(found.path, found.series, found.files).array, beat)

    write_enhanced(beat, as_angiogram)
    (refused,) = search.find([tmp_path])
    assert isinstance(refused, Refused) and "multi-frame" in refused.reason
