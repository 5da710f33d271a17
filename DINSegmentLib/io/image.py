"""A volume as read from a file, and the name that its results will carry. No slicer here."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import InputError
from ..geometry import Geometry

SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd")
DICOM_SUFFIXES = (".dcm", ".ima")  # many DICOM files have none


class SliceFile(NamedTuple):
    """Where a DICOM slice lies: its file, and in a file of many frames its index from 0."""

    path: Path
    frame: int | None = None


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
    """

    array: np.ndarray
    geometry: Geometry
    name: str
    files: tuple[Path, ...]
    modality: str | None = None
    nifti_header: bytes | None = None
    slices: tuple[SliceFile, ...] = ()


def check_name(path: Path) -> None:
    """Refuse a path that the image libraries cannot be told of: they would end the whole program.

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
    """Whether a file begins as a DICOM file does (PS3.10, 7.1)."""
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"
