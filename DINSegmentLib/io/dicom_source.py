"""The DICOM slices that a result refers to, and attributes shared by all DICOM objects made from them."""

import copy
import hashlib
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import CTImageStorage, MRImageStorage

from .. import __version__
from ..errors import GeometryError, InputError
from ..geometry import LPS_TO_RAS, Geometry
from ..model import Model
from .dicom import enhanced
from .dicom.files import Slice
from .dicom.header import Attributes
from .image import SliceFile

MANUFACTURER = "DINSegment"
UTF8 = "ISO_IR 192"
LONGEST_TEXT = 64  # characters of a DICOM long string (LO)

_OTHER_FORMAT = "choose seg.nrrd or nii.gz"
_SHARED_UIDS = ("StudyInstanceUID", "FrameOfReferenceUID")
_UIDS = ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", *_SHARED_UIDS)
# type 2: may be empty in a series, and missing after anonymization; highdicom requires them
_MAY_BE_EMPTY = (
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate",
    "StudyTime", "ReferringPhysicianName",
)  # fmt: skip
_OF_ALL_FRAMES = ("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence", "NumberOfFrames")
_DATES = ("Content", "Acquisition", "Series", "Study")  # each with "Date" and "Time"; closest to the image first
_NO_DATE, _NO_TIME = "19000101", "000000"  # a content date is required, and today's date would differ between runs
_FIRST_SERIES_NUMBER = 1000  # above the numbers used by scanners


@dataclass(frozen=True)
class Instance:
    """Where a slice is stored: the UIDs of its object, and its frame number from 1 in a multi-frame file."""

    series: str
    sop_class: str
    sop_instance: str
    frame: int | None = None


@dataclass(frozen=True, eq=False)
class Source:
    """The slices of one volume in the order of K.

    Args:
        name: name of the volume in messages.
        geometry: grid of the volume.
        headers: of each slice, as in a single-frame file. They share one series, and each slice has its own
            instance UID, even frames of a multi-frame file; ``instances`` holds the stored UIDs.
        instances: where each slice is stored.
    """

    name: str
    geometry: Geometry
    headers: tuple[Dataset, ...]
    instances: tuple[Instance, ...]

    @property
    def study(self) -> str:
        return str(self.headers[0].StudyInstanceUID)

    @property
    def objects(self) -> list[Instance]:
        """The stored objects without repeats."""
        return list({one.sop_instance: one for one in self.instances}.values())

    @property
    def content_date(self) -> tuple[str, str]:
        """Date and time of the images, or 1900-01-01 if they have none."""
        first = self.headers[0]
        dated = next((name for name in _DATES if first.get(f"{name}Date")), None)
        if dated is None:
            return _NO_DATE, _NO_TIME
        return str(first[f"{dated}Date"].value), str(first.get(f"{dated}Time") or _NO_TIME)

    def series_number(self, offset: int = 0) -> int:
        """Number for a series made from this one; ``offset`` separates several such series."""
        number = abs(int(self.headers[0].get("SeriesNumber") or 0)) % _FIRST_SERIES_NUMBER**2
        return _FIRST_SERIES_NUMBER * (1 + offset) + number

    def uid(self, *parts: bytes) -> str:
        """UID that derives from a UUID (PS3.5, B.2), which derives from the study and ``parts``."""
        return _uid(self.study.encode(), *parts)


def read_source(slices: Sequence[SliceFile], geometry: Geometry) -> Source:
    """Read the headers of a volume's slices and match them to the grid by position.

    The slices may belong to several series of one study, and may be frames of multi-frame files.

    Args:
        slices: one for each slice of ``geometry``, in any order.

    Raises:
        InputError: a file is not DICOM, a UID is missing or repeated, or studies or frames of reference differ.
        GeometryError: the slices do not match ``geometry``.
    """
    name = slices[0].path.absolute().parent.name
    found = list(_headers(slices, name))
    _check_uids(found, name)
    places = [_instance(one) for one in found]
    if len(set(places)) < len(places):
        raise InputError(
            f"{name} has two slices with the same SOPInstanceUID, so a DICOM result cannot refer to them: "
            f"export the series again, or {_OTHER_FORMAT}."
        )
    order = _slice_order([one.header for one in found], geometry)
    headers = [cast(Dataset, found[k].header) for k in order]
    instances = tuple(places[k] for k in order)
    for header, instance in zip(headers, instances, strict=True):
        _complete(header, headers[0], instance)
    return Source(name, geometry, tuple(headers), instances)


