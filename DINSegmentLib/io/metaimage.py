"""MetaImage headers (``.mha``, ``.mhd``) for the checks (itk.org/Wiki/ITK/MetaIO/Documentation)."""

import math
from pathlib import Path

import numpy as np

from .. import bounded
from ..errors import InputError
from .header import Header, Payload, number_of_voxels, parts_by_list, parts_by_pattern

_TYPE_BYTES = {
    "MET_CHAR": 1, "MET_UCHAR": 1, "MET_SHORT": 2, "MET_USHORT": 2, "MET_INT": 4, "MET_UINT": 4, "MET_LONG": 4,
    "MET_ULONG": 4, "MET_LONG_LONG": 8, "MET_ULONG_LONG": 8, "MET_FLOAT": 4, "MET_DOUBLE": 8,
}  # fmt: skip
_HEADER_LIMIT = 1 << 16


def read_header(path: Path) -> Header:
    """Read the header of a MetaImage file.

    Raises:
        InputError: the file is not a valid MetaImage header.
    """
    try:
        with bounded.open_file(path) as file:
            head = file.read(_HEADER_LIMIT)
    except bounded.Unusable as error:
        raise _damaged(path) from error
    fields: dict[str, str] = {}
    length = 0
    for line in head.split(b"\n"):
        length += len(line) + 1
        key, _, value = line.partition(b"=")
        name = key.strip(b" \t").decode("latin-1")
        if name.isidentifier():
            is_last = name == "ElementDataFile"
            fields[name] = value.strip(b" \t\r").decode("utf-8" if is_last else "latin-1", errors="replace")
            if is_last:
                break
    else:
        raise _damaged(path)
    try:
        sizes = number_of_voxels(fields["DimSize"])
        if len(sizes) != int(fields["NDims"]):
            raise ValueError("DimSize")
        steps = _steps(fields, len(sizes))
        origin = np.array(
            [float(v) for v in fields.get("Offset", fields.get("Origin", fields.get("Position", "0"))).split()]
        )
        channels = int(fields.get("ElementNumberOfChannels", 1))
        voxel_bytes = _TYPE_BYTES.get(fields["ElementType"], 0)
        payload = _payload(path, fields, length, math.prod(sizes) * channels * voxel_bytes)
    except (KeyError, ValueError) as error:
        raise _damaged(path) from error
    unit = fields.get("DistanceUnits", "?")
    return Header(
        shape=sizes[:3],
        frames=math.prod(sizes[3:4]),
        components=channels * math.prod(sizes[4:]),
        voxel_bytes=voxel_bytes,
        steps=(steps,),
        payload=payload,
        origin=origin,
        unit="mm" if unit == "?" else unit,
    )


def _steps(fields: dict[str, str], dimensions: int) -> np.ndarray:
    """Step vectors (n, n) along the first n <= 3 axes, one row each; only lengths (n,) if one is invalid."""
    lengths = np.ones(dimensions)
    if spacing := fields.get("ElementSpacing", fields.get("ElementSize")):
        lengths = np.array([float(v) for v in spacing.split()])
    matrix = np.eye(dimensions)
    if transform := fields.get("TransformMatrix", fields.get("Rotation", fields.get("Orientation"))):
        matrix = np.array([float(v) for v in transform.split()]).reshape(dimensions, dimensions)
    if (lengths <= 0).any() or not np.isfinite(lengths).all():
        return lengths[:3]
    return (lengths[:, None] * matrix)[:3, :3]


def _payload(path: Path, fields: dict[str, str], length: int, size: int) -> Payload:
    data_file = fields["ElementDataFile"]
    local = data_file.upper() == "LOCAL"
    source, offset = (path, length) if local else (path.parent / data_file, 0)
    skip = int(fields.get("HeaderSize", 0))
    if skip < -1 or "\0" in data_file:
        raise ValueError("HeaderSize or ElementDataFile")
    is_text = fields.get("BinaryData", "True").lower() == "false"
    is_packed = fields.get("CompressedData", "False").lower() == "true"
    of_parts = "other" if is_text or is_packed else "raw"
    if data_file.upper().startswith("LIST"):
        names = bounded.read_bytes(path)[length:].decode("utf-8", errors="replace")
        return Payload(path, 0, size, of_parts, parts_by_list(path.parent, names))
    if "%" in data_file:
        words = data_file.split()
        numbers = words[1:] or ["1", fields["DimSize"].split()[-1]]
        return Payload(path, 0, size, of_parts, parts_by_pattern(path.parent, [words[0], *numbers]))
    if is_text:
        return Payload(source, offset, size, "other")
    if is_packed:
        return Payload(source, offset, size, "deflate")
    return Payload(source, 0 if skip == -1 else offset + skip, size, "raw")


def _damaged(path: Path) -> InputError:
    return InputError(f"{path.name} is not a valid MetaImage file (unreadable header): copy or export it again.")
