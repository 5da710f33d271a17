"""Reading of cines: 4-D NIfTI, NRRD (including Slicer's ``.seq.nrrd``) and MetaImage files, and DICOM folders."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from .. import memory
from ..errors import InputError
from . import nifti, nrrd
from .background import fill_missing
from .formats import FORMATS
from .image import AS_STORED, Image, Reading, SliceFile, case_name, image_suffix, is_dicom
from .person import Person
from .reading import notices_of, read

_SEQUENCE = ".seq"  # Slicer saves sequences as NAME.seq.nrrd


@dataclass(frozen=True, eq=False)
class Cine:
    """All frames of a cine.

    Args:
        array: voxels (T, K, J, I) in temporal order.
        first: first frame as a volume; its grid applies to all frames, and its files are all files that were read.
        times: seconds of each frame after the first; None if the input has no times.
        files: files of each frame; a file with all frames is repeated.
        slices: for DICOM, where the slices of each frame are stored, see `Image`; empty for other formats.
        person: patient data from the DICOM headers.
    """

    array: np.ndarray
    first: Image
    times: tuple[float, ...] | None
    files: tuple[tuple[Path, ...], ...]
    person: Person = Person()
    slices: tuple[tuple[SliceFile, ...], ...] = ()

    def image(self, index: int) -> Image:
        """Return one frame, counted from 0, as a volume with its own files."""
        slices = self.slices[index] if self.slices else ()
        return replace(self.first, array=self.array[index], files=self.files[index], slices=slices)


def read_cine(
    path: Path | str, series: str | None = None, files: Sequence[Path] | None = None, reading: Reading = AS_STORED
) -> Cine:
    """Read all frames of a cine; `read` reads a single volume.

    Args:
        path: a 4-D image file, an enhanced DICOM file, or a folder with a DICOM series that has several images per
            slice position.
        series: number, description or UID of the DICOM series, if the folder holds several.
        files: DICOM files of the series, if known; the folder is then not searched.
        reading: as in `read`.

    Raises:
        InputError, GeometryError: as `read`; also if there is only one frame, or memory is insufficient for all.
    """
    path = Path(path)
    if is_dicom(path):
        return _read_dicom(path, series, files, reading)
    first = read(path, series, 1, reading=reading)
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
    array, notices = fill_missing(array, nifti.missing(path, found) if found.raw else None, path.name)
    times = None
    if first.nifti_header:
        seconds = nifti.frame_seconds(first.nifti_header)
        times = tuple(seconds * index for index in range(len(array))) if seconds else None
    elif suffix in (".nrrd", ".nhdr"):
        times = nrrd.frame_times(path, found.frames)
    notices = (*notices_of(found, first.geometry), *notices)
    first = replace(first, array=array[0], name=first.name.removesuffix(_SEQUENCE), notices=notices)
    return Cine(array, first, times, (first.files,) * len(array))


def count_frames(
    path: Path, series: str | None = None, files: Sequence[Path] | None = None, reading: Reading = AS_STORED
) -> int:
    """Count the frames of an input from its headers; arguments and errors as for `read`."""
    if is_dicom(path):
        from .dicom import volume as dicom

        return len(dicom.find_cine(path, case_name(path), series, files, False, reading.resample).volumes)
    if not image_suffix(path):
        return 1
    return FORMATS[image_suffix(path)][0](path).frames


def _read_dicom(folder: Path, series: str | None, files: Sequence[Path] | None, reading: Reading) -> Cine:
    from .dicom import volume as dicom  # pydicom takes 0.25 s to import

    name = case_name(folder)
    cine = dicom.find_cine(folder, name, series, files, resample=reading.resample)
    _check_frames(name, len(cine.volumes))
    array = dicom.read_voxels(cine.volumes, name)
    volume = cine.volumes[0]
    first = Image(
        array[0],
        reading.cut(volume.geometry),
        name,
        cine.files,
        volume.modality,
        slices=volume.slice_files,
        notices=volume.notices,
    )
    files, slices = (tuple(getattr(one, kind) for one in cine.volumes) for kind in ("files", "slice_files"))
    return Cine(array, first, cine.times, files, cine.person, slices)


def _check_frames(name: str, frames: int) -> None:
    if frames < 2:
        raise InputError(f"{name} has a single frame: provide all frames of the cine, or use dinsegment segment.")
