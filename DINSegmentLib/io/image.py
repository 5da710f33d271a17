"""A volume as read from a file, and its case name; does not depend on Slicer."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import InputError
from ..geometry import Geometry
from ..notices import Notice
from .formats import SUFFIXES

DICOM_SUFFIXES = (".dcm", ".ima")  # many DICOM files have no suffix


class SliceFile(NamedTuple):
    """Where a DICOM slice is stored: its file, and its frame index from 0 in a multi-frame file."""

    path: Path
    frame: int | None = None


@dataclass(frozen=True)
class Reading:
    """How to read an input.

    Args:
        slices: file axis across the slices: ``i``, ``j`` or ``k``; None to use `Geometry.across`.
        resample: accept irregular DICOM slices and resample them to a regular grid.
    """

    slices: str | None = None
    resample: bool = False

    def cut(self, geometry: Geometry) -> Geometry:
        """Return the grid with slices along the requested axis."""
        return geometry if self.slices is None else replace(geometry, slice_axis="kji".index(self.slices))


AS_STORED = Reading()


@dataclass(frozen=True, eq=False)
class Image:
    """A volume from a file.

    Args:
        array: voxels (K, J, I) in the file's number type, rescaled if the file specifies it.
        geometry: shape and IJK-to-RAS matrix.
        name: `case_name` of the input.
        files: files that were read; DICOM files in slice order.
        modality: DICOM modality such as ``MR``; None if the format has none.
        nifti_header: raw header of a NIfTI input, so that a NIfTI output can keep its exact orientation.
        slices: for DICOM, where each slice is stored, in the order of K; empty for other formats.
        reading: the settings used for reading.
        notices: about how it was read; kind ``identity`` if the text names patients, otherwise ``input``.
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
    """Reject a path that would make the image libraries abort the program.

    Raises:
        InputError: the path is not UTF-8.
    """
    shown = os.fsencode(path).decode(errors="replace")
    if shown != str(path):
        raise InputError(f"{shown} has a name that is not UTF-8: rename it.")


def case_name(path: Path | str) -> str:
    """Name of an input: file name without image or DICOM suffix, or name of the DICOM folder."""
    path = Path(path)
    suffix = image_suffix(path) or next((one for one in DICOM_SUFFIXES if path.name.lower().endswith(one)), "")
    if suffix and not path.is_dir():
        return path.name[: -len(suffix)]
    return os.path.basename(os.path.abspath(path))  # a DICOM folder may be given as "."


def image_suffix(path: Path | str) -> str:
    """Return the suffix of `SUFFIXES` that a file name ends with, in lower case; empty if none."""
    name = Path(path).name.lower()
    return next((suffix for suffix in SUFFIXES if name.endswith(suffix)), "")


def is_dicom(path: Path) -> bool:
    """Whether to read an input as DICOM: a folder, or a file that begins like DICOM and has no volume suffix."""
    return path.is_dir() or (path.is_file() and not image_suffix(path) and has_dicom_mark(path))


def has_dicom_mark(path: Path) -> bool:
    """Whether a file begins like a DICOM file, see `begins_like_dicom`."""
    with path.open("rb") as file:
        return begins_like_dicom(file.read(132))


def begins_like_dicom(start: bytes) -> bool:
    """Whether 132 bytes begin a DICOM file (PS3.10, 7.1) or, without preamble, a data set."""
    return start[128:] == b"DICM" or _begins_with_elements(start)


def _begins_with_elements(start: bytes) -> bool:
    """Whether bytes begin a data set: group 2 or 8 with a VR or, in little endian, a short length."""
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
