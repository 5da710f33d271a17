"""A volume as read from a file, and the name that its results will carry. No slicer here."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import InputError
from ..geometry import Geometry
from ..notices import Notice
from .formats import SUFFIXES

DICOM_SUFFIXES = (".dcm", ".ima")  # many DICOM files have none


class SliceFile(NamedTuple):
    """Where a DICOM slice lies: its file, and in a file of many frames its index from 0."""

    path: Path
    frame: int | None = None


@dataclass(frozen=True)
class Reading:
    """How an input is to be read.

    Args:
        slices: axis of the file along which slices lie: ``i``, ``j`` or ``k``; None: as `Geometry.across` finds it.
        resample: bring DICOM slices that are not on a regular grid to one, instead of refusing them.
    """

    slices: str | None = None
    resample: bool = False

    def cut(self, geometry: Geometry) -> Geometry:
        """The same grid with the slices along the axis that is asked for."""
        return geometry if self.slices is None else replace(geometry, slice_axis="kji".index(self.slices))


AS_STORED = Reading()


@dataclass(frozen=True, eq=False)
class Image:
    """A volume from a file.

    Args:
        array: voxels (K, J, I) in the file's own number type (rescaled values where the file says so).
        geometry: shape and IJK-to-RAS.
        name: `case_name` of the input.
        files: the files that it was read from, DICOM slices in slice order.
        modality: DICOM modality such as ``MR``; None where the format does not say.
        nifti_header: the raw header of a NIfTI input, so that a NIfTI output can keep its orientation to the bit.
        slices: of a DICOM input, where each slice lies, in the order of K; empty for other formats.
        reading: what was asked for.
        notices: what a user should know of how it was read; kind ``identity`` where it names patients, or ``input``.
    """

    array: np.ndarray
    geometry: Geometry
    name: str
    files: tuple[Path, ...]
    modality: str | None = None
    nifti_header: bytes | None = None
    slices: tuple[SliceFile, ...] = ()
    notices: tuple[Notice, ...] = ()
    reading: Reading = AS_STORED


def check_name(path: Path) -> None:
    """Refuse a path that cannot be passed to the image libraries: they would end the whole program.

    Raises:
        InputError: it is not UTF-8.
    """
    shown = os.fsencode(path).decode(errors="replace")
    if shown != str(path):
        raise InputError(f"{shown} has a name that is not UTF-8: rename it.")


def case_name(path: Path | str) -> str:
    """The name of an input: its file name without the image or DICOM suffix, or the DICOM folder's name."""
    path = Path(path)
    suffix = image_suffix(path) or next((one for one in DICOM_SUFFIXES if path.name.lower().endswith(one)), "")
    if suffix and not path.is_dir():
        return path.name[: -len(suffix)]
    return os.path.basename(os.path.abspath(path))  # a DICOM folder may be given as "."


def image_suffix(path: Path | str) -> str:
    """Which of `SUFFIXES` a file name ends with, in lower case; empty when none."""
    name = Path(path).name.lower()
    return next((suffix for suffix in SUFFIXES if name.endswith(suffix)), "")


def is_dicom(path: Path) -> bool:
    """Whether an input is read as DICOM: a folder, or a file with the mark of DICOM that has no volume's name."""
    return path.is_dir() or (path.is_file() and not image_suffix(path) and has_dicom_mark(path))


def has_dicom_mark(path: Path) -> bool:
    """Whether a file begins as a DICOM file does, see `begins_like_dicom`."""
    with path.open("rb") as file:
        return begins_like_dicom(file.read(132))


def begins_like_dicom(start: bytes) -> bool:
    """Whether 132 bytes are the first of a DICOM file (PS3.10, 7.1), or, without preamble, the elements of one."""
    return start[128:] == b"DICM" or _begins_with_elements(start)


def _begins_with_elements(start: bytes) -> bool:
    """Whether bytes are the first elements of a data set: group 2 or 8 with a VR, or, little endian, a short length."""
    has_vr = start[4:6] in (b"UL", b"OB", b"CS", b"UI", b"DA", b"TM", b"LO", b"SH")
    if start[:3] == b"\0\x08\0" and has_vr:  # big endian
        return True
    if len(start) < 20 or start[:2] not in (b"\x02\0", b"\x08\0") or start[3] != 0:
        return False
    if start[4:6].isalpha() and start[4:6].isupper():
        return has_vr
    length = int.from_bytes(start[4:8], "little")
    group = start[8 + length : 10 + length] if length <= 110 else b""
    return length <= 128 and (group in (b"\x02\0", b"\x08\0") or length > 110)
