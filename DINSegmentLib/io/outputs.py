"""Outputs that appear whole or not at all: checked before the work, written beside, renamed at the end."""

import os
import platform
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import InputError, OutputError
from .image import check_name


def check(source: Path, paths: Sequence[Path], overwrite: bool) -> None:
    """Refuse what can be told without reading the input; a question of milliseconds.

    Args:
        source: the input, which is never replaced.
        paths: the outputs, all in one folder, which need not exist.
        overwrite: whether other files may be replaced.

    Raises:
        InputError: there is no such input.
        OutputError: an output is there already, or could not be written later.
    """
    for path in (source, *paths):
        check_name(path)
    if not os.path.exists(source):
        raise InputError(f"{source} does not exist: check the path.")
    folder = paths[0].parent
    existing = [path for path in paths if os.path.exists(path)]
    for path in existing:
        if path.is_dir():
            raise OutputError(f"{path} is a folder, and a file is to be written there: choose another output.")
        if path.samefile(source):
            raise OutputError(f"{path} is the input itself: choose another output.")
    if existing and not overwrite:
        names, verb = ", ".join(path.name for path in existing), "exist" if len(existing) > 1 else "exists"
        raise OutputError(f"{names} {verb} already in {folder}: add --overwrite, or choose another output.")
    nearest = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if os.path.exists(parent))
    if not nearest.is_dir():
        raise OutputError(f"{nearest} is a file, and the output needs a folder there: choose another output.")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise OutputError(f"{nearest} is read-only: choose an output folder that you may write to.")


@contextmanager
def beside(paths: Sequence[Path]) -> Iterator[Path]:
    """A folder in which to write the outputs by their names; at the end they move to their places, on an error none.

    Raises:
        OutputError: the system does not let us write.
    """
    target = paths[0].parent
    made = [parent for parent in (target, *target.parents) if not os.path.exists(parent)]
    folder = None
    try:
        target.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=_prefix(os.getpid()), dir=target))
        yield folder
        for path in paths:
            (folder / path.name).replace(path)
    except OSError as error:
        raise OutputError(
            f"{target} cannot be written ({error.strerror or error}): choose a folder that you may write to."
        ) from error
    finally:
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # folders that we made stay when something is in them
            for parent in made:
                parent.rmdir()


def sweep(folder: Path) -> None:
    """Remove what processes of this computer that were killed have left unfinished in an output folder."""
    for left in folder.glob(f"{_prefix('*')}*"):
        process = left.name.split("-")[2]
        if process.isdecimal() and not _is_alive(int(process)):
            shutil.rmtree(left, ignore_errors=True)


def _prefix(process: int | str) -> str:
    computer = "".join(letter for letter in platform.node() if letter.isalnum()) or "here"
    return f".dinsegment-{computer}-{process}-"


def _is_alive(process: int) -> bool:
    if os.name == "nt":
        return True  # a signal would end it: what is left there stays
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True
