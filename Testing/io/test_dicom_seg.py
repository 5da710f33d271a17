"""DICOM segmentations: every voxel on its source slice, codes and references, reproducible files, and errors."""

from collections.abc import Callable
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, MRImageStorage, SegmentationStorage

from DINSegmentLib import __version__, io
from DINSegmentLib.errors import GeometryError, InputError, OutputError
from DINSegmentLib.geometry import Geometry
from DINSegmentLib.io.dicom_seg import check, write_dicom_seg
from DINSegmentLib.io.dicom_source import read_source
from DINSegmentLib.io.image import SliceFile
from DINSegmentLib.model import Model, find_model
from DINSegmentLib.scene.boot import boot
from DINSegmentLib.scene.files import add_volume

SHAPE = (6, 11, 13)  # 143 voxels a slice: frames do not end at a byte
AXIAL = (1, 0, 0, 0, 1, 0)
OBLIQUE = tuple(np.linalg.qr(np.array([[0.8, 0.1, 0.3], [0.2, 0.9, 0.1], [0.5, 0.3, 0.7]]))[0].T[:2].ravel())
ORIENTATIONS = {
    "axial": AXIAL, "turned": (-1, 0, 0, 0, -1, 0), "against the axis": (-1, 0, 0, 0, 1, 0),
    "sagittal": (0, 1, 0, 0, 0, -1), "oblique": OBLIQUE,
}  # fmt: skip
UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "SOPInstanceUID")


@pytest.fixture
def write_series(tmp_path: Path) -> Callable[..., Path]:
    """Write a CT or MR series whose file names, instance numbers and UIDs say nothing about the order of its slices."""

    def write(
        orientation: tuple[float, ...] = AXIAL,
        modality: str = "CT",
        change: Callable[[int, FileDataset], None] = lambda k, data: None,
    ) -> Path:
        folder = tmp_path / "series"
        folder.mkdir()
        normal = np.cross(*np.array(orientation, dtype=float).reshape(2, 3))
        for k, name in enumerate(np.random.default_rng(1).permutation(SHAPE[0])):
            data = _slice(k, modality, f"2.25.{7000 + name}")
            data.ImageOrientationPatient = [f"{v:.12g}"[:16] for v in orientation]
            data.ImagePositionPatient = [f"{v:.10f}"[:16] for v in np.array([-10.0, -20.0, 30.0]) + 8.0 * k * normal]
            data.InstanceNumber = int(name)
            change(k, data)
            data.save_as(folder / f"IM{name:04d}", enforce_file_format=True)
        return folder

    return write


