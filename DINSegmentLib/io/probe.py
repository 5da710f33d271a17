"""Inspection of a volume by its header: grid, bytes per voxel, and checks that need no voxels."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import SimpleITK as sitk

from ..errors import GeometryError, InputError
from ..geometry import Geometry
from ..memory import BYTES_AROUND_A_VOXEL, BYTES_FOR_THE_PROGRAM
from ..notices import Notice
from . import header
from .cine import count_frames
from .image import AS_STORED, Reading, case_name, image_suffix, is_dicom
from .reading import FORMATS, geometry_of, notices_of


@dataclass(frozen=True, eq=False)
class Glance:
    """Grid, bytes per stored voxel, DICOM modality (None if the format has none), bytes of memory for reading
    and segmenting, number of frames, and notices about how it would be read."""

    geometry: Geometry
    voxel_bytes: int
    modality: str | None
    memory: int
    frames: int = 1
    notices: tuple[Notice, ...] = ()


def peek(
    path: Path, series: str | None = None, frame: int | None = None, files: Sequence[Path] = (),
    all_frames: bool = False, reading: Reading = AS_STORED,
) -> Glance:  # fmt: skip
    """Inspect a volume as `read` would, without voxels, so damaged compressed voxels are not detected.

    Args:
        path, series, frame: as in `read`.
        files: DICOM files of the series, if known.
        all_frames: if ``frame`` is None, inspect all frames of a 4-D input, as `read_cine` would.
        reading: as in `read`.

    Raises:
        InputError: not a gray volume, damaged, too large, or a series or frame must be selected.
        GeometryError: unusable spacing, direction or slice positions.
    """
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        frames = count_frames(path, series, files or None, reading) if all_frames and frame is None else 1
        if frames > 1:
            frame = 1
        glance = _series(path, series, frame, files, reading) if is_dicom(path) else _file(path, frame)
        others = (frames - 1) * math.prod(glance.geometry.shape) * (glance.voxel_bytes + 1)  # and the labels
        return replace(glance, geometry=reading.cut(glance.geometry), frames=frames, memory=glance.memory + others)
    except PermissionError as error:
        raise InputError(f"{path.name} cannot be opened (permission denied): change its permissions.") from error


def _file(path: Path, frame: int | None) -> Glance:
    read_header, reader_name = FORMATS[image_suffix(path)]
    found = read_header(path)
    if found.payload.encoding == "deflate":  # only reading would decompress it
        found = replace(found, payload=replace(found.payload, encoding="other"))
    header.check(found, path.name, frame)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.SetImageIO(reader_name)
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        if "orthonormal" in str(error):
            message = f"{path.name} has axes that are not at right angles: resample it to a rectangular grid first."
            raise GeometryError(message) from error
        message = f"{path.name} cannot be read (damaged, or of an unusual kind): copy or export it again."
        raise InputError(message) from error
    geometry = geometry_of(reader, found)
    return replace(_glance(geometry, found.voxel_bytes, None), notices=tuple(notices_of(found, geometry)))


def _series(folder: Path, series: str | None, frame: int | None, files: Sequence[Path], reading: Reading) -> Glance:
    from .dicom import volume as dicom

    volume = dicom.find_volume(folder, case_name(folder), series, frame, files or None, False, reading.resample)
    return replace(_glance(volume.geometry, volume.voxel_bytes, volume.modality), notices=volume.notices)


def _glance(geometry: Geometry, voxel_bytes: int, modality: str | None) -> Glance:
    needed = math.prod(geometry.shape) * (2 * voxel_bytes + BYTES_AROUND_A_VOXEL) + BYTES_FOR_THE_PROGRAM
    return Glance(geometry, voxel_bytes, modality, needed)
