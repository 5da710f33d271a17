"""What Slicer and the worker say to each other: one JSON object a line, in UTF-8. Arrays go through files, not here.

To the worker:

- ``hello`` (version): the first line.
- ``devices``: which devices work here, and why.
- ``segment`` (id, name, volume, labels, shape, dtype, matrix, model, device, threads, parameters, times, map,
  surfaces): segment the raw array (K, J, I), or frames (T, K, J, I) at ``times`` in ms or null, in the file ``volume``,
  and write uint8 labels of that shape to the file ``labels``; where ``map`` is not null, write that of the volume in
  their place; where ``surfaces`` names a file, write every structure's to it, see `server.write_surfaces`.
- ``measure`` (id, volume, labels, shape, dtype, matrix, model, times): measure labels of that shape, uint8 in the file
  ``labels``, as they are now: of one volume, whose voxels are in the file ``volume``, or of frames, whose voxels are
  not needed (``volume`` and ``dtype`` are null).
- ``cancel`` (id).

The worker ends when its input ends.

From the worker:

- ``ready`` (version, program, python, pid), or ``error`` with the code ``version``.
- ``devices`` (found: name and reason of each, the one that ``auto`` takes first, with a ``short`` name, too).
- ``loading`` (id, warm), ``progress`` (id, done, total), then ``done`` (id, device, precision and timings of the run;
  statistics of every structure, or of frames the heart's function, see `work.function_of`; ``notices``, and
  ``review``, the slices to look at, the worst first, see `Notice.to_json`; of a map none of these; of ``measure``
  statistics with their notices, or function) or ``error`` (id, code, text).
- ``idle``: nothing was asked for a while, and the worker ends.
"""

import json
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from .. import bounded

VERSION = 5
PREFIX = "DINSegment-"  # of a run's temporary folder
LONGEST_LINE = 1_000_000  # bytes; arrays do not come this way


class Map(StrEnum):
    """What can be computed for every voxel, in place of its label."""

    CONFIDENCE = "confidence"  # uint8, see `engine.parameters.Result.confidence_map`
    ATTRIBUTION = "why"  # float32, see `engine.attribution`; the name that saved scenes hold


class Code(StrEnum):
    """Causes of a failure, for those who act on them; the sentence is for people."""

    INPUT = "input"
    MODEL = "model"
    DEVICE = "device"
    MEMORY = "memory"
    OUTPUT = "output"
    TORCH = "torch"
    CANCELLED = "cancelled"
    VERSION = "version"
    INTERNAL = "internal"
    KILLED = "killed"  # said by the client: the process ended unasked
    SILENT = "silent"  # said by the client: the process did not say anything for too long


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
    """One message as a line."""
    return json.dumps({"kind": kind, **values}, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """A line's message; ``kind`` is always there.

    Raises:
        ProtocolError: the line is none.
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
    """Whole lines from a stream that arrives in pieces."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The lines that ``data`` completes.

        Raises:
            ProtocolError: a line that does not end.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            raise ProtocolError("a line without an end")
        yield from lines