def _slice(k: int, modality: str, uid: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MRImageStorage if modality == "MR" else CTImageStorage
    meta.MediaStorageSOPInstanceUID = uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SpecificCharacterSet = "ISO_IR 100"
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, uid
    data.StudyInstanceUID, data.SeriesInstanceUID, data.FrameOfReferenceUID = "2.25.1", "2.25.2", "2.25.3"
    data.PatientName, data.PatientID, data.PatientSex, data.PatientBirthDate = "Müller^Jörg", "42", "M", "19500203"
    data.StudyDate, data.StudyTime, data.StudyDescription = "20200102", "101112", "Übersicht"
    procedure = Dataset()
    procedure.CodeValue, procedure.CodingSchemeDesignator, procedure.CodeMeaning = "1", "99X", "Bauchübersicht"
    data.ProcedureCodeSequence = [procedure]
    data.AcquisitionDate, data.AcquisitionTime = "20200103", "131415"
    data.Modality, data.SeriesNumber = modality, 4
    data.SliceThickness, data.SpacingBetweenSlices = "6", "2"  # the gap, not the distance of 8 mm, as happens
    data.Rows, data.Columns = SHAPE[1:]
    data.PixelSpacing = ["1.25", "1.5"]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
    data.PixelData = np.full(SHAPE[1:], 100 * k, np.int16).tobytes()
    return data


@pytest.fixture
def model() -> Model:
    """Eight organs, two of them with a side; its weights are not read."""
    return find_model("abdomen-ct")


@pytest.fixture
def labels() -> np.ndarray:
    """(K, J, I), every label, none in every slice, some in the first and in the last; no symmetry."""
    values = np.random.default_rng(0).integers(0, 9, SHAPE).astype(np.uint8)
    for k in range(SHAPE[0]):
        values[k][values[k] == k + 1] = 0
    return values


@pytest.fixture
def write(write_series, labels, model, tmp_path) -> Callable[..., Path]:
    """A series, and its segmentation as a file."""

    def write(labels: np.ndarray = labels, model: Model = model, seed: bytes = b"seed", **series) -> Path:
        image = io.read(write_series(**series))
        write_dicom_seg(labels, read_source(image.slices, image.geometry), model, tmp_path / "out.dcm", seed)
        return tmp_path / "out.dcm"

    return write


def by_source(path: Path, files: tuple[Path, ...]) -> np.ndarray:
    """Labels on the given source files, by highdicom."""
    uids = [pydicom.dcmread(file, stop_before_pixels=True).SOPInstanceUID for file in files]
    return hd.seg.segread(path).get_pixels_by_source_instance(
        uids, combine_segments=True, assert_missing_frames_are_empty=True
    )


@pytest.mark.parametrize("modality", ["CT", "MR"])
@pytest.mark.parametrize("orientation", ORIENTATIONS.values(), ids=list(ORIENTATIONS))
def test_every_voxel_lies_on_its_source_slice(orientation, modality, write, labels, tmp_path):
    path = write(orientation=orientation, modality=modality)
    files = tuple((tmp_path / "series").iterdir())
    stored = by_source(path, files)
    for file, plane in zip(files, stored, strict=True):
        k = int(pydicom.dcmread(file).pixel_array[0, 0]) // 100
        np.testing.assert_array_equal(plane, labels[k])


@pytest.mark.parametrize("orientation", ORIENTATIONS.values(), ids=list(ORIENTATIONS))
def test_every_frame_lies_in_the_patient_where_simpleitk_and_slicer_see_its_slice(orientation, write, labels, tmp_path):
    data = pydicom.dcmread(write(orientation=orientation))
    image = io.read(tmp_path / "series")
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([str(file) for file in image.files])
    reference = reader.Execute()
    boot()
    import slicer
    from vtkmodules.vtkCommonMath import vtkMatrix4x4

    volume, matrix = add_volume(image), vtkMatrix4x4()
    volume.GetRASToIJKMatrix(matrix)
    slicer.mrmlScene.RemoveNode(volume)
    shared = data.SharedFunctionalGroupsSequence[0]
    np.testing.assert_allclose(shared.PlaneOrientationSequence[0].ImageOrientationPatient, orientation, atol=1e-9)
    np.testing.assert_allclose(shared.PixelMeasuresSequence[0].PixelSpacing, [1.25, 1.5])
    measures = shared.PixelMeasuresSequence[0]
    assert (measures.SliceThickness, measures.SpacingBetweenSlices) == (6, 8)
    stored = np.zeros_like(labels)
    for group, pixels in zip(data.PerFrameFunctionalGroupsSequence, data.pixel_array, strict=True):
        position = [float(v) for v in group.PlanePositionSequence[0].ImagePositionPatient]
        i, j, k = reference.TransformPhysicalPointToContinuousIndex(position)
        np.testing.assert_allclose((i, j, k), (0, 0, round(k)), atol=1e-5)
        x, y, z = position
        np.testing.assert_allclose(matrix.MultiplyPoint((-x, -y, z, 1)), (0, 0, round(k), 1), atol=1e-5)
        stored[round(k)][pixels > 0] = group.SegmentIdentificationSequence[0].ReferencedSegmentNumber
    np.testing.assert_array_equal(stored, labels)


def test_order_of_the_files_and_of_the_slices_in_the_array_does_not_matter(write_series, labels, model, tmp_path):
    image = io.read(write_series(orientation=OBLIQUE))
    plain, shuffled, backward = (tmp_path / f"{name}.dcm" for name in ("plain", "shuffled", "backward"))
    write_dicom_seg(labels, read_source(image.slices, image.geometry), model, plain, b"seed")
    write_dicom_seg(labels, read_source(sorted(image.slices), image.geometry), model, shuffled, b"seed")
    assert sorted(image.files) != list(image.files)
    assert shuffled.read_bytes() == plain.read_bytes()

    flip = np.eye(4)
    flip[2, 2], flip[2, 3] = -1, SHAPE[0] - 1
    mirrored = read_source(image.slices, Geometry(SHAPE, image.geometry.ijk_to_ras @ flip))
    write_dicom_seg(labels[::-1], mirrored, model, backward, b"")
    np.testing.assert_array_equal(by_source(backward, image.files), labels)


def test_segments_carry_names_codes_colors_and_the_algorithm(write, model):
    segments = pydicom.dcmread(write()).SegmentSequence

    def code(item):
        return item.CodingSchemeDesignator, item.CodeValue, item.CodeMeaning

    assert [(item.SegmentNumber, item.SegmentLabel) for item in segments] == [(v.value, v.name) for v in model.labels]
    assert {code(item.SegmentedPropertyCategoryCodeSequence[0]) for item in segments} == {
        ("SCT", "123037004", "Anatomical Structure")
    }
    kidney, liver = (segments[number - 1].SegmentedPropertyTypeCodeSequence[0] for number in (3, 5))
    assert code(kidney) == ("SCT", "64033007", "Kidney")
    assert code(kidney.SegmentedPropertyTypeModifierCodeSequence[0]) == ("SCT", "7771000", "Left")
    assert code(liver) == ("SCT", "10200004", "Liver")
    assert "SegmentedPropertyTypeModifierCodeSequence" not in liver
    for item, label in zip(segments, model.labels, strict=True):
        color = hd.color.CIELabColor.from_dicom_value(item.RecommendedDisplayCIELabValue).to_rgb()
        np.testing.assert_allclose(color, label.color, atol=1)
        assert (item.SegmentAlgorithmType, item.SegmentAlgorithmName) == ("AUTOMATIC", "DINSegment")
        algorithm = item.SegmentationAlgorithmIdentificationSequence[0]
        assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == ("DINSegment", __version__)
        assert model.sha256 in algorithm.AlgorithmParameters


def test_object_refers_to_patient_study_and_every_slice_of_the_series(write, tmp_path):
    data = pydicom.dcmread(write())
    headers = [pydicom.dcmread(file) for file in (tmp_path / "series").iterdir()]
    for name in ("PatientName", "PatientID", "PatientSex", "PatientBirthDate", "StudyDate", "StudyDescription"):
        assert data[name].value == headers[0][name].value
    assert data.SpecificCharacterSet == "ISO_IR 192"
    assert data.ProcedureCodeSequence[0].CodeMeaning == "Bauchübersicht"
    assert (data.StudyInstanceUID, data.FrameOfReferenceUID) == ("2.25.1", "2.25.3")
    (series,) = data.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == "2.25.2" != data.SeriesInstanceUID
    slices = {(header.SOPClassUID, header.SOPInstanceUID) for header in headers}
    for items in (series.ReferencedInstanceSequence, data.SourceImageSequence):
        assert {(item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID) for item in items} == slices
    assert (data.ContentDate, data.ContentTime) == ("20200103", "131415")


# Type 1 (a value must be there) and type 2 (the attribute must be there) of the Segmentation IOD, PS3.3 A.51 and the
# modules that it names
TYPE_1 = (
    "StudyInstanceUID", "Modality", "SeriesInstanceUID", "SeriesNumber", "FrameOfReferenceUID", "Manufacturer",
    "ManufacturerModelName", "DeviceSerialNumber", "SoftwareVersions", "SamplesPerPixel", "PhotometricInterpretation",
    "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelData", "ImageType",
    "InstanceNumber", "ContentLabel", "SegmentationType", "SegmentSequence", "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence", "ContentDate", "ContentTime", "NumberOfFrames", "DimensionOrganizationSequence",
    "DimensionIndexSequence", "LossyImageCompression", "ReferencedSeriesSequence", "SOPClassUID", "SOPInstanceUID",
)  # fmt: skip
TYPE_2 = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "ReferringPhysicianName",
    "StudyID", "AccessionNumber", "PositionReferenceIndicator", "ContentDescription", "ContentCreatorName",
)  # fmt: skip


