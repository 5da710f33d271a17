"""NIfTI-1 headers: reading for the checks, and writing that preserves the input's orientation.

ITK reads the voxels but does not write these files, because it rewrites qform, sform and their codes: other readers
then find no codes, or contradictory ones, and place the volume elsewhere than the input.
"""

import gzip
import math
import struct
import sys
import zlib
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np

from .. import bounded
from ..errors import InputError
from ..geometry import Geometry
from .header import Header, Payload

# offsets and struct codes of the fields used here (nifti1.h, nifti.nimh.nih.gov)
_SIZE = 348
_INTENT_PARAMETERS_AND_CODE = slice(56, 70)
_DIM = (40, "8h")
_DATATYPE_AND_BITPIX = (70, "2h")
_PIXDIM = (76, "8f")
_VOX_OFFSET = (108, "f")
_LARGEST_OFFSET = 1 << 31
_SCALING = (112, "2f")  # scl_slope, scl_inter
_UNITS = 123
_TIME_UNITS = {8: 1.0, 16: 1e-3, 24: 1e-6}  # in seconds, by the bits of xyzt_units for the unit of time
_LENGTH_UNITS = {1: ("m", 1e3), 3: ("micrometer", 1e-3)}  # with the factor that ITK applies
_LENGTH_BITS = 0x07
_TIME_BITS = 0x38
_WINDOW = (124, "2f")  # cal_max, cal_min
_CODES = (252, "2h")  # qform_code, sform_code
_QUATERN = (256, "3f")
_QFORM_OFFSETS = (268, "3f")
_SFORM = (280, "12f")
_INTENT_NAME = slice(328, 344)
_MAGIC = slice(344, 348)

_NUMBER_BYTES = {2: 1, 4: 2, 8: 4, 16: 4, 64: 8, 256: 1, 512: 2, 768: 4, 1024: 8, 1280: 8}
_COLOR_CHANNELS = {128: 3, 2304: 4}
_SAME_PLACE = 0.1  # in voxels
_FLOATS = (16, 64)
_Order = Literal["<", ">"]
_ORDERS: tuple[_Order, ...] = ("<", ">")
_CODE_OF_TYPE = {"uint8": 2, "float32": 16}


def read_header(path: Path) -> Header:
    """Read the header of a ``.nii`` or ``.nii.gz`` file.

    Raises:
        InputError: the file is not a valid NIfTI-1 header.
    """
    try:
        with bounded.open_file(path) as file:
            zipped = _is_zipped(file)
            raw = next(bounded.inflate(file, sys.maxsize))[:_SIZE] if zipped else file.read(_SIZE)
    except (bounded.Unusable, zlib.error) as error:
        raise _damaged(path) from error
    order = _byte_order(raw, path)
    dim, pixdim = _get(raw, order, _DIM), _get(raw, order, _PIXDIM)
    datatype, start = _get(raw, order, _DATATYPE_AND_BITPIX)[0], _get(raw, order, _VOX_OFFSET)[0]
    if not 1 <= dim[0] <= 7 or not 0 <= start < _LARGEST_OFFSET:  # also catches NaN
        raise _damaged(path)
    offset = int(start)
    sizes = dim[1 : dim[0] + 1]
    qform, sform = _qform_offsets(raw, order), _sform(raw, order)
    unit, itk_factor = _LENGTH_UNITS.get(raw[_UNITS] & _LENGTH_BITS, ("mm", 1.0))
    channels = _COLOR_CHANNELS.get(datatype, 1)
    number_bytes = 1 if datatype in _COLOR_CHANNELS else _NUMBER_BYTES.get(datatype, 0)
    stored = math.prod(sizes) * number_bytes * channels
    return Header(
        shape=sizes[:3],
        frames=math.prod(sizes[3:4]),
        components=math.prod(sizes[4:]) * channels,
        voxel_bytes=number_bytes,
        steps=(np.array(pixdim[1:4]), *(matrix[:, :3].T for matrix in sform)),
        payload=Payload(path, 0, offset + stored, "deflate") if zipped else Payload(path, offset, stored, "raw"),
        origin=np.array([*qform, *(matrix[:, 3] for matrix in sform)]),
        raw=raw,
        unit=unit,
        itk_factor=itk_factor,
    )


