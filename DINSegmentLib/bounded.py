"""Safe reading of untrusted files: regular files only, size limits for text, depth limits for JSON.

Nothing here blocks on a pipe or device, reads an endless file, or overflows the stack on nested data.
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
LARGEST = 16 * MB  # size limit of a text file; the records of a large batch take about ten kB per case
DEEPEST = 50  # nesting limit of JSON; our own files have 8 levels
_PIECE = 1 << 20


class Unusable(ValueError):
    """The content cannot be used; the message says why and follows the file's name."""


class TooMuch(Unusable):
    """A stream unpacks to more bytes than allowed."""


def open_file(path: Path) -> BufferedReader:
    """Open a regular file for reading.

    Raises:
        Unusable: it is a pipe, a device, a socket or a folder.
        OSError: the file cannot be opened.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):  # check first: opening a device can already have an effect
        raise Unusable("is not a regular file")
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    file = open(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise Unusable("is not a regular file")
    return file


def read_bytes(path: Path, most: int = LARGEST) -> bytes:
    """Read a small file.

    Raises:
        Unusable: it is not a regular file, or larger than ``most`` bytes.
        OSError: the file cannot be read.
    """
    with open_file(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise Unusable(f"is larger than {most / MB:.3g} MB")
    return content


def read_text(path: Path, most: int = LARGEST) -> str:
    """Read a small UTF-8 text file, with or without a byte order mark.

    Raises:
        Unusable, OSError: as `read_bytes`, or the file is not UTF-8.
    """
    try:
        return read_bytes(path, most).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unusable("is not UTF-8 text") from error


def read_json(path: Path, most: int = LARGEST) -> Any:
    """Read a small JSON file with `parse_json`.

    Raises:
        Unusable, OSError: as `read_text` and `parse_json`.
    """
    return parse_json(read_text(path, most))


def parse_json(text: str | bytes) -> Any:
    """Parse JSON with finite numbers only and at most `DEEPEST` nested lists and objects.

    Raises:
        Unusable: the text is not such JSON.
    """
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
        _check_values(value)
    except Unusable:
        raise
    except (ValueError, RecursionError) as error:  # too deep, too many digits, unpaired surrogate
        why = "is nested too deeply" if isinstance(error, RecursionError) else f"is not JSON ({error})"
        raise Unusable(why) from error
    return value


def require(value: Any, shape: Any, at: str = "it") -> None:
    """Reject data that does not have the expected structure.

    Args:
        shape: a type or tuple of types (bool does not count as a number); a list with the shape of each item; or a
            dictionary with the shape of each required key.
        at: name of the value in the message.

    Raises:
        Unusable: names the first value that is wrong.
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
    """Unpack a compressed stream piece by piece from a file's current position; it may have several members.

    Args:
        most: maximum number of unpacked bytes.
        wbits: as for `zlib.decompressobj`; 47 detects gzip or zlib from the first bytes.

    Raises:
        TooMuch: the stream unpacks to more than ``most`` bytes.
        Unusable: the stream ends too early.
        zlib.error: the stream is damaged.
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
                one.encode()  # an unpaired surrogate is not valid text
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in ([*one, *one.values()] if isinstance(one, dict) else one)
        ]
        if not level:
            return
    raise Unusable("is nested too deeply")