def without_what_may_lack(_: int, data: FileDataset) -> None:
    """As some anonymizers leave a series."""
    for name in (
        "PatientName", "PatientID", "PatientSex", "PatientBirthDate", "StudyDate", "StudyTime", "StudyDescription",
        "ProcedureCodeSequence", "AcquisitionDate", "AcquisitionTime", "SliceThickness", "SpacingBetweenSlices",
        "SeriesNumber", "SpecificCharacterSet",
    ):  # fmt: skip
        del data[name]


@pytest.mark.parametrize("change", [lambda k, data: None, without_what_may_lack], ids=["full", "anonymized"])
def test_attributes_that_the_standard_requires_are_there(change, write):
    data = pydicom.dcmread(write(change=change))
    assert data.SOPClassUID == data.file_meta.MediaStorageSOPClassUID == SegmentationStorage
    assert data.SOPInstanceUID == data.file_meta.MediaStorageSOPInstanceUID
    assert [name for name in TYPE_1 if data.get(name) in (None, "")] == []
    assert [name for name in TYPE_2 if name not in data] == []
    assert (data.SegmentationType, data.BitsAllocated, data.SegmentsOverlap) == ("BINARY", 1, "NO")


def test_source_without_dates_gives_a_date_that_is_none(write):
    data = pydicom.dcmread(write(change=without_what_may_lack))
    assert (data.ContentDate, data.ContentTime) == ("19000101", "000000")


