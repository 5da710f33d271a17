"""A label volume as a DICOM Segmentation object that refers to the series it was made from."""

import hashlib
import uuid
import warnings
from collections.abc import Sequence
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
from highdicom.seg import Segmentation, SegmentDescription
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.sr.codedict import codes

from .. import __version__
from ..errors import GeometryError, InputError, OutputError
from ..geometry import LPS_TO_RAS, Geometry
from ..model import Label, Model

_NAME = "DINSegment"

_OTHER_FORMAT = "choose seg.nrrd or nii.gz"
_SHARED_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
_UIDS = ("SOPClassUID", "SOPInstanceUID", *_SHARED_UIDS)
# type 2: a series may leave them empty, an anonymized one leaves them out, and highdicom asks for them
_MAY_BE_EMPTY = (
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate",
    "StudyTime", "ReferringPhysicianName",
)  # fmt: skip
_DATES = ("Content", "Acquisition", "Series", "Study")  # each with "Date" and "Time", nearest to the image first
_NO_DATE, _NO_TIME = "19000101", "000000"  # a content date must be there, and today's would differ from run to run
_UTF8 = "ISO_IR 192"
_LONGEST_TEXT = 64  # letters of a DICOM long string (LO)
_FIRST_SERIES_NUMBER = 1000  # out of the way of the scanner's own series


def write_dicom_seg(
    labels: np.ndarray, geometry: Geometry, source_files: Sequence[Path], model: Model, path: Path, seed: bytes
) -> None:
    """Write labels as one DICOM Segmentation file, read it back and compare it voxel by voxel.

    The object is of type BINARY, which viewers have long read; LABELMAP is smaller, but they only begin to. Segment
    numbers are the label values. Every structure of the model is described, also one without a voxel, which tells
    "looked for and not found"; frames without a voxel are left out, except where there is no voxel at all, as an image
    needs frames.

    The same labels, source, model and seed give the same file to the byte: UIDs derive from ``seed`` (that of the
    instance from the labels, too), dates and times are the source's, or 1900-01-01 where it has none. Only another
    version of DINSegment, highdicom or pydicom may write other bytes.

    Args:
        labels: unsigned (K, J, I), 0 background, else label values of the model.
        geometry: grid of ``labels``.
        source_files: DICOM files, one a slice, in any order; they find their slices by position.
        model: whose labels give names, colors and codes.
        path: file to write; the caller sees to it that a failed one does not stay.
        seed: what tells this run from others: hash of the input, parameters, model, version.

    Raises:
        InputError: the source is no DICOM series, lacks a UID, or has values that cannot go into a segmentation.
        GeometryError: the source's slices are not those of ``geometry``.
        OutputError: what was written is not what should be there.
    """
    headers = _in_slice_order(_read_headers(source_files), geometry)
    series = _uid(seed, b"series")
    instance = _uid(seed, b"instance", str(labels.shape).encode(), np.ascontiguousarray(labels).tobytes())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom's about odd values of the source, highdicom's about no label
            dataset = _build(labels, geometry, headers, model, series, instance)
            _finish(dataset, headers[0], _uid(seed, b"dimensions"))
            dataset.save_as(path, enforce_file_format=True)
    except (AttributeError, KeyError, ValueError) as error:
        raise InputError(
            f"{_series_name(source_files)} has DICOM values that cannot go into a DICOM segmentation "
            f"({_one_line(error)}): correct them, or {_OTHER_FORMAT}."
        ) from error
    check(path, labels, [header.SOPInstanceUID for header in headers])


def check(path: Path, labels: np.ndarray, instances: Sequence[str]) -> None:
    """Read a DICOM Segmentation and compare it with the labels that it should hold.

    Args:
        labels: (K, J, I), values are segment numbers.
        instances: SOP instance UID of the source of every slice, in the order of K.

    Raises:
        OutputError: it cannot be read, or a voxel differs.
    """
    try:
        stored = hd.seg.segread(path).get_pixels_by_source_instance(
            list(instances), combine_segments=True, ignore_spatial_locations=False, assert_missing_frames_are_empty=True
        )
    except Exception as error:  # whatever it is, the file is of no use
        raise OutputError(
            f"{path.name} cannot be read back ({_one_line(error)}): check the disk, or {_OTHER_FORMAT}."
        ) from error
    if not np.array_equal(stored, labels):
        raise OutputError(f"{path.name} differs from the labels written: check the disk, or {_OTHER_FORMAT}.")


def _read_headers(files: Sequence[Path]) -> list[Dataset]:
    headers: list[Dataset] = []
    for path in files:
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True)
        except InvalidDicomError as error:
            raise InputError(
                f"{path.name} is no DICOM file, and a DICOM segmentation needs a DICOM series: {_OTHER_FORMAT}."
            ) from error
        except (EOFError, OSError) as error:
            raise InputError(
                f"{path.name} cannot be read any more ({_one_line(error)}): leave the input in its place."
            ) from error
        if "PerFrameFunctionalGroupsSequence" in header:
            raise InputError(
                f"{path.name} holds many frames (an enhanced DICOM file), to which no DICOM segmentation is written: "
                f"{_OTHER_FORMAT}."
            )
        missing = next((name for name in _UIDS if not header.get(name)), None)
        if missing:
            raise InputError(
                f"{path.name} in {_series_name(files)} has no {missing}, by which a DICOM segmentation refers to its "
                f"source: export the series with its UIDs, or {_OTHER_FORMAT}."
            )
        headers.append(header)
    for name in _SHARED_UIDS:
        if len({header[name].value for header in headers}) > 1:
            raise InputError(
                f"The slices of {_series_name(files)} differ in their {name}, and a DICOM segmentation refers to one: "
                f"export the series again, or {_OTHER_FORMAT}."
            )
    if len({header.SOPInstanceUID for header in headers}) < len(headers):
        raise InputError(
            f"{_series_name(files)} has two slices of one SOPInstanceUID, by which a DICOM segmentation tells them "
            f"apart: export the series again, or {_OTHER_FORMAT}."
        )
    return headers


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _series_name(files: Sequence[Path]) -> str:
    return files[0].absolute().parent.name


