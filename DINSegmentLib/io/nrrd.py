"""NRRD headers, attached (``.nrrd``) and detached (``.nhdr``), for the checks.

Format: teem.sourceforge.net/nrrd/format.html.
"""

import math
import re
from pathlib import Path

import numpy as np

from .. import bounded
from ..errors import InputError
from .header import Header, Payload, number_of_voxels, parts_by_list, parts_by_pattern

_TYPE_BYTES = {
    1: "signed char|int8|int8_t|uchar|unsigned char|uint8|uint8_t",
    2: "short|short int|signed short|signed short int|int16|int16_t"
    "|ushort|unsigned short|unsigned short int|uint16|uint16_t",
    4: "int|signed int|int32|int32_t|uint|unsigned int|uint32|uint32_t|float",
    8: "longlong|long long|long long int|signed long long|signed long long int|int64|int64_t"
    "|ulonglong|unsigned long long|unsigned long long int|uint64|uint64_t|double",
}
_BYTES_OF_TYPE = {name: size for size, names in _TYPE_BYTES.items() for name in names.split("|")}
_TO_LPS = {
    "left-posterior-superior": (1.0, 1.0, 1.0),
    "left-anterior-superior": (1.0, -1.0, 1.0),
    "right-anterior-superior": (-1.0, -1.0, 1.0),
}
_SHORT_SPACES = {"".join(word[0] for word in name.split("-")): name for name in _TO_LPS}
_AS_RAS = (-1.0, -1.0, 1.0)  # how Slicer converts vectors in a space that is not anatomical
_SPACE_KINDS = ("domain", "space", "none", "???")
_FRAME_KINDS = ("list", "time", *_SPACE_KINDS)
_SECONDS = {"s": 1.0, "ms": 1e-3}
_HEADER_LIMIT = 1 << 20  # bytes; usual headers have a few hundred


def read_header(path: Path) -> Header:
    """Read the header of a NRRD file.

    Raises:
        InputError: the file is not a valid NRRD header, or is packed with bzip2.
    """
    fields, length = _fields(path)
    try:
        sizes = number_of_voxels(fields["sizes"])
        kinds = _kinds(fields, len(sizes))
        steps = _steps(fields, len(sizes))
        encoding = fields["encoding"].lower()
        voxel_bytes = _BYTES_OF_TYPE.get(fields["type"].lower(), 0)
        skips = [int(fields.get(key, 0)) for key in ("byte skip", "line skip")]
        image_axes = [axis for axis, kind in enumerate(kinds) if kind in _SPACE_KINDS and steps[axis] is not None][:3]
        vectors = np.array([steps[axis] for axis in image_axes])  # all of equal length
        origin = np.array([float(v) for v in fields.get("space origin", "0,0,0").strip("() ").split(",")])[:3]
        payload = _payload(path, fields, length, math.prod(sizes) * voxel_bytes, encoding, skips)
    except (KeyError, ValueError) as error:
        raise _damaged(path) from error
    if encoding in ("bzip2", "bz2"):
        raise InputError(f"{path.name} is packed with bzip2, which is not supported: save it with gzip compression.")
    to_lps, notice = _to_lps(fields)
    others = [axis for axis in range(len(sizes)) if axis not in image_axes]
    frame_axes = [axis for axis in others if kinds[axis] in _FRAME_KINDS]
    return Header(
        shape=tuple(sizes[axis] for axis in image_axes),
        frames=math.prod(sizes[axis] for axis in frame_axes),
        components=math.prod(sizes[axis] for axis in others if axis not in frame_axes),
        voxel_bytes=voxel_bytes,
        steps=(vectors,),
        payload=payload,
        origin=origin,
        to_lps=to_lps if vectors.shape == (3, 3) and len(origin) == 3 else None,
        unit=next(iter(re.findall(r'"([^"]*)"', fields.get("space units", ""))), "") or "mm",
        frames_are_components=any(kinds[axis] == "list" for axis in frame_axes),
        notices=tuple(filter(None, [notice])),
    )


def _to_lps(fields: dict[str, str]) -> tuple[tuple[float, float, float] | None, str]:
    """Return factors that convert the header's vectors to LPS, and a notice if the space is not anatomical.

    SimpleITK's conversion is not used: up to 2.5.5 it rotates left-anterior-superior by 180 degrees (ITK issue 5207).
    """
    space = fields.get("space", "")
    name = space.lower().removesuffix("-time")
    known = _TO_LPS.get(_SHORT_SPACES.get(name[:3] if len(name) < 5 else "", name))
    if known is not None:
        return known, ""
    where = (
        f'The header places the image in the space "{space}", which is not the patient\'s'
        if space
        else "The header does not say in which space the image lies"
    )
    return (_AS_RAS if "space directions" in fields else None), f"{where}: check left and right in the result."