def missing(path: Path, header: Header) -> np.ndarray:
    """Return which voxels are NaN, (T, K, J, I): ITK reads them as 0, which is water in a CT.

    Args:
        header: of the file, which must contain all voxels.

    Raises:
        InputError: a voxel is infinite, which ITK would also hide.
    """
    shape = (header.frames, *header.shape[::-1])
    raw = header.raw or b""
    order = _byte_order(raw, path)
    if _get(raw, order, _DATATYPE_AND_BITPIX)[0] not in _FLOATS:
        return np.broadcast_to(np.False_, shape)
    with bounded.open_file(path) as file:
        if _is_zipped(file):
            content = b"".join(bounded.inflate(file, sys.maxsize))
        else:
            content = file.read()
    kind = np.dtype(f"{order}f{header.voxel_bytes}")
    voxels = np.frombuffer(content, kind, math.prod(shape), int(_get(raw, order, _VOX_OFFSET)[0]))
    if np.isinf(voxels).any():
        raise InputError(f"{path.name} has infinite voxels: replace them with a background value.")
    return np.isnan(voxels).reshape(shape)


def _is_zipped(file: BinaryIO) -> bool:
    """Whether a file is gzip-compressed, whatever its name; rewinds the file."""
    start = file.read(2)
    file.seek(0)
    return start == b"\x1f\x8b"


def doubt_of_place(raw: bytes, geometry: Geometry, to_mm: float = 1.0) -> str:
    """Describe an ambiguous position: neither qform nor sform in the header, or two that differ; otherwise empty.

    Args:
        to_mm: factor from the header's lengths to those of ``geometry``.
    """
    order = _byte_order(raw, Path("header"))
    by_quaternion, sform = _qform_offsets(raw, order), _sform(raw, order)
    if not by_quaternion and not sform:
        return "The header does not say how the image lies in the patient: check left and right in the result."
    if not by_quaternion or not sform:
        return ""
    i, j, k = geometry.shape[::-1]
    corners = np.array([[x, y, z, 1] for x in (0, i - 1) for y in (0, j - 1) for z in (0, k - 1)], np.float64).T
    by_sform, by_qform = (to_mm * matrix @ corners for matrix in (sform[0], _qform(raw, order)))
    taken = geometry.ijk_to_ras[:3] @ corners
    apart = float(np.linalg.norm(by_sform - by_qform, axis=0).max())
    if apart < _SAME_PLACE * float(geometry.spacing.min()):
        return ""
    near = np.abs(by_sform - taken).max() <= np.abs(by_qform - taken).max()
    name, other = ("sform", "qform") if near else ("qform", "sform")
    return (
        f"The header's qform and sform differ by up to {apart:.3g} mm; the {name} was used. Check the position of the "
        f"result: programs that use the {other} show it elsewhere."
    )


def _qform(raw: bytes, order: str) -> np.ndarray:
    """(3, 4) matrix of the quaternion (nifti1.h, method 2)."""
    b, c, d = _get(raw, order, _QUATERN)
    a = math.sqrt(max(0.0, 1 - b * b - c * c - d * d))
    turn = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    factor, *steps = _get(raw, order, _PIXDIM)[:4]
    steps[2] *= -1 if factor < 0 else 1
    return np.column_stack([turn * steps, _get(raw, order, _QFORM_OFFSETS)])


def grid_alone(raw: bytes) -> bytes:
    """Return a header that keeps only number type, scaling, size and position of the voxels; the rest is zero."""
    order = _byte_order(raw, Path("header"))
    count = _get(raw, order, _DIM)[0]
    qform, sform = _get(raw, order, _CODES)
    kept = [slice(0, 4), slice(40, 42 + 2 * count), slice(70, 74), slice(76, 80 + 4 * count), slice(108, 120)]
    kept += [slice(_UNITS, _UNITS + 1), slice(252, 256), _MAGIC]
    kept += [slice(256, 280)] if qform > 0 else []
    kept += [slice(280, 328)] if sform > 0 else []
    bare = bytearray(_SIZE)
    for part in kept:
        bare[part] = raw[part]
    return bytes(bare)