def test_same_run_makes_the_same_file_and_uids_of_a_uuid(write_series, labels, model, tmp_path):
    image = io.read(write_series())
    found = {}
    for name, seed, values in [
        ("first", b"seed", labels), ("again", b"seed", labels), ("other seed", b"Seed", labels),
        ("other labels", b"seed", np.where(labels == 1, 2, labels)),
    ]:  # fmt: skip
        write_dicom_seg(values, read_source(image.slices, image.geometry), model, tmp_path / name, seed)
        data = pydicom.dcmread(tmp_path / name)
        found[name] = (data.SeriesInstanceUID, data.SOPInstanceUID)
        for uid in found[name]:
            assert uid.startswith("2.25.") and uid.is_valid and int(uid[5:]) < 2**128
    assert (tmp_path / "first").read_bytes() == (tmp_path / "again").read_bytes()
    assert not set(found["first"]) & set(found["other seed"])
    assert found["other labels"][0] == found["first"][0]
    assert found["other labels"][1] != found["first"][1]


def test_structure_without_voxels_is_described_and_has_no_frame(write, labels, tmp_path):
    labels[labels == 5] = 0
    path = write(labels)
    data = pydicom.dcmread(path)
    assert [item.SegmentNumber for item in data.SegmentSequence] == list(range(1, 9))
    shown = [group.SegmentIdentificationSequence[0] for group in data.PerFrameFunctionalGroupsSequence]
    assert {item.ReferencedSegmentNumber for item in shown} == {1, 2, 3, 4, 6, 7, 8}
    np.testing.assert_array_equal(by_source(path, io.read(tmp_path / "series").files), labels)
    assert not hd.seg.segread(path).get_volume(segment_numbers=[5], combine_segments=True).array.any()


def test_frames_without_voxels_are_left_out(write, labels):
    data = pydicom.dcmread(write(labels))
    with_voxels = sum(bool((plane == value).any()) for plane in labels for value in range(1, 9))
    assert data.NumberOfFrames == with_voxels == 8 * SHAPE[0] - SHAPE[0]


def test_volume_without_any_structure_has_frames_and_reads_back(write, labels, tmp_path):
    path = write(np.zeros_like(labels))
    assert pydicom.dcmread(path).NumberOfFrames > 0
    assert not by_source(path, io.read(tmp_path / "series").files).any()


def test_structure_of_letters_that_the_source_cannot_write_keeps_its_name(write, write_model, labels, tmp_path):
    names = [
        {"value": value, "name": name, "color": [1, 2, 3], "terminology": {"type": ["SCT", "1", name]}}
        for value, name in enumerate(["Печень", "肝臓", "x" * 60], start=1)
    ]
    data = pydicom.dcmread(write(np.minimum(labels, 3), write_model(tmp_path / "model", "fixed", labels=names)))
    assert [item.SegmentLabel for item in data.SegmentSequence] == ["Печень", "肝臓", "x" * 60]
    assert data.PatientName == "Müller^Jörg"


