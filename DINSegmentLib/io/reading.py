"""Reading of volumes: NIfTI, NRRD, MetaImage and DICOM folders, rejected by their header if they cannot be used."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from ..errors import GeometryError, InputError
from ..geometry import LPS_TO_RAS, Geometry
from ..notices import Notice
from . import header, nifti
from .background import fill_missing
from .formats import FORMATS, SUFFIXES
from .image import AS_STORED, Image, Reading, case_name, check_name, image_suffix, is_dicom


def read(
    path: Path | str, series: str | None = None, frame: int | None = None, files: Sequence[Path] | None = None,
    reading: Reading = AS_STORED,
) -> Image:  # fmt: skip
    """Read one volume; `checks.volume.check_array` checks its voxel values later.

    Args:
        path: an image file, a folder with DICOM images (including subfolders), or an enhanced DICOM file.
        series: number, description or UID of the DICOM series, if the folder holds several.
        frame: frame of a 4-D input, counted from 1.
        files: DICOM files of the series, if known; the folder is then not searched.
        reading: axis across the slices, and whether to resample irregular DICOM slices.

    Raises:
        InputError: missing, damaged, not a gray volume, too large, or a series or frame must be selected.
        GeometryError: unusable spacing, direction or slice positions.
    """
    path = Path(path)
    sitk.ProcessObject.SetGlobalWarningDisplay(False)  # the checks here already reject what matters in ITK's warnings
    if not path.exists():
        raise InputError(f"{path} does not exist: check the path.")
    check_name(path)
    if series is not None and not path.is_dir():
        raise InputError(f"{path.name} is a file, and --series selects from a DICOM folder: omit --series.")
    try:
        image = _read_dicom(path, series, frame, files, reading) if is_dicom(path) else _read_file(path, frame)
    except PermissionError as error:
        raise InputError(f"{path.name} cannot be opened (permission denied): change its permissions.") from error
    return replace(image, geometry=reading.cut(image.geometry), reading=reading)


def _read_file(path: Path, frame: int | None) -> Image:
    if path.stat().st_size == 0:
        raise InputError(f"{path.name} is an empty file: copy or export it again.")
    read_header, reader_name = _format(path)
    found = read_header(path)
    header.check(found, path.name, frame)
    index = header.pick_frame(path.name, found.frames, frame)
    image = _read_voxels(path, reader_name, found, index)
    array = sitk.GetArrayFromImage(image)
    geometry = geometry_of(image, found)
    missing = nifti.missing(path, found)[index] if found.raw else None
    array, notices = fill_missing(array, missing, path.name)
    files, notices = found.payload.files(path), (*notices_of(found, geometry), *notices)
    return Image(array, geometry, case_name(path), files, None, found.raw, notices=notices)


def _format(path: Path) -> tuple[Callable[[Path], header.Header], str]:
    suffix = image_suffix(path)
    if not suffix:
        raise InputError(
            f"{path.name} is not a volume file ({', '.join(SUFFIXES)}): convert it, or use a DICOM folder."
        )
    return FORMATS[suffix]


def geometry_of(image: Any, found: header.Header) -> Geometry:
    """Geometry of a volume from its header and an ITK image or reader."""
    dimension = image.GetDimension()
    directions = np.array(image.GetDirection()).reshape(dimension, dimension)[:3, :3]
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = directions * image.GetSpacing()[:3], image.GetOrigin()[:3]
    matrix[:3] *= found.to_mm / found.itk_factor
    if found.to_lps is not None:
        to_lps = np.multiply(found.to_lps, found.to_mm)
        matrix[:3, :3], matrix[:3, 3] = (found.steps[0] * to_lps).T, found.origin * to_lps
    i, j, k = found.shape
    return Geometry((k, j, i), LPS_TO_RAS @ matrix)


def notices_of(found: header.Header, geometry: Geometry) -> Iterator[Notice]:
    """Yield notices about a header."""
    yield from (Notice("input", text) for text in found.notices)
    if found.unit not in ("mm", "millimeter", "millimetre"):
        done = "mm was assumed" if found.to_mm == 1 else "they were converted to mm"
        text = f'The header gives lengths in "{found.unit}"; {done}. Check the voxel spacing.'
        yield Notice("input", text)
    if found.raw and (text := nifti.doubt_of_place(found.raw, geometry, found.to_mm)):
        yield Notice("input", text)


def files_of(
    path: Path, series: str | None = None, frame: int | None = None, files: Sequence[Path] | None = None,
    reading: Reading = AS_STORED,
) -> tuple[Path, ...]:  # fmt: skip
    """Return the files that `read` would read with these arguments, or `read_cine` without ``frame``, from headers.

    Raises:
        InputError, GeometryError: as `read`, if the headers show it.
    """
    if is_dicom(path):
        from .dicom import volume as dicom

        name = case_name(path)
        if frame is None:
            return dicom.find_cine(path, name, series, files, False, reading.resample).files
        return dicom.find_volume(path, name, series, frame, files, False, reading.resample).files
    return _format(path)[0](path).payload.files(path)


def _read_voxels(path: Path, reader_name: str, found: header.Header, index: int) -> sitk.Image:
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.SetImageIO(reader_name)
    try:
        reader.ReadImageInformation()
        size = reader.GetSize()
        if further := len(size) - 3:  # the axis of the frames, and any of length 1
            reader.SetExtractIndex([0, 0, 0, index, *[0] * (further - 1)])
            reader.SetExtractSize([*size[:3], *[0] * further])
        image = reader.Execute()
    except RuntimeError as error:
        if "orthonormal" in str(error):
            message = f"{path.name} has axes that are not at right angles: resample it to a rectangular grid first."
            raise GeometryError(message) from error
        if found.frames > 1:
            message = f"Frames of {path.name} cannot be read one by one: save the frame that you need as a 3-D volume."
            raise InputError(message) from error
        message = f"{path.name} cannot be read (damaged, or of an unusual kind): copy or export it again."
        raise InputError(message) from error
    return sitk.VectorIndexSelectionCast(image, index) if found.frames_are_components else image


def _read_dicom(
    folder: Path, series: str | None, frame: int | None, files: Sequence[Path] | None, reading: Reading
) -> Image:
    from .dicom import volume as dicom  # pydicom takes 0.25 s to import

    name = case_name(folder)
    volume = dicom.find_volume(folder, name, series, frame, files, resample=reading.resample)
    array = dicom.read_voxels([volume], name)[0]
    return Image(
        array, volume.geometry, name, volume.files, volume.modality, slices=volume.slice_files, notices=volume.notices
    )
