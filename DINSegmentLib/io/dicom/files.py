"""DICOM files by their headers: which are images, which series they belong to, and what must be passed over."""

import filecmp
import math
import sys
import warnings
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.filereader import read_dataset, read_file_meta_info
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, MediaStorageDirectoryStorage

from ... import bounded
from .. import person
from . import kinds

_TAGS = [
    "ImageType", "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber",
    "SeriesDescription", "Modality", "Rows", "Columns", "SamplesPerPixel", "NumberOfFrames", "BitsAllocated",
    "PixelSpacing", "ImageOrientationPatient", "ImagePositionPatient", "TriggerTime", "TemporalPositionIdentifier",
    "InstanceNumber", "PhotometricInterpretation", "BitsStored", "PixelRepresentation", "PixelPaddingValue",
    "PixelPaddingRangeLimit", "RescaleSlope", "RescaleIntercept", "PatientID", "IssuerOfPatientID", "PatientName",
    "PatientBirthDate",
    *kinds.TAGS, *person.TAGS,
]  # fmt: skip
_WANTED: Any = [Tag(name) for name in ("SpecificCharacterSet", *_TAGS)]  # found once, not by file
_START = 1024  # bytes that hold nearly every meta header
_DEFLATED_HEADER = 16 << 20  # bytes that a deflated file may hold beside its pixels
_NO_IMAGE = {"DOC", "KO", "PR", "REG", "RTDOSE", "RTPLAN", "RTSTRUCT", "SEG", "SR"}  # modalities that have no slices


@dataclass(frozen=True, eq=False)
class Slice:
    """One image: its file and its header without the pixels; and, in a file of many, its number from 0."""

    path: Path
    header: Dataset
    index: int | None = None

    def __str__(self) -> str:
        return self.path.name if self.index is None else f"frame {self.index + 1} of {self.path.name}"

    @property
    def position(self) -> np.ndarray:
        """Centre of the first pixel, LPS mm."""
        return np.array(self.header.ImagePositionPatient, dtype=np.float64)

    @property
    def axes(self) -> np.ndarray:
        """(2, 3): unit vectors along a row (I grows) and down a column (J grows), LPS."""
        return np.array(self.header.ImageOrientationPatient, dtype=np.float64).reshape(2, 3)

    @property
    def pixel_size(self) -> np.ndarray:
        """Pixel size in mm along (I, J); DICOM gives (between rows, between columns)."""
        return np.array(self.header.PixelSpacing, dtype=np.float64)[::-1]

    @property
    def key(self) -> tuple[Path, int | None]:
        """Equal for the same image."""
        return self.path, self.index

    @property
    def is_multi_frame(self) -> bool:
        return int(self.header.get("NumberOfFrames") or 1) > 1

    @property
    def is_enhanced(self) -> bool:
        """Whether it is a file whose frames have positions of their own, see `dicom_enhanced`."""
        return self.index is None and "Enhanced" in UID(self.header.get("SOPClassUID", ""), pydicom.config.IGNORE).name


@dataclass(frozen=True, eq=False)
class Scan:
    """What the headers of many files say.

    Args:
        slices: the images, each once, in the order of the files.
        copies: images that are among ``slices`` already: (file, the one that counts).
        others: DICOM objects without an image: (file, what it is).
        damaged: files whose header cannot be read, and the UID of their series as far as it is known.
    """

    slices: list[Slice] = field(default_factory=list)
    copies: list[tuple[Path, Path]] = field(default_factory=list)
    others: list[tuple[Path, str]] = field(default_factory=list)
    damaged: list[tuple[Path, str | None]] = field(default_factory=list)


@dataclass(frozen=True)
class _Seen:
    """The images so far: the first of every UID, and, of UIDs that came again, all by UID and place."""

    first: dict[str, Slice]
    all: dict[tuple[str, ...], Path]

    def before(self, item: Slice) -> Path | None:
        """The file of the same image, if there was one."""
        uid = str(item.header.get("SOPInstanceUID") or "")
        first = self.first.setdefault(uid, item)
        if not uid or first is item:
            return None
        for one in (first, item):
            known = self.all.setdefault((uid, *self._place(one)), one.path)
        if known == item.path:
            return None
        nobody = not item.header.get("PatientID") and not item.header.get("PatientName")
        if nobody and known.parent != item.path.parent and not filecmp.cmp(known, item.path, shallow=False):
            return None  # no identity is like that of another folder
        return known

    def _place(self, item: Slice) -> tuple[str, ...]:
        tags = (
            "PatientID", "PatientName", "StudyInstanceUID", "SeriesInstanceUID", "ImageType", "EchoNumbers",
            "ImagePositionPatient", "InstanceNumber", "TriggerTime",
        )  # fmt: skip
        return tuple(str(item.header.get(tag)) for tag in tags)


def scan(files: Iterable[Path]) -> Scan:
    """Read the headers of DICOM files, never their pixels; about half a millisecond each.

    Two files are copies when UID, position and number in the series agree: after careless anonymisation all files of a
    series may share one UID.
    """
    found = Scan()
    seen = _Seen({}, {})
    with pydicom.config.disable_value_validation(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # unusual values; those that matter are refused later
        for path in files:
            try:
                _scan(path, found, seen)
            except Exception:  # on damaged bytes pydicom raises nearly anything
                found.damaged.append((path, None))
    return found


def _scan(path: Path, found: Scan, seen: _Seen) -> None:
    header = _header(path)
    list(header)  # values are parsed when they are asked for: here, where warnings are kept back
    kind = UID(header.file_meta.get("MediaStorageSOPClassUID") or header.get("SOPClassUID") or "")
    if kind == MediaStorageDirectoryStorage:
        return
    item = Slice(path, header)
    if not _may_be_image(kind, header):
        found.others.append((path, kind.name.removesuffix(" Storage") or header.Modality))
        return
    if "Rows" not in header:
        found.damaged.append((path, _uid(item) or None))
        return
    header.get("SeriesNumber"), item.is_multi_frame  # a number that is none shows up here
    copied = seen.before(item)
    if copied:
        found.copies.append((path, copied))
        return
    found.slices.append(item)


def _header(path: Path) -> Dataset:
    """The tags that matter; a file that is deflated as a whole is unpacked no further than its own image is large.

    Raises:
        bounded.Unusable: more or less comes of it.
    """
    with bounded.open_file(path) as file:
        start = file.read(_START)
        start, is_plain = start[:132], _is_surely_not_deflated(start)
        meta = read_file_meta_info(path) if start[128:] == b"DICM" and not is_plain else FileMetaDataset()
        if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
            file.seek(0)
            return pydicom.dcmread(file, stop_before_pixels=True, specific_tags=_WANTED, force=True)
        file.seek(132 + 12 + meta.FileMetaInformationGroupLength)
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
    return FileDataset(str(path), data, start, meta, False, True)


def _is_surely_not_deflated(start: bytes) -> bool:
    """Whether the whole meta header is in the first bytes of a file and names another transfer syntax."""
    if start[128:140] != b"DICM\x02\0\0\0UL\x04\0" or 144 + int.from_bytes(start[140:144], "little") > len(start):
        return False
    return DeflatedExplicitVRLittleEndian.encode() not in start


def _is_pixels(tag: BaseTag, vr: str | None, length: int) -> bool:
    return tag >= 0x7FE00000


def _may_be_image(kind: UID, header: Dataset) -> bool:
    known = kind.name != str(kind)
    return header.get("Modality") not in _NO_IMAGE and ("Image Storage" in kind.name if known else "Rows" in header)


def _uid(item: Slice) -> str:
    return str(item.header.get("SeriesInstanceUID") or "")