def equipment(model: Model) -> dict[str, Any]:
    """Equipment that made an object, as arguments for highdicom."""
    return {
        "manufacturer": MANUFACTURER,
        "manufacturer_model_name": f"{model.id} {model.version}"[:LONGEST_TEXT],
        "device_serial_number": model.sha256[:LONGEST_TEXT],
        "software_versions": __version__,
    }


def reference(one: Instance) -> Dataset:
    """Create an item that refers to a whole stored object."""
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = one.sop_class, one.sop_instance
    return item


def unusable(source: Source, error: Exception) -> InputError:
    """Error for header values that a library refuses to write."""
    return InputError(
        f"{source.name} has DICOM values that cannot be copied to a new DICOM object ({one_line(error)}): "
        f"correct them, or {_OTHER_FORMAT}."
    )


def one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _headers(slices: Sequence[SliceFile], name: str) -> Iterator[Slice]:
    """Yield the slices in the given order, reading each file once."""
    expanded: dict[Path, list[Slice]] = {}
    for path, frame in slices:
        if path not in expanded:
            expanded[path] = enhanced.expand([Slice(path, _read(path))], name)
        one = next((one for one in expanded[path] if one.index == frame), None)
        if one is None:
            raise InputError(f"{path.name} in {name} is not the file that was segmented: restore the input.")
        for attribute in _OF_ALL_FRAMES:
            one.header.pop(attribute, None)
        yield replace(one, header=copy.deepcopy(one.header))  # frames of a file share their attributes


def _read(path: Path) -> Dataset:
    try:
        header = pydicom.dcmread(path, stop_before_pixels=True)
        header.decode()  # convert text to UTF-8, which structure names may need
        header.SpecificCharacterSet = UTF8
        return header
    except InvalidDicomError as error:
        raise InputError(
            f"{path.name} is not a DICOM file, and a DICOM result refers to a DICOM series: {_OTHER_FORMAT}."
        ) from error
    except (EOFError, OSError) as error:
        raise InputError(f"{path.name} cannot be read again ({one_line(error)}): restore the input.") from error


def _check_uids(slices: Iterable[Slice], name: str) -> None:
    slices = list(slices)
    for one in slices:
        missing = next((uid for uid in _UIDS if not one.header.get(uid)), None)
        if missing:
            raise InputError(
                f"{one.path.name} in {name} has no {missing}, which a DICOM result needs to refer to its source: "
                f"export the series with its UIDs, or {_OTHER_FORMAT}."
            )
    for uid in _SHARED_UIDS:
        if len({one.header.get(uid) for one in slices}) > 1:
            raise InputError(
                f"The slices of {name} differ in their {uid}, and a DICOM result needs one: "
                f"export the series again, or {_OTHER_FORMAT}."
            )


def _instance(one: Slice) -> Instance:
    header = one.header
    frame = None if one.index is None else one.index + 1
    return Instance(str(header.SeriesInstanceUID), str(header.SOPClassUID), str(header.SOPInstanceUID), frame)


def _slice_order(headers: Sequence[Attributes], geometry: Geometry) -> list[int]:
    """Find the header of each K.

    Raises:
        GeometryError: the headers do not match the grid.
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
            "restore the input, and re-run."
        )
    return [int(index) for index in order]


def _complete(header: Dataset, first: Dataset, instance: Instance) -> None:
    """Add attributes that a new object needs, and unify those that may differ; ``instance`` has the original UIDs."""
    for name in _MAY_BE_EMPTY:
        if name not in header:
            setattr(header, name, "")
    header.ImageOrientationPatient = first.ImageOrientationPatient  # the last digit may differ
    header.SeriesInstanceUID = first.SeriesInstanceUID
    if instance.frame is not None:
        header.SOPInstanceUID = _uid(instance.sop_instance.encode(), str(instance.frame).encode())
        header.SOPClassUID = CTImageStorage if header.get("Modality") == "CT" else MRImageStorage


def _uid(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return f"2.25.{uuid.UUID(bytes=digest.digest()[:16], version=5).int}"