def frame_times(path: Path, frames: int) -> tuple[float, ...] | None:
    """Return the seconds of each frame after the first as stored by Slicer's sequences; None if there are none.

    The index is time if its unit is s or ms; format: the custom fields in Slicer's user guide, "Sequences".
    """
    fields, length = _fields(path)
    with path.open("rb") as file:
        text = file.read(length).decode("utf-8", errors="replace")
    unit = next(
        (_SECONDS[unit] for unit in re.findall(r'"([^"]*)"', fields.get("units", "")) if unit in _SECONDS), None
    )
    found = re.search(r"^axis \d index values:=(.*)$", text, flags=re.MULTILINE)
    try:
        values = [float(value) * unit for value in found[1].split()] if unit and found else []
    except ValueError:
        return None
    if len(values) != frames or (np.diff(values) <= 0).any():
        return None
    return tuple(value - values[0] for value in values)


def _fields(path: Path) -> tuple[dict[str, str], int]:
    try:
        with bounded.open_file(path) as file:
            head = file.read(_HEADER_LIMIT)
    except bounded.Unusable as error:
        raise _damaged(path) from error
    end = re.search(rb"\r?\n\r?\n", head)
    if not head.startswith(b"NRRD") or (end is None and path.suffix.lower() != ".nhdr"):
        raise _damaged(path)
    fields = {}
    for line in head[: end.start() if end else len(head)].decode("utf-8", errors="replace").split("\n"):
        key, colon, value = line.partition(":")
        if key and colon and "#" not in key and not value.startswith("="):
            fields[key.strip().lower()] = value.strip(" \t\r")
    return fields, end.end() if end else len(head)


def _kinds(fields: dict[str, str], dimensions: int) -> list[str]:
    kinds = fields.get("kinds", "").lower().split() or ["domain"] * dimensions
    if len(kinds) != dimensions:
        raise ValueError("kinds")
    return kinds


def _steps(fields: dict[str, str], dimensions: int) -> list[np.ndarray | float | None]:
    """Return for each axis its step vector in mm, or only the length; None for a non-spatial axis."""
    steps: list[np.ndarray | float | None]
    if "space directions" in fields:
        steps = []
        for part in fields["space directions"].lower().split(")"):  # "none (1,0,0)"
            without, bracket, vector = part.partition("(")
            steps += [None] * without.split().count("none")
            steps += [np.array([float(v) for v in vector.split(",")])] if bracket else []
    else:
        steps = [float(value) for value in fields.get("spacings", "1 " * dimensions).split()]
    if fields.get("space", "").lower().endswith(("-time", "st")):  # vectors of four numbers, the last of them time
        steps = [_in_space(step) for step in steps]
    if dimensions > 3:  # not a number: a non-spatial axis
        steps = [None if step is None or np.isnan(step).all() else step for step in steps]
    if len(steps) != dimensions:
        raise ValueError("space directions")
    return steps


def _in_space(step: np.ndarray | float | None) -> np.ndarray | float | None:
    return step[:3] if isinstance(step, np.ndarray) and step[:3].any() else None


def _payload(path: Path, fields: dict[str, str], length: int, size: int, encoding: str, skips: list[int]) -> Payload:
    byte_skip, line_skip = skips
    data_file = fields.get("data file", fields.get("datafile"))
    if byte_skip < -1 or "\0" in (data_file or ""):
        raise ValueError("byte skip or data file")
    of_parts = "raw" if encoding == "raw" and not line_skip else "other"
    if data_file is not None and data_file.upper().startswith("LIST"):
        return Payload(path, 0, size, of_parts, parts_by_list(path.parent, _list(path)))
    if data_file is not None and "%" in data_file:
        return Payload(path, 0, size, of_parts, parts_by_pattern(path.parent, data_file.split()))
    source, offset = (path, length) if data_file is None else (path.parent / data_file, 0)
    if line_skip or encoding not in ("raw", "gzip", "gz") or (byte_skip and encoding != "raw"):
        return Payload(source, offset, size, "other")
    if byte_skip == -1:  # the voxels are the last bytes of the file
        return Payload(source, 0, size, "raw")
    return Payload(source, offset + byte_skip, size, "raw" if encoding == "raw" else "deflate")


def _list(path: Path) -> str:
    """Return the lines that list the data files."""
    lines = bounded.read_text(path, _HEADER_LIMIT).split("\n")
    starts = ("data file:", "datafile:")
    first = next((n for n, line in enumerate(lines) if line.lower().startswith(starts)), len(lines))
    return "\n".join(lines[first + 1 :])


def _damaged(path: Path) -> InputError:
    return InputError(f"{path.name} is not a valid NRRD file (unreadable header): copy or export it again.")
