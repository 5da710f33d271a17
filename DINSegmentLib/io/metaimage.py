"""MetaImage headers (``.mha``, ``.mhd``), read for the checks (itk.org/Wiki/ITK/MetaIO/Documentation)."""

import math
import re
from pathlib import Path

import numpy as np

from ..errors import InputError
from .header import Header, Payload

_TYPE_BYTES = {
    "MET_CHAR": 1, "MET_UCHAR": 1, "MET_SHORT": 2, "MET_USHORT": 2, "MET_INT": 4, "MET_UINT": 4, "MET_LONG": 4,
    "MET_ULONG": 4, "MET_LONG_LONG": 8, "MET_ULONG_LONG": 8, "MET_FLOAT": 4, "MET_DOUBLE": 8,
}  # fmt: skip
_HEADER_LIMIT = 1 << 16


def read_header(path: Path) -> Header:
    """Read the header of a MetaImage file.

    Raises:
        InputError: it is not a MetaImage header.
    """
    with path.open("rb") as file:
        head = file.read(_HEADER_LIMIT)
    end = re.search(rb"^ElementDataFile[ \t]*=[ \t]*(.*?)[ \t\r]*(?:\n|\Z)", head, flags=re.MULTILINE)
    if end is None:
        raise _damaged(path)
    pairs = re.findall(r"^(\w+)[ \t]*=[ \t]*(.*?)[ \t\r]*$", head[: end.end()].decode("latin-1"), flags=re.MULTILINE)
    fields: dict[str, str] = dict(pairs)
    try:
        sizes = tuple(int(n) for n in fields["DimSize"].split())
        if len(sizes) != int(fields["NDims"]):
            raise ValueError("DimSize")
        steps = _steps(fields, len(sizes))
        origin = np.array(
            [float(v) for v in fields.get("Offset", fields.get("Origin", fields.get("Position", "0"))).split()]
        )
        channels = int(fields.get("ElementNumberOfChannels", 1))
        voxel_bytes = _TYPE_BYTES.get(fields["ElementType"], 0)
        payload = _payload(path, fields, end, math.prod(sizes) * channels * voxel_bytes)
    except (KeyError, ValueError) as error:
        raise _damaged(path) from error
    return Header(sizes[:3], math.prod(sizes[3:]), channels, voxel_bytes, (steps,), payload, origin)


def _steps(fields: dict[str, str], dimensions: int) -> np.ndarray:
    """(n, n) step vectors in mm along the first three axes, one row for each."""
    lengths = np.ones(dimensions)
    if spacing := fields.get("ElementSpacing", fields.get("ElementSize")):
        lengths = np.array([float(v) for v in spacing.split()])
    matrix = np.eye(dimensions)
    if transform := fields.get("TransformMatrix", fields.get("Rotation", fields.get("Orientation"))):
        matrix = np.array([float(v) for v in transform.split()]).reshape(dimensions, dimensions)
    if (lengths <= 0).any() or not np.isfinite(lengths).all():
        return lengths[:3]
    return (lengths[:, None] * matrix)[:3, :3]


def _payload(path: Path, fields: dict[str, str], end: re.Match[bytes], size: int) -> Payload:
    data_file = end.group(1).decode("utf-8", errors="replace")
    local = data_file.upper() == "LOCAL"
    source, offset = (path, end.end()) if local else (path.parent / data_file, 0)
    skip = int(fields.get("HeaderSize", 0))
    if data_file.upper().startswith("LIST") or "%" in data_file:
        return Payload(path, 0, size, "other")
    if fields.get("BinaryData", "True").lower() == "false":
        return Payload(source, offset, size, "other")
    if fields.get("CompressedData", "False").lower() == "true":
        return Payload(source, offset, size, "deflate")
    return Payload(source, 0 if skip == -1 else offset + skip, size, "raw")


def _damaged(path: Path) -> InputError:
    return InputError(f"{path.name} is damaged or no MetaImage file (unreadable header): copy or export it again.")