@pytest.mark.parametrize("name", UIDS)
def test_series_without_a_uid_is_refused_and_nothing_written(name, write_series, labels, model, tmp_path):
    image = io.read(write_series())
    data = pydicom.dcmread(image.files[2])
    del data[name]
    data.save_as(image.files[2])
    with pytest.raises(InputError, match=rf"^{image.files[2].name} in series has no {name}"):
        write_dicom_seg(labels, read_source(image.slices, image.geometry), model, tmp_path / "out.dcm", b"")
    assert not (tmp_path / "out.dcm").exists()


def test_slices_in_two_frames_of_reference_are_refused_as_a_source(write_series, labels, model, tmp_path):
    image = io.read(write_series())
    data = pydicom.dcmread(image.files[2])
    data.FrameOfReferenceUID = "2.25.99"
    data.save_as(image.files[2])
    with pytest.raises(InputError, match="slices of series differ in their FrameOfReferenceUID"):
        write_dicom_seg(labels, read_source(image.slices, image.geometry), model, tmp_path / "out.dcm", b"")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("SOPInstanceUID", "2.25.7000", "series has two slices with the same SOPInstanceUID"),
        ("PatientSex", "W", "series has DICOM values that cannot be copied to a new DICOM object.*'W'"),
    ],
)
def test_values_that_do_not_fit_are_refused(name, value, message, write):
    def change(k: int, data: FileDataset) -> None:
        if k == 0 or name == "SOPInstanceUID":
            setattr(data, name, value)

    with pytest.raises(InputError, match=message):
        write(change=change)


def test_source_that_went_away_is_told(write_series, labels, model, tmp_path):
    image = io.read(write_series())
    image.files[1].unlink()
    with pytest.raises(InputError, match=f"^{image.files[1].name} cannot be read again"):
        write_dicom_seg(labels, read_source(image.slices, image.geometry), model, tmp_path / "out.dcm", b"")


def test_input_that_is_no_dicom_series_is_refused(labels, model, tmp_path):
    (tmp_path / "case.nii.gz").write_bytes(b"\0" * 400)
    with pytest.raises(InputError, match="case.nii.gz is not a DICOM file"):
        read_source([SliceFile(tmp_path / "case.nii.gz")], Geometry(SHAPE, np.eye(4)))


@pytest.mark.parametrize("fault", ["moved", "another spacing", "turned", "a slice missing", "a slice twice"])
def test_slices_of_another_volume_are_refused(fault, write_series, labels, model, tmp_path):
    image = io.read(write_series())
    matrix, slices = image.geometry.ijk_to_ras.copy(), list(image.slices)
    if fault == "moved":
        matrix[2, 3] += 8.0
    elif fault == "another spacing":
        matrix[:3, 0] *= 1.1
    elif fault == "turned":
        matrix[:3, :2] *= -1
    elif fault == "a slice missing":
        slices.pop(2)
    else:  # as two frames of a cine series lie
        data = pydicom.dcmread(slices[3].path)
        data.ImagePositionPatient = pydicom.dcmread(slices[2].path).ImagePositionPatient
        data.save_as(slices[3].path)
    with pytest.raises(GeometryError, match="are not those of the segmented volume"):
        read_source(slices, Geometry(SHAPE, matrix))


def test_one_changed_voxel_on_disk_is_seen(write, labels, tmp_path):
    path = write()
    image = io.read(tmp_path / "series")
    instances = read_source(image.slices, image.geometry).instances
    check(path, labels, instances)
    data = pydicom.dcmread(path)
    bits = bytearray(data.PixelData)
    bits[0] ^= 1  # the first voxel of the first frame
    data.PixelData = bytes(bits)
    data.save_as(path)
    with pytest.raises(OutputError, match="out.dcm (differs from the labels|cannot be read back)"):
        check(path, labels, instances)


def test_file_cut_short_is_seen(write, labels, tmp_path):
    path = write()
    image = io.read(tmp_path / "series")
    instances = read_source(image.slices, image.geometry).instances
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(OutputError, match="out.dcm cannot be read back"):
        check(path, labels, instances)
