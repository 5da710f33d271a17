"""Atomic outputs: checked before the work, written to a temporary folder, moved into place at the end.

Either all files are moved or none: a journal records the moves, and moves interrupted by a crash are undone at the
next start. Existing files are replaced only on request, even if they appeared after the check.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from .. import bounded, ownership
from ..errors import InputError, OutputError
from .image import check_name

_PREFIX = ".dinsegment-"  # of the folder for unfinished outputs
_NEW, _FORMER, _JOURNAL = "new", "former", "moves.json"  # contents: files to move, files they replace, names in order


def check(source: Path, paths: Sequence[Path], overwrite: bool) -> None:
    """Reject, within milliseconds and without reading the input, what is certain to fail.

    Args:
        source: the input, which is never replaced.
        paths: the outputs, all in one folder, which need not exist.
        overwrite: whether existing files may be replaced.

    Raises:
        InputError: the input does not exist, or a path is not UTF-8.
        OutputError: an output already exists, or could not be written.
    """
    for path in (source, *paths):
        check_name(path)
    if not os.path.exists(source):
        raise InputError(f"{source} does not exist: check the path.")
    folder = paths[0].parent
    existing = [path for path in paths if os.path.lexists(path)]
    for path in existing:
        if path.is_dir():
            raise OutputError(f"{path} is a folder, but a file is to be written there: choose another output.")
        if path.exists() and path.samefile(source):
            raise OutputError(f"{path} is the input itself: choose another output.")
    if existing and not overwrite:
        names, verb = ", ".join(path.name for path in existing), "exist" if len(existing) > 1 else "exists"
        raise OutputError(f"{names} {verb} already in {folder}: add --overwrite, or choose another output.")
    nearest = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if os.path.exists(parent))
    if not nearest.is_dir():
        raise OutputError(f"{nearest} is a file, but the output needs a folder there: choose another output.")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise OutputError(f"{nearest} is read-only: choose an output folder that you may write to.")


@contextmanager
def beside(paths: Sequence[Path], overwrite: bool = True) -> Iterator[Path]:
    """Yield a folder for writing the outputs by name; at the end, move all into place; on an error, none.

    Args:
        paths: all in one folder, in the order of the moves; files that were not written are skipped.
        overwrite: whether existing files are replaced.

    Raises:
        OutputError: the folder cannot be written, or a file exists that must not be replaced.
    """
    target = paths[0].parent
    made = [parent for parent in (target, *target.parents) if not os.path.exists(parent)]
    folder = None
    try:
        target.mkdir(parents=True, exist_ok=True)
        folder, held = ownership.make_folder(_PREFIX, target)
        for name in (_NEW, _FORMER):
            (folder / name).mkdir()
        yield folder / _NEW
        _move(folder, [path.name for path in paths], overwrite)
    except OSError as error:
        raise OutputError(
            f"{target} cannot be written ({error.strerror or error}): choose a folder that you may write to."
        ) from error
    finally:
        if folder:
            ownership.remove(folder, held)
        with suppress(OSError):  # created folders remain if they are not empty
            for parent in made:
                parent.rmdir()


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Name a file or folder in the error if it cannot be written.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror or error}): check the disk.") from error


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Hold an output folder, creating it if missing; no other run may write there.

    Raises:
        OutputError: another run holds it, or it is not writable.
    """
    made = [parent for parent in (folder, *folder.parents) if not os.path.exists(parent)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = ownership.claim(folder)
    except ownership.Taken as error:
        raise OutputError(
            f"{folder} is in use by another run ({error}): wait until it has ended, or choose another output."
        ) from error
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be written ({error.strerror or error}): choose a folder that you may write to."
        ) from error
    for left in folder.glob(f"{_PREFIX}????????"):
        with suppress(OSError):  # empty folders that a kill left before their marker was complete
            mark = left / ownership.MARK
            if list(left.iterdir()) == [mark] and mark.lstat().st_size == 0:
                mark.unlink()
            left.rmdir()
    try:
        yield
    finally:
        held.release()
        with suppress(OSError):
            for parent in made:
                parent.rmdir()


def sweep(folder: Path) -> None:
    """Undo and remove what ended processes left unfinished in an output folder."""
    for left, held in ownership.left_behind(folder, _PREFIX):
        with suppress(OSError, ValueError):  # unreadable journal: nothing was moved yet
            names = bounded.read_json(left / _JOURNAL)
            if any((left / _NEW / str(name)).exists() for name in names):  # otherwise all files were moved
                _undo(left, [str(name) for name in names])
        ownership.remove(left, held)


def _move(folder: Path, names: Sequence[str], overwrite: bool) -> None:
    """Move all files to the folder above, or none."""
    target = folder.parent
    names = [name for name in names if (folder / _NEW / name).exists()]
    (folder / _JOURNAL).write_text(json.dumps(names), encoding="utf-8")
    try:
        for name in names:
            if overwrite and os.path.lexists(target / name):
                if (target / name).is_dir():
                    raise OutputError(f"{target / name} is a folder, but a file is to be written there: rename it.")
                (target / name).rename(folder / _FORMER / name)
            _move_one(folder / _NEW / name, target / name)
    except BaseException:
        _undo(folder, names)
        raise


def _move_one(source: Path, path: Path) -> None:
    """Move a file; raise OutputError if the target exists, without a gap between check and move."""
    try:
        os.link(source, path, follow_symlinks=False)
    except FileExistsError:
        raise OutputError(f"{path} exists already: add --overwrite, or choose another output.") from None
    except (OSError, NotImplementedError):  # file system without hard links
        if os.path.lexists(path):
            raise OutputError(f"{path} exists already: add --overwrite, or choose another output.") from None
        source.rename(path)
    else:
        source.unlink()


def _undo(folder: Path, names: Sequence[str]) -> None:
    """Restore the folder above to its state before the moves; invalid names are ignored."""
    for name in reversed([name for name in names if Path(name).name == name]):
        path, former = folder.parent / name, folder / _FORMER / name
        new = folder / _NEW / name
        if not new.exists() and os.path.lexists(path):
            path.rename(new)
        elif new.exists() and os.path.lexists(path) and path.samefile(new):  # between link and unlink
            path.unlink()
        if os.path.lexists(former) and not os.path.lexists(path):
            former.rename(path)
