"""DICOM files by their headers: which are images, which series they belong to, and what must be passed over."""

import math
import sys
import warnings
import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.filereader import read_dataset, read_file_meta_info
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, MediaStorageDirectoryStorage

from ... import bounded
from .. import person

_TAGS = [
    "ImageType", "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber",
    "SeriesDescription", "Modality", "Rows", "Columns", "SamplesPerPixel", "NumberOfFrames", "BitsAllocated",
    "PixelSpacing", "ImageOrientationPatient", "ImagePositionPatient", "TriggerTime", "TemporalPositionIdentifier",
    "InstanceNumber",
    *person.TAGS,
]  # fmt: skip
_DEFLATED_HEADER = 16 << 20  # bytes that a deflated file may hold beside its pixels
_STACK = ("StudyInstanceUID", "ImageOrientationPatient", "PixelSpacing", "Rows", "Columns")
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
    def is_localizer(self) -> bool:
        """Whether it is an image by which other series are planned (PS3.3, C.7.6.1.1.2 and C.8.2.1.1.1)."""
        return "LOCALIZER" in str(self.header.get("ImageType", "")).upper()

    @property
    def is_multi_frame(self) -> bool:
        return int(self.header.get("NumberOfFrames") or 1) > 1

    @property
    def is_enhanced(self) -> bool:
        """Whether it is a file whose frames have positions of their own, see `dicom_enhanced`."""
        return self.index is None and "Enhanced" in UID(self.header.get("SOPClassUID", ""), pydicom.config.IGNORE).name


@dataclass(frozen=True, eq=False)
class Series:
    """Slices of one series, as a user may choose it: by ``uid``, ``number`` or ``description``, each perhaps empty."""

    uid: str
    number: str
    description: str
    slices: tuple[Slice, ...]

    def is_called(self, wanted: str) -> bool:
        return wanted in (self.uid, self.number, self.description)

    def __str__(self) -> str:
        uid = "" if self.number or self.description else f" UID {self.uid}"
        return f'{self.number or "no number"} "{self.description}"{uid}, {len(self.slices)} slices'


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
        return known if known != item.path else None

    def _place(self, item: Slice) -> tuple[str, ...]:
        tags = ("SeriesInstanceUID", "ImagePositionPatient", "InstanceNumber", "TriggerTime")
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
    kind = UID(header.file_meta.get("MediaStorageSOPClassUID", ""))
    if kind == MediaStorageDirectoryStorage:
        return
    item = Slice(path, header)
    if not _may_be_image(kind, header):
        found.others.append((path, kind.name.removesuffix(" Storage") or header.Modality))
        return
    if "Rows" not in header:
        found.damaged.append((path, _uid(item) or None))
        return
    _titles(item), item.is_multi_frame  # a number that is none shows up here
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
        start = file.read(132)
        meta = read_file_meta_info(path) if start[128:] == b"DICM" else FileMetaDataset()
        if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
            file.seek(0)
            return pydicom.dcmread(file, stop_before_pixels=True, specific_tags=_TAGS)
        file.seek(132 + 12 + meta.FileMetaInformationGroupLength)
        packed = file.tell()
        content = b""
        for piece in bounded.inflate(file, sys.maxsize, wbits=-zlib.MAX_WBITS):
            content += piece
            if len(content) >= _DEFLATED_HEADER:
                break
        data = read_dataset(BytesIO(content), False, True, stop_when=_is_pixels, specific_tags=_tags())
        numbers = (int(data.get(name) or 1) for name in ("Rows", "Columns", "NumberOfFrames", "SamplesPerPixel"))
        most = math.prod(numbers) * (int(data.get("BitsAllocated") or 16) // 8) + _DEFLATED_HEADER
        file.seek(packed)
        for _ in bounded.inflate(file, most, wbits=-zlib.MAX_WBITS):
            pass
    return FileDataset(str(path), data, start, meta, False, True)


def _is_pixels(tag: BaseTag, vr: str | None, length: int) -> bool:
    return tag >= 0x7FE00000


def _tags() -> list[BaseTag | int]:
    return [Tag(name) for name in ("SpecificCharacterSet", *_TAGS)]


def group(slices: Iterable[Slice]) -> list[Series]:
    """The series of slices, in the order of their first slices.

    Anonymised files may all have an empty UID: folder, number and description still tell series apart.
    """
    groups = defaultdict(list)
    for item in slices:
        header = item.header
        groups[_uid(item) or (item.path.parent, header.get("StudyInstanceUID"), *_titles(item))].append(item)
    return [Series(_uid(items[0]), *_titles(items[0]), tuple(items)) for items in groups.values()]


def join_places(groups: Iterable[Series]) -> list[Series]:
    """The same with series of one stack taken together: many scanners store one for each slice of a cine.

    They belong to one study, each shows one place at as many times as the others, and their planes are parallel and
    alike. The series that they make has no UID and no number, and a description where they share one.
    """
    stacks: dict[tuple[str, ...] | int, list[Series]] = defaultdict(list)
    for number, series in enumerate(groups):
        stacks[_stack_of(series) or number].append(series)
    return [_joined(stack) for stack in stacks.values()]


def _stack_of(series: Series) -> tuple[str, ...] | None:
    """What a series that shows one place at several times has in common with others of its stack; None: it is none."""
    headers = [item.header for item in series.slices]
    try:
        places = {str(header.get("ImagePositionPatient")) for header in headers}
        alike = [str(headers[0].get(tag)) for tag in _STACK]
    except (ValueError, TypeError, OverflowError):  # damaged, which is told when it is read
        return None
    return (*alike, str(len(headers))) if len(places) == 1 < len(headers) else None


def _joined(stack: Sequence[Series]) -> Series:
    if len(stack) == 1:
        return stack[0]
    slices = tuple(item for series in stack for item in series.slices)
    descriptions = {series.description for series in stack}
    return Series("", "", descriptions.pop() if len(descriptions) == 1 else "", slices)


def without_localizers(slices: Sequence[Slice]) -> list[Slice]:
    """Only those that are no localizer; all of them where nothing else is there."""
    return [item for item in slices if not item.is_localizer] or list(slices)


def _may_be_image(kind: UID, header: Dataset) -> bool:
    known = kind.name != str(kind)
    return header.get("Modality") not in _NO_IMAGE and ("Image Storage" in kind.name if known else "Rows" in header)


def _uid(item: Slice) -> str:
    return str(item.header.get("SeriesInstanceUID") or "")


def _titles(item: Slice) -> tuple[str, str]:
    number, text = item.header.get("SeriesNumber"), item.header.get("SeriesDescription")
    return "" if number is None else str(number), str(text or "")
