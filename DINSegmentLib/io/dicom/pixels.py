"""DICOM pixels as values: rescaled per slice, brighter for more signal, with padding masked."""

import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.filereader import read_file_meta_info
from pydicom.pixels import iter_pixels, pixel_array
from pydicom.uid import DeflatedExplicitVRLittleEndian

from ...errors import InputError
from ..background import without_signal
from ..image import check_name
from . import kinds
from .files import Slice

_STORED = ["Rows", "Columns", "BitsAllocated", "PixelRepresentation", "PixelData"]
_WANTED = ["NumberOfFrames", *_STORED]


def read_voxels(frames: Sequence[Sequence[Slice]], name: str) -> np.ndarray:
    """Read the values (T, K, J, I) of slices on one grid.

    Returns:
        rescaled values in the files' number type, or floating point if slices differ; with padding,
        a masked array in which padding has the background value.

    Raises:
        InputError: a slice cannot be read.
    """
    first = frames[0][0]
    if first.index is not None:
        planes, masks = _planes_of_enhanced(frames, name)
    else:
        planes = [[_plane(item, name) for item in frame] for frame in frames]
        masks = [[_padded(item) for item in frame] for frame in frames]
    array = np.stack([np.stack(frame) for frame in planes])
    mask = None
    if any(one is not None for frame in masks for one in frame):
        nothing = np.zeros(array.shape[2:], bool)
        mask = np.stack([np.stack([nothing if one is None else one for one in frame]) for frame in masks])
    if is_inverted(first):
        array = _upright(array, mask, first)
    return array if mask is None else without_signal(array, mask, first.header.get("Modality"))


def check_pixels(path: Path, name: str) -> None:
    """Reject a DICOM file with missing or truncated pixels.

    Raises:
        InputError: the pixels are missing or truncated.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a truncated stream only warns, and PixelData is then missing
            data = pydicom.dcmread(path, specific_tags=_WANTED, force=True)
        stored = len(data.get("PixelData", b""))
        syntax = data.file_meta.get("TransferSyntaxUID")
        frames = int(data.get("NumberOfFrames") or 1)
        is_packed = syntax is not None and syntax.is_compressed
        wanted = 1 if is_packed else max(1, frames * data.Rows * data.Columns * data.BitsAllocated // 8)
    except Exception as error:  # pydicom raises many exception types for damaged bytes
        raise InputError(f"{path.name} in {name} is damaged: export the series again.") from error
    if stored < wanted:
        raise InputError(f"{path.name} in {name} is truncated (pixels are missing): export the series again.")


def is_inverted(item: Slice) -> bool:
    """Whether the largest value is displayed black."""
    return str(item.header.get("PhotometricInterpretation") or "").strip() == "MONOCHROME1"


def is_padding(stored: np.ndarray, item: Slice) -> np.ndarray | None:
    """Mask of stored values that are padding (PS3.3, C.7.5.1.1.2); None if there is no padding."""
    value, limit = (_stored_number(item, tag) for tag in ("PixelPaddingValue", "PixelPaddingRangeLimit"))
    if value is None:
        return None
    low, high = sorted((value, value if limit is None else limit))
    mask = (stored >= low) & (stored <= high)
    return mask if mask.any() else None


def scale(item: Slice) -> tuple[float, float]:
    """Slope and intercept of a slice's values."""
    slope, intercept = (kinds.number(item.header, tag) for tag in ("RescaleSlope", "RescaleIntercept"))
    return 1.0 if slope is None else slope, intercept or 0.0


def _planes_of_enhanced(
    frames: Sequence[Sequence[Slice]], name: str
) -> tuple[list[list[np.ndarray]], list[list[np.ndarray | None]]]:
    """Read values (J, I) and padding of slices in enhanced files, by frame and slice.

    Values keep the stored type, or are float32 if the files rescale them.

    Raises:
        InputError: the pixels cannot be decoded.
    """
    wanted: dict[Path, list[tuple[int, int, Slice]]] = defaultdict(list)
    for t, frame in enumerate(frames):
        for k, item in enumerate(frame):
            wanted[item.path].append((t, k, item))
    plain = {scale(item) for frame in frames for item in frame} == {(1.0, 0.0)}
    planes: list[list[Any]] = [[None] * len(frame) for frame in frames]
    masks: list[list[Any]] = [[None] * len(frame) for frame in frames]
    for path, places in wanted.items():
        try:
            for (t, k, item), plane in zip(places, _unpacked(path, places), strict=True):
                slope, intercept = scale(item)
                masks[t][k] = is_padding(plane, item)
                planes[t][k] = plane if plain else (plane * slope + intercept).astype(np.float32)
        except Exception as error:  # pydicom raises many exception types for damaged or unsupported data
            raise InputError(
                f"{path.name} in {name} has pixels that are damaged or packed in an unusual way: "
                "convert it to NIfTI or NRRD first."
            ) from error
    return planes, masks