def frame_seconds(raw: bytes) -> float | None:
    """Seconds between frames in the header of a 4-D file; None if it does not specify them."""
    order = _byte_order(raw, Path("header"))
    unit = _TIME_UNITS.get(raw[_UNITS] & _TIME_BITS)
    step = _get(raw, order, _PIXDIM)[4]
    return step * unit if unit and 0 < step < math.inf else None


def write(
    array: np.ndarray, geometry: Geometry, source: bytes | None, path: Path, seconds: float | None = None
) -> None:
    """Write a 3-D or 4-D ``.nii`` or ``.nii.gz`` file.

    Args:
        array: voxels (K, J, I), or (T, K, J, I), uint8 or float32.
        geometry: used if the input was not a NIfTI file: its matrix becomes the sform, code 1 (scanner).
        source: header of the NIfTI input; its orientation fields, units and byte order are kept.
        path: file to write; an existing file is replaced.
        seconds: between frames of a 4-D file without ``source``; None if unknown.

    Raises:
        OSError: the file cannot be written.
    """
    raw = bytearray(source or _new_header(geometry, seconds))
    order = _byte_order(bytes(raw), path)
    _put(raw, order, _DIM, array.ndim, *array.shape[::-1], *[1] * (7 - array.ndim))
    _put(raw, order, _DATATYPE_AND_BITPIX, _CODE_OF_TYPE[array.dtype.name], 8 * array.dtype.itemsize)
    _put(raw, order, _VOX_OFFSET, _SIZE + 4)
    _put(raw, order, _SCALING, 1, 0)
    _put(raw, order, _WINDOW, 0, 0)
    for field in (_INTENT_PARAMETERS_AND_CODE, _INTENT_NAME):
        raw[field] = bytes(field.stop - field.start)
    voxels = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder(order))
    with path.open("wb") as file:
        if not path.name.lower().endswith(".gz"):
            file.write(raw + bytes(4))
            file.write(voxels.data)
            return
        # without name and time in the stream, the same labels give the same bytes
        with gzip.GzipFile("", "wb", compresslevel=3, fileobj=file, mtime=0) as stream:
            stream.write(raw + bytes(4))  # four zeros: no header extension
            stream.write(voxels.data)


def _get(raw: bytes, order: str, field: tuple[int, str]) -> tuple[Any, ...]:
    return struct.unpack_from(order + field[1], raw, field[0])


def _put(raw: bytearray, order: str, field: tuple[int, str], *values: float) -> None:
    struct.pack_into(order + field[1], raw, field[0], *values)


def _byte_order(raw: bytes, path: Path) -> _Order:
    for order in _ORDERS:
        if raw[:4] == struct.pack(order + "i", 540):
            raise InputError(f"{path.name} is a NIfTI-2 file, which Slicer cannot read: convert it to NIfTI-1.")
        if len(raw) == _SIZE and raw[:4] == struct.pack(order + "i", _SIZE) and raw[_MAGIC] == b"n+1\0":
            return order
    raise _damaged(path)


def _qform_offsets(raw: bytes, order: str) -> tuple[tuple[float, ...], ...]:
    return (_get(raw, order, _QFORM_OFFSETS),) if _get(raw, order, _CODES)[0] > 0 else ()


def _sform(raw: bytes, order: str) -> tuple[np.ndarray, ...]:
    """The (3, 4) matrix as the only item, or empty if there is none."""
    if _get(raw, order, _CODES)[1] <= 0:
        return ()
    return (np.array(_get(raw, order, _SFORM)).reshape(3, 4),)


def _new_header(geometry: Geometry, seconds: float | None) -> bytes:
    raw = bytearray(_SIZE)
    struct.pack_into("<i", raw, 0, _SIZE)
    _put(raw, "<", _PIXDIM, 1, *geometry.spacing, seconds or 1, 1, 1, 1)
    _put(raw, "<", _CODES, 0, 1)
    _put(raw, "<", _SFORM, *geometry.ijk_to_ras[:3].ravel())
    raw[_UNITS] = 2 + (8 if seconds else 0)  # millimeters, seconds
    raw[_MAGIC] = b"n+1\0"
    return bytes(raw)


def _damaged(path: Path) -> InputError:
    return InputError(f"{path.name} is not a valid NIfTI file (unreadable header): copy or export it again.")
