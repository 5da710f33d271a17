"""Messages between Slicer and the worker: one JSON object per line, in UTF-8. Arrays are passed in files.

To the worker:

- ``hello`` (version): the first line.
- ``devices``: request the devices that work on this machine, with reasons.
- ``segment`` (id, name, volume, labels, shape, dtype, matrix, model, device, threads, parameters, times, map,
  surfaces): segment the raw array (K, J, I), or frames (T, K, J, I) at ``times`` in ms or null, in the file ``volume``
  and write uint8 labels of that shape to the file ``labels``. If ``map`` is not null, write that map of the volume
  instead; if ``surfaces`` names a file, also write surfaces of all structures to it, see `server.write_surfaces`.
- ``measure`` (id, volume, labels, shape, dtype, matrix, model, times): measure the current labels of that shape, uint8
  in the file ``labels``: of one volume, whose voxels are in the file ``volume``, or of frames, whose voxels are not
  needed (``volume`` and ``dtype`` are null).
- ``cancel`` (id).

The worker ends when its input ends.

From the worker:

- ``ready`` (version, program, python, pid), or ``error`` with the code ``version``.
- ``devices`` (found: name and reason of each; the one that ``auto`` selects is first and also has a ``short`` name).
- ``loading`` (id, warm), ``progress`` (id, done, total), then ``done`` (id; device, precision, parameters, timings;
  statistics of all structures, or cardiac function of frames, see `work.function_of`; ``notices``, and
  ``review``, the slices to review, worst first, see `Notice.to_json`; for a map, only device and precision; for
  ``measure``, statistics with their notices, or cardiac function) or ``error`` (id, code, text).
- ``idle``: there was no request for a while, and the worker ends.
"""

import json
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from .. import bounded

VERSION = 5
PREFIX = "DINSegment-"  # name of a run's temporary folder
LONGEST_LINE = 1_000_000  # bytes; arrays are not sent this way


class Map(StrEnum):
    """What can be computed for each voxel instead of its label."""

    CONFIDENCE = "confidence"  # uint8, see `engine.results.Result.confidence_map`
    ATTRIBUTION = "why"  # float32, see `engine.attribution`; the value in saved scenes


class Code(StrEnum):
    """Causes of a failure, for programs; the sentence is for the user."""

    INPUT = "input"
    MODEL = "model"
    DEVICE = "device"
    MEMORY = "memory"
    OUTPUT = "output"
    TORCH = "torch"
    CANCELLED = "cancelled"
    VERSION = "version"
    INTERNAL = "internal"
    KILLED = "killed"  # set by the client: the process ended unexpectedly
    SILENT = "silent"  # set by the client: the process was silent for too long


_WORDS, _NUMBERS = str | None, [int | float]
_GRID = {"id": int, "shape": [int], "dtype": _WORDS, "matrix": _NUMBERS, "model": str, "times": list | None}
_SHAPES: dict[str, dict[str, Any]] = {
    "loading": {"id": int, "warm": bool},
    "progress": {"id": int, "done": int, "total": int},
    "done": {"id": int, "notices": list},
    "error": {"code": str, "text": str | dict},
    "cancel": {"id": int},
    "measure": {**_GRID, "volume": _WORDS, "labels": str},
    "segment": {
        **_GRID, "name": str | dict, "volume": str, "labels": str, "dtype": str, "device": str, "threads": int,
        "parameters": dict, "map": _WORDS, "surfaces": _WORDS,
    },
}  # fmt: skip


class ProtocolError(ValueError):
    """A line that is not a message."""


def encode(kind: str, **values: Any) -> bytes:
    """Encode a message as a line."""
    return json.dumps({"kind": kind, **values}, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """Decode a line; ``kind`` is always present.

    Raises:
        ProtocolError: the line is not a valid message.
    """
    try:
        message = bounded.parse_json(line)
        bounded.require(message, {"kind": str}, "message")
        if "id" in message:
            bounded.require(message["id"], int, "id")
        bounded.require(message, _SHAPES.get(message["kind"], {}), "message")
    except bounded.Unusable as error:
        raise ProtocolError(f"no message ({error}): {line[:80]!r}") from error
    return message


class Lines:
    """Splits a stream that arrives in pieces into lines."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the lines that ``data`` completes.

        Raises:
            ProtocolError: a line is too long.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            raise ProtocolError("a line without an end")
        yield from lines
