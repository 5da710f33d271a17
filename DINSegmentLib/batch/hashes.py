"""Hashes of input and output files, which tie a record to the exact bytes."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from .. import bounded
from ..errors import InputError
from ..io.image import image_suffix

T = TypeVar("T")


def input_hash(files: Sequence[Path]) -> str:
    """SHA-256 of a file; for several files, SHA-256 of their hashes (64 hex digits and a line feed each).

    The hashes of DICOM files are sorted, because any order of these files is the same series. Those of a header and its
    data files are in their order, because data files in another order are another image.
    """
    return _together({path: _of(path) for path in files})


def read_hashed(
    read: Callable[[], T], files: Sequence[Path], files_read: Callable[[T], Sequence[Path]], name: str
) -> tuple[T, str]:
    """Read an input with a library that needs paths, and hash the bytes that it read.

    Args:
        read: function that reads the input.
        files: files that it may read; hashed before reading.
        files_read: returns the files that it did read; hashed after reading.
        name: name of the input in messages.

    Returns:
        the input, and the `input_hash` of its files.

    Raises:
        InputError: a file changed while it was read.
    """
    before = {path: _of(path) for path in files}
    value = read()
    after = {path: _of(path) for path in files_read(value)}
    if changed := next((path for path, found in after.items() if before.get(path) != found), None):
        raise InputError(f"{name} changed while it was read ({changed.name}): wait until it is complete, and repeat.")
    return value, _together(after)


def output_hashes(folder: Path, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Size and SHA-256 of output files, as stored in a record."""
    return {name: {"bytes": (folder / name).stat().st_size, "sha256": _of(folder / name)} for name in names}


def are_as_written(folder: Path, names: Iterable[str], hashes: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether all these files still match the hashes in a record.

    Raises:
        KeyError, OSError: a hash or a file is missing.
    """
    known = {name: hashes[name] for name in names}
    if any((folder / name).stat().st_size != about["bytes"] for name, about in known.items()):
        return False
    return output_hashes(folder, known) == known


def _of(path: Path) -> str:
    with bounded.open_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _together(hashes: Mapping[Path, str]) -> str:
    found = list(hashes.values())
    if len(found) == 1:
        return found[0]
    if not image_suffix(next(iter(hashes))):  # otherwise the first file is the header of a volume
        found.sort()
    return hashlib.sha256("".join(f"{one}\n" for one in found).encode()).hexdigest()
