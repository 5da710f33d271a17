"""Archives of DICOM files and volumes, unpacked safely for one run: no paths outside, limited size."""

import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from .. import ownership
from ..errors import InputError
from .candidates import shown

_PREFIX = "dinsegment-archive-"  # of the temporary folders
SUFFIXES = (".zip", ".tar.gz", ".tgz", ".tar")
_MOST_FILES = 200_000
_MOST_BYTES = 64 << 30
_MOST_RATIO = 200  # DICOM and NIfTI files are seldom compressed to less than a tenth
_SMALL = 256 << 20  # bytes; below this, any ratio is harmless
_PIECE = 1 << 20


def is_archive(path: Path) -> bool:
    """Whether a file has the suffix of an archive."""
    return path.name.lower().endswith(SUFFIXES)


def place_of_input(chosen: Path | None, recorded: str | None) -> Path | None:
    """Return the path of the input of an earlier run; of one in an archive, the archive followed by the path in it.

    Args:
        chosen: path that the user gave, such as that of a copy of the archive.
        recorded: path in the record.
    """
    earlier = None if recorded is None else Path(recorded)
    if chosen is None or earlier is None or not is_archive(chosen):
        return chosen or earlier
    return chosen / next((earlier.relative_to(one) for one in (earlier, *earlier.parents) if is_archive(one)), "")


@contextmanager
def opened(place: Path) -> Iterator[Path]:
    """Yield the path of an input; of one in an archive (see `place_of_input`), the path of its unpacked copy.

    Raises:
        InputError: as `unpacked`.
    """
    archive = next((one for one in (place, *place.parents) if is_archive(one) and one.is_file()), None)
    if archive is None:
        yield place
        return
    with unpacked(archive) as folder:
        yield folder / place.relative_to(archive)


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Unpack an archive into a temporary folder of the same name, which is yielded.

    A kill leaves the images of patients behind, which the next run that unpacks an archive removes.

    Raises:
        InputError: the archive is damaged or encrypted, has a path that leads out of it, or unpacks to too much.
    """
    suffix = next(one for one in SUFFIXES if path.name.lower().endswith(one))
    parent = Path(tempfile.gettempdir())
    ownership.sweep(parent, _PREFIX)
    temporary, held = ownership.make_folder(_PREFIX, parent)
    try:
        folder = temporary / path.name[: -len(suffix)]
        folder.mkdir()
        try:
            _unpack(path, folder)
        except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError) as error:
            raise InputError(f"{shown(path)} is a damaged archive: copy or export it again.") from error
        except RuntimeError as error:  # raised only by zipfile
            raise InputError(f"{shown(path)} is encrypted: unpack it, and use the folder.") from error
        yield folder
    finally:
        ownership.remove(temporary, held)


def _unpack(path: Path, folder: Path) -> None:
    left = _Allowance(path, folder)
    if path.name.lower().endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if entry.is_dir() or stat.S_ISLNK(entry.external_attr >> 16):
                    continue
                with archive.open(entry) as packed:
                    left.copy(entry.filename, packed)
    else:
        with tarfile.open(path, "r:*") as archive:
            for member in archive:
                if member.isfile() and (content := archive.extractfile(member)) is not None:
                    left.copy(member.name, content)


class _Allowance:
    """Writes files up to a limit on their number and size."""

    def __init__(self, archive: Path, folder: Path) -> None:
        self._archive, self._folder, self._files = archive, folder, 0
        free = shutil.disk_usage(folder).free // 2
        self._bytes = min(_MOST_BYTES, free, max(_SMALL, _MOST_RATIO * archive.stat().st_size))

    def copy(self, name: str, content: IO[bytes]) -> None:
        target = self._target(name)
        self._files += 1
        if self._files > _MOST_FILES:
            raise InputError(
                f"{shown(self._archive)} holds more than {_MOST_FILES} files: unpack the part that you need."
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            while piece := content.read(_PIECE):
                self._bytes -= len(piece)
                if self._bytes < 0:
                    raise InputError(
                        f"{shown(self._archive)} unpacks to more than its size or the disk allows: check where it is "
                        "from, or unpack it yourself."
                    )
                file.write(piece)

    def _target(self, name: str) -> Path:
        parts = PurePosixPath(name.replace("\\", "/")).parts
        if not parts or parts[0] == "/" or ".." in parts or any(":" in part or "\0" in part for part in parts):
            raise InputError(f"{shown(self._archive)} holds a path that leads outside ({shown(name)}): do not use it.")
        target = self._folder.joinpath(*parts)
        number = 1
        while target.exists():  # a repeated name
            number += 1
            target = self._folder.joinpath(*parts[:-1], f"{number}_{parts[-1]}")
        return target
