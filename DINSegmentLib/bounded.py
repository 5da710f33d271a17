"""Files from anywhere, read without trust: regular ones only, small texts up to a size, JSON up to a depth.

Nothing here waits for a pipe or a device, reads a file that grows without end, or follows nesting into a crash.
"""

import json
import math
import os
import stat
import zlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO

MB = 1 << 20
LARGEST = 16 * MB  # of a small text: records of a large batch's cases take some ten kB
DEEPEST = 50  # of nesting in JSON: our own files have 8 levels
_PIECE = 1 << 20


class Unusable(ValueError):
    """What is read cannot be used; its text says why, to follow the name of the file."""


class TooMuch(Unusable):
    """A stream unpacks to more than there may be."""


def open_file(path: Path) -> BufferedReader:
    """Open a regular file for reading.

    Raises:
        Unusable: it is a pipe, a device, a socket or a folder.
        OSError: the system does not let us.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):  # before it is opened, which may already do something to a device
        raise Unusable("is not a regular file")
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    file = open(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise Unusable("is not a regular file")
    return file


def read_bytes(path: Path, most: int = LARGEST) -> bytes:
    """A whole small file.

    Raises:
        Unusable: it is not a regular file, or larger than ``most`` bytes.
        OSError: the system does not let us.
    """
    with open_file(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise Unusable(f"is larger than {most / MB:.3g} MB")
    return content


def read_text(path: Path, most: int = LARGEST) -> str:
    """The same as text in UTF-8, with or without a byte order mark.

    Raises:
        Unusable, OSError: as `read_bytes`; or it is not UTF-8.
    """
    try:
        return read_bytes(path, most).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unusable("is not UTF-8 text") from error


def read_json(path: Path, most: int = LARGEST) -> Any:
    """The value of a small JSON file, see `parse_json`.

    Raises:
        Unusable, OSError: as `read_text` and `parse_json`.
    """
    return parse_json(read_text(path, most))


def parse_json(text: str | bytes) -> Any:
    """A JSON value whose numbers are finite, and whose lists and objects lie at most `DEEPEST` deep in each other.

    Raises:
        Unusable: it is none.
    """
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
        _check_values(value)
    except Unusable:
        raise
    except (ValueError, RecursionError) as error:  # a deep text, a number of too many digits, half a character
        why = "is nested too deeply" if isinstance(error, RecursionError) else f"is not JSON ({error})"
        raise Unusable(why) from error
    return value


def require(value: Any, shape: Any, at: str = "it") -> None:
    """Reject data of the wrong shape.

    Args:
        shape: a type or several (a bool is not a number); a list with the shape of each item; a dictionary with the
            shape of what must be there.
        at: what the value is called.

    Raises:
        Unusable: names the first that is wrong.
    """
    if isinstance(shape, dict):
        require(value, (dict,), at)
        for name, inner in shape.items():
            if name not in value:
                raise Unusable(f"lacks {name}")
            require(value[name], inner, name)
    elif isinstance(shape, list):
        require(value, (list,), at)
        for one in value:
            require(one, shape[0], at)
    elif not isinstance(value, shape) or (isinstance(value, bool) and shape is not bool):
        raise Unusable(f"has a value of the wrong type in {at}")


def inflate(file: BinaryIO, most: int, wbits: int = 47, piece: int = 1 << 16) -> Iterator[bytes]:
    """Unpack a stream piece by piece, from the current position of a file; it may hold several members.

    Args:
        most: bytes after which the stream must have ended.
        wbits: as of `zlib.decompressobj`; 47: gzip or zlib, by the first bytes.

    Raises:
        TooMuch: more comes than ``most``.
        Unusable: the stream ends too early.
        zlib.error: it is damaged.
    """
    count, inflater, begun = 0, zlib.decompressobj(wbits=wbits), False
    while chunk := file.read(piece):
        while chunk:
            if inflater.eof:
                if wbits < 0 or not chunk.strip(b"\0"):  # padding
                    break
                inflater = zlib.decompressobj(wbits=wbits)
            content = inflater.decompress(chunk, _PIECE)
            begun = True
            if (count := count + len(content)) > most:
                raise TooMuch("unpacks to more than its header says")
            if content:
                yield content
            chunk = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
    if not begun or not inflater.eof:
        raise Unusable("ends too early")


def _refuse_constant(name: str) -> float:
    raise Unusable(f"holds {name} instead of a number")


def _check_values(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST):
        for one in level:
            if isinstance(one, float) and not math.isfinite(one):
                raise Unusable("holds a number that is not finite")
            if isinstance(one, str):
                one.encode()  # half a surrogate pair is not text
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in ([*one, *one.values()] if isinstance(one, dict) else one)
        ]
        if not level:
            return
    raise Unusable("is nested too deeply")
