"""Cine series to arrays: 4-D NIfTI, NRRD (Slicer's ``.seq.nrrd`` too) and MetaImage files, and DICOM folders."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from . import memory, nifti, nrrd
from .image import Image, case_name, image_suffix
from .reading import FORMATS, files_of, read, read_dicom_voxels

if TYPE_CHECKING:
    from . import dicom

_SEQUENCE = ".seq"  # Slicer's sequences are NAME.seq.nrrd


@dataclass(frozen=True, eq=False)
class Cine:
    """All frames of a cine.

    Args:
        array: voxels (T, K, J, I) in the order of time.
        first: frame 1 as a volume; its grid is that of all frames, its files are all that were read.
        times: seconds of every frame after the first; None where the input does not tell.
    """

    array: np.ndarray
    first: Image
    times: tuple[float, ...] | None

    def image(self, index: int) -> Image:
        """One frame, counted from 0, as a volume."""
        return replace(self.first, array=self.array[index])


def read_cine(path: Path | str, series: str | None = None) -> Cine:
    """Read all frames; `read` takes a single one.

    Args:
        path: a 4-D image file, or a folder with a DICOM series that has several images at every slice position.
        series: number, description or UID of the DICOM series, where a folder holds several.

    Raises:
        InputError, GeometryError: as `read`; or there is only one frame, or too many for the memory.
    """
    path = Path(path)
    if path.is_dir():
        return _read_dicom(path, series)
    first = read(path, series, frame=1)
    suffix = image_suffix(path)
    read_header, reader_name = FORMATS[suffix]
    found = read_header(path)
    _check_frames(path.name, found.frames)
    memory.check((found.frames, *first.array.shape), found.voxel_bytes, path.name)
    image = sitk.ReadImage(str(path), imageIO=reader_name)
    array = sitk.GetArrayFromImage(image)
    if found.frames_are_components:
        array = np.ascontiguousarray(np.moveaxis(array, -1, 0))
    array = array.reshape(found.frames, *first.array.shape)
    times = None
    if first.nifti_header:
        seconds = nifti.frame_seconds(first.nifti_header)
        times = tuple(seconds * index for index in range(len(array))) if seconds else None
    elif suffix in (".nrrd", ".nhdr"):
        times = nrrd.frame_times(path, found.frames)
    return Cine(array, replace(first, array=array[0], name=first.name.removesuffix(_SEQUENCE)), times)


def files_of_cine(path: Path, series: str | None = None) -> tuple[Path, ...]:
    """The files that `read_cine` would read, with the same arguments.

    Raises:
        InputError, GeometryError: as `read_cine`, where headers tell it.
    """
    if path.is_dir():
        from . import dicom

        return _files(dicom.find_cine(path, case_name(path), series, pixels=False))
    return files_of(path)


def _read_dicom(folder: Path, series: str | None) -> Cine:
    from . import dicom  # pydicom takes a quarter of a second to import

    name = case_name(folder)
    cine = dicom.find_cine(folder, name, series)
    _check_frames(name, len(cine.volumes))
    array = np.stack([read_dicom_voxels(volume.files, name) for volume in cine.volumes])
    volume = cine.volumes[0]
    return Cine(array, Image(array[0], volume.geometry, name, _files(cine), volume.modality), cine.times)


def _files(cine: "dicom.Cine") -> tuple[Path, ...]:
    return tuple(path for volume in cine.volumes for path in volume.files)


def _check_frames(name: str, frames: int) -> None:
    if frames < 2:
        raise InputError(
            f"{name} has a single frame, and a cine has several: give all of them, or use dinsegment segment."
        )