def _in_slice_order(headers: list[Dataset], geometry: Geometry) -> list[Dataset]:
    """The headers in the order of K.

    Raises:
        GeometryError: there are others than those of the grid.
    """
    positions = np.array([header.ImagePositionPatient for header in headers], dtype=np.float64) @ LPS_TO_RAS[:3, :3]
    from_origin = positions - geometry.ijk_to_ras[:3, 3]
    indices = np.linalg.solve(geometry.ijk_to_ras[:3, :3], from_origin.T).T  # (I, J, K) of each slice's first pixel
    order = np.argsort(indices[:, 2], kind="stable")
    indices = indices[order]
    first = headers[0]
    axes = np.array(first.ImageOrientationPatient, dtype=np.float64).reshape(2, 3) @ LPS_TO_RAS[:3, :3]
    slices, rows, columns = geometry.shape
    if not (
        len(headers) == slices
        and all((header.Rows, header.Columns) == (rows, columns) for header in headers)
        and np.allclose(indices[[0, -1]], [(0, 0, 0), (0, 0, slices - 1)], rtol=0, atol=0.1)
        and np.abs(np.diff(indices[:, 2]) - 1).max(initial=0) < 0.5
        and np.allclose(axes.T, geometry.directions[:, :2], rtol=0, atol=1e-2)
        and np.allclose(np.array(first.PixelSpacing, dtype=np.float64)[::-1], geometry.spacing[:2], rtol=1e-2, atol=0)
    ):
        raise GeometryError(
            f"The DICOM slices (such as {first.SOPInstanceUID}) are not those of the segmented volume: "
            "leave the input as it was, and run it again."
        )
    return [headers[index] for index in order]


def _build(
    labels: np.ndarray, geometry: Geometry, headers: Sequence[Dataset], model: Model, series: str, instance: str
) -> Segmentation:
    first = headers[0]
    for header in headers:
        header.decode()  # texts of the source become UTF-8, as names of structures may need it
        header.SpecificCharacterSet = _UTF8
        for name in _MAY_BE_EMPTY:
            if name not in header:
                setattr(header, name, "")
        # they may differ in the last digit, and highdicom wants them alike
        header.ImageOrientationPatient = first.ImageOrientationPatient
    # highdicom takes both from here; scanners write the gap or a negative number for the distance, too
    distance = round(float(geometry.spacing[2]), 6)
    first.SliceThickness, first.SpacingBetweenSlices = first.get("SliceThickness") or distance, distance
    return Segmentation(
        source_images=headers,
        pixel_array=labels,
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[_segment(label, model) for label in model.labels],
        omit_empty_frames=True,
        series_instance_uid=series,
        sop_instance_uid=instance,
        series_number=_FIRST_SERIES_NUMBER + abs(int(first.get("SeriesNumber") or 0)) % _FIRST_SERIES_NUMBER**2,
        instance_number=1,
        manufacturer=_NAME,
        manufacturer_model_name=f"{model.id} {model.version}"[:_LONGEST_TEXT],
        device_serial_number=model.sha256[:_LONGEST_TEXT],
        software_versions=__version__,
        series_description=f"{_NAME} {model.id}"[:_LONGEST_TEXT],
        content_label=_NAME.upper(),
        content_description=model.title[:_LONGEST_TEXT],
    )


def _segment(label: Label, model: Model) -> SegmentDescription:
    category, kind, modifier = label.terminology.split("~")[1:4]
    made = SegmentDescription(
        segment_number=label.value,
        segment_label=label.name[:_LONGEST_TEXT],
        segmented_property_category=_code(category),
        segmented_property_type=_code(kind),
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name=_NAME,
            version=__version__,
            family=codes.DCM.ArtificialIntelligence,
            parameters={"model": model.id, "model_version": model.version, "weights_sha256": model.sha256},
        ),
        display_color=hd.color.CIELabColor.from_rgb(*label.color),
    )
    if modifier.strip("^"):
        made.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = [_code(modifier)]
    return made


def _code(serialized: str) -> hd.sr.CodedConcept:
    scheme, value, meaning = serialized.split("^")
    return hd.sr.CodedConcept(value, scheme, meaning[:_LONGEST_TEXT])


def _finish(dataset: Segmentation, source: Dataset, dimensions: str) -> None:
    """Set what highdicom leaves out, and what it would set otherwise in every run: times of writing, a random UID."""
    dataset.SpecificCharacterSet = _UTF8
    dataset.ContentCreatorName = ""  # there is no such person, and the field must be there
    dated = next((name for name in _DATES if source.get(f"{name}Date")), None)
    dataset["ContentDate"].value = source[f"{dated}Date"].value if dated else _NO_DATE
    dataset["ContentTime"].value = source.get(f"{dated}Time") or _NO_TIME
    del dataset.InstanceCreationDate, dataset.InstanceCreationTime
    for item in dataset.get("ContributingEquipmentSequence", ()):
        item.pop("ContributionDateTime", None)
    for item in (*dataset.DimensionOrganizationSequence, *dataset.DimensionIndexSequence):
        item.DimensionOrganizationUID = dimensions


def _uid(*parts: bytes) -> str:
    """A UID that derives from a UUID (PS3.5, B.2), which derives from the parts."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return f"2.25.{uuid.UUID(bytes=digest.digest()[:16], version=5).int}"
