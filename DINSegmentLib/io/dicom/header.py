"""DICOM headers: the attributes that DINSegment uses, without pixels.

The files of a study share most values, so each distinct value is converted only once.
"""

import math
import sys
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any, BinaryIO

import pydicom
from pydicom.dataelem import RawDataElement, convert_raw_data_element
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag, Tag
from pydicom.uid import (
    AllTransferSyntaxes,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
)

from ... import bounded

_GE_ELEMENTS = {0x00430010: "GEBlock", 0x0043102F: "GEComponent"}
"""Private elements of General Electric, which stores the image type nowhere else, and names for them."""

_ATTRIBUTES = (
    "SpecificCharacterSet", "ImageType", "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID",
    "SeriesNumber", "SeriesDescription", "Modality", "Rows", "Columns", "SamplesPerPixel", "NumberOfFrames",
    "BitsAllocated", "PixelSpacing", "ImageOrientationPatient", "ImagePositionPatient", "TriggerTime",
    "TemporalPositionIdentifier", "InstanceNumber", "PhotometricInterpretation", "BitsStored", "PixelRepresentation",
    "PixelPaddingValue", "PixelPaddingRangeLimit", "RescaleSlope", "RescaleIntercept", "PatientID", "IssuerOfPatientID",
    "PatientName", "PatientBirthDate", "FrameOfReferenceUID",
    # type of image
    "ComplexImageComponent", "ProtocolName", "EchoNumbers", "EchoTime", "InversionTime", "DiffusionBValue",
    "ConvolutionKernel", "SliceThickness", "AcquisitionTime", "AcquisitionNumber",
    "BodyPartExamined", "ContrastBolusAgent", "ScanningSequence", "SequenceName",
    # patient data
    "HeartRate", "NominalInterval", "PatientSize", "PatientWeight",
)  # fmt: skip
# integers, because comparing pydicom's own tags takes five times as long
_OF_FILE: list[Any] = [int(Tag(name)) for name in ("MediaStorageSOPClassUID", "TransferSyntaxUID")]
_WANTED: list[Any] = [int(Tag(name)) for name in _ATTRIBUTES] + [*_GE_ELEMENTS]
_NAMES = {tag: pydicom.datadict.keyword_for_tag(tag) for tag in (*_OF_FILE, *_WANTED)} | _GE_ELEMENTS
_PIXELS = 0x7FE00000  # this group and later ones hold pixels
_PLAIN = {*AllTransferSyntaxes} - {DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian}  # little endian
_DEFLATED_HEADER = 16 << 20  # limit on the bytes of a deflated file in addition to its pixels


class Header:
    """Attribute values by name, as pydicom converts them; read-only."""

    __slots__ = ("_values",)

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of an attribute, or ``default`` if it is missing."""
        return self._values.get(name, default)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._values:
            raise AttributeError(name)
        return self._values[name]

    def but(self, **values: Any) -> "Header":
        """Return a copy with changed values; None removes an attribute."""
        return Header({name: one for name, one in {**self._values, **values}.items() if one is not None})


Attributes = Header | Dataset
"""Access to attributes by name: the ones used from a file, or a whole data set."""


class HeaderReader:
    """Reads headers of files that probably share values."""

    def __init__(self) -> None:
        self._known: dict[tuple, Any] = {}

    def read(self, file: BinaryIO) -> Header:
        """Read the header of an open file from its start; a deflated file is unpacked only as far as its image needs.

        Raises:
            bounded.Unusable: a deflated file unpacks to more or fewer bytes than expected.
            Exception: pydicom raises many exception types for damaged bytes.
        """
        start = file.read(132)
        file.seek(132 if start[128:] == b"DICM" else 0)
        about = read_dataset(file, False, True, stop_when=_is_behind_meta, specific_tags=_OF_FILE)
        syntax = about.get("TransferSyntaxUID")
        if syntax == DeflatedExplicitVRLittleEndian:
            data = _inflated(file)
        elif syntax in _PLAIN:
            data = read_dataset(
                file, syntax == ImplicitVRLittleEndian, True, stop_when=_is_pixels, specific_tags=_WANTED
            )
        else:  # pydicom detects the encoding
            file.seek(0)
            data = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=_WANTED, force=True)
        return Header({**dict(self._values(about)), **dict(self._values(data))})

    def _values(self, data: Dataset) -> Iterator[tuple[str, Any]]:
        charset = data.original_character_set
        letters = charset if isinstance(charset, str) else tuple(charset or ())
        for element in data.values():
            name = _NAMES.get(int(element.tag))
            if name is None:
                continue
            if not isinstance(element, RawDataElement):
                yield name, element.value
                continue
            key = (name, element.VR, element.value, element.is_little_endian, letters)
            if key not in self._known:
                self._known[key] = convert_raw_data_element(element, encoding=charset).value
            yield name, self._known[key]


def _inflated(file: BinaryIO) -> Dataset:
    packed = file.tell()
    content = b""
    for piece in bounded.inflate(file, sys.maxsize, wbits=-zlib.MAX_WBITS):
        content += piece
        if len(content) >= _DEFLATED_HEADER:
            break
    data = read_dataset(BytesIO(content), False, True, stop_when=_is_pixels, specific_tags=_WANTED)
    numbers = (int(data.get(name) or 1) for name in ("Rows", "Columns", "NumberOfFrames", "SamplesPerPixel"))
    most = math.prod(numbers) * (int(data.get("BitsAllocated") or 16) // 8) + _DEFLATED_HEADER
    file.seek(packed)
    for _ in bounded.inflate(file, most, wbits=-zlib.MAX_WBITS):
        pass
    return data


def _is_behind_meta(tag: BaseTag, vr: str | None, length: int) -> bool:
    return tag >> 16 != 2


def _is_pixels(tag: BaseTag, vr: str | None, length: int) -> bool:
    return int.__ge__(tag, _PIXELS)