def _unpacked(path: Path, places: Sequence[tuple[int, int, Slice]]) -> Iterator[np.ndarray]:
    indices = [item.index for _, _, item in places if item.index is not None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        meta = read_file_meta_info(path)
        if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
            yield from iter_pixels(path, indices=indices)
            return
        data = pydicom.dcmread(path)  # `files` checked its size with its header
        for index in indices:
            yield pixel_array(data, index=index)


def _plane(item: Slice, name: str) -> np.ndarray:
    """Read (J, I) of a single-frame file with its own slope, by GDCM or else pydicom, without inverting it."""
    check_name(item.path)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(item.path))
    reader.SetImageIO("GDCMImageIO")
    try:
        plane = sitk.GetArrayFromImage(reader.Execute())
    except RuntimeError:
        return _plane_by_pydicom(item, name)
    plane = plane.reshape(plane.shape[-2:])
    return _mirror(item) - plane if is_inverted(item) else plane


def _plane_by_pydicom(item: Slice, name: str) -> np.ndarray:
    """Do the same with pydicom: GDCM rejects files with trailing bytes or with a wrong transfer syntax."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            plane = pydicom.dcmread(item.path, force=True).pixel_array
    except Exception as error:  # pydicom raises many exception types for damaged bytes
        raise InputError(f"{name} has DICOM slices that cannot be read (damaged): export the series again.") from error
    slope, intercept = scale(item)
    if slope.is_integer() and intercept.is_integer():
        return plane.astype(np.int32) * int(slope) + int(intercept)
    return plane * slope + intercept


def _mirror(item: Slice) -> Any:
    """Number from which values are subtracted to invert a slice, as in GDCM."""
    slope, intercept = scale(item)
    largest = -1 if item.header.get("PixelRepresentation") else (1 << int(item.header.get("BitsStored") or 16)) - 1
    mirror = slope * largest + 2 * intercept
    return np.int32(mirror) if mirror.is_integer() else mirror


def _upright(array: np.ndarray, mask: np.ndarray | None, first: Slice) -> np.ndarray:
    """Invert values of files whose largest value is displayed black.

    CT values in Hounsfield units do not depend on how they are displayed; they are inverted only if the corners,
    which are air, are brighter than the rest.
    """
    if first.header.get("Modality") == "CT":
        corners = array[..., [0, 0, -1, -1], [0, -1, 0, -1]]
        return array if np.median(corners) <= np.median(array) else _mirror(first) - array
    signal = array if mask is None else array[~mask]
    return signal.max() - array if signal.size else array


def _padded(item: Slice) -> np.ndarray | None:
    if "PixelPaddingValue" not in item.header:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = pydicom.dcmread(item.path, specific_tags=_STORED, force=True)
    syntax = data.file_meta.get("TransferSyntaxUID")
    if syntax is not None and syntax.is_encapsulated:
        data = pydicom.dcmread(item.path)
        try:
            return is_padding(data.pixel_array, item)
        except Exception:  # pydicom cannot decode everything that GDCM can
            return None
    order = ">" if syntax is not None and not syntax.is_little_endian else "<"
    kind = np.dtype(f"{order}{'i' if data.get('PixelRepresentation') else 'u'}{data.BitsAllocated // 8}")
    count = data.Rows * data.Columns
    return is_padding(np.frombuffer(data.PixelData, kind, count).reshape(data.Rows, data.Columns), item)


def _stored_number(item: Slice, tag: str) -> int | None:
    """Return a value in the type of the stored pixels, even if its file declares another type."""
    value = item.header.get(tag)
    if value in (None, "", b""):
        return None
    signed, bits = bool(item.header.get("PixelRepresentation")), int(item.header.get("BitsAllocated") or 16)
    whole = int.from_bytes(value, "little") if isinstance(value, bytes) else int(value)
    whole %= 1 << bits
    return whole - (1 << bits) if signed and whole >= 1 << (bits - 1) else whole
