"""Ownership of folders: a marker file locked by the owning process, which the system unlocks when the process ends.

A name alone never causes a deletion. A folder is removed only if it contains one of our markers, the marker
names this very folder, and no living process holds it. The lock proves that without relying on process numbers.
"""

import json
import os
import platform
import shutil
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows, where a file that its owner has open cannot be removed (not run there yet)
    fcntl = None

MARK = ".dinsegment-owner"
_LONGEST = 4096  # size limit of a marker in bytes


class Taken(Exception):
    """Another process holds the folder; the message says which one."""


class Claim:
    """A folder that this process holds until `release` or until it ends."""

    def __init__(self, path: Path, descriptor: int, is_locked: bool) -> None:
        self._path, self._descriptor = path, descriptor
        self.is_locked = is_locked  # False: the file system has no locks, so the former owner may still be running

    def release(self) -> None:
        """Remove the marker; a second call has no effect."""
        if self._descriptor < 0:
            return
        descriptor, self._descriptor = self._descriptor, -1
        if fcntl is None:  # Windows cannot remove an open file
            os.close(descriptor)
        with suppress(OSError):  # a marker that remains is not locked
            self._path.unlink(missing_ok=True)
        if fcntl is not None:  # unlock after removal; otherwise another process could lock the file that we then remove
            os.close(descriptor)


def claim(folder: Path) -> Claim:
    """Hold an existing folder.

    Raises:
        Taken: another process holds it.
        OSError: the marker cannot be written.
    """
    path = folder / MARK
    while True:
        descriptor = _open(path)
        try:
            is_locked = _lock(descriptor)
            if is_locked is False or (is_locked is None and os.fstat(descriptor).st_size):
                raise Taken(_told(path))
            if fcntl is None or _is_same(descriptor, path):  # otherwise its former owner has just removed it
                if os.fstat(descriptor).st_size and "folder" not in _read(path):
                    raise FileExistsError(f"{path} is not a marker of DINSegment")
                _write(descriptor, folder)
                return Claim(path, descriptor, bool(is_locked))
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def make_folder(prefix: str, parent: Path) -> tuple[Path, Claim]:
    """Create a folder that only this user can access, held from the start.

    Raises:
        OSError: the folder cannot be created.
    """
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    try:
        return folder, claim(folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def left_behind(parent: Path, prefix: str) -> list[tuple[Path, Claim]]:
    """Find folders left by ended DINSegment processes, and hold them."""
    found = []
    with suppress(OSError):
        for folder in sorted(parent.glob(f"{prefix}*")):
            if _is_ours(folder):
                with suppress(OSError, Taken):
                    held = claim(folder)
                    if held.is_locked:
                        found.append((folder, held))
    return found


def sweep(parent: Path, prefix: str) -> None:
    """Remove the folders that ended DINSegment processes left in ``parent``."""
    for folder, held in left_behind(parent, prefix):
        remove(folder, held)


def remove(folder: Path, held: Claim) -> bool:
    """Remove a held folder; return False if the system keeps a file because a process has it open."""
    with suppress(OSError):  # remove the marker last, so that an interrupted removal is still recognized
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != MARK:
                path.unlink()
    held.release()
    with suppress(OSError):
        folder.rmdir()
    return not folder.exists()


def _is_ours(folder: Path) -> bool:
    """Whether the marker was written for this folder, and is not a copy from another folder or a link."""
    with suppress(OSError):
        status = folder.lstat()
        if folder.is_symlink() or not folder.is_dir() or (hasattr(os, "getuid") and status.st_uid != os.getuid()):
            return False
        return _read(folder / MARK).get("folder") == [folder.name, status.st_ino]
    return False


def _read(path: Path) -> dict[str, Any]:
    """Read a marker; return an empty dictionary if it is invalid."""
    try:
        if path.is_symlink() or not path.is_file():
            return {}
        with path.open("rb") as file:
            found = json.loads(file.read(_LONGEST))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _told(path: Path) -> str:
    about = _read(path)
    known = all(isinstance(about.get(name), kind) for name, kind in (("pid", int), ("computer", str), ("since", str)))
    return f"process {about['pid']} on {about['computer']}, since {about['since']}" if known else "another process"


def _write(descriptor: int, folder: Path) -> None:
    about = {
        "program": "DINSegment", "pid": os.getpid(), "computer": platform.node(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"), "folder": [folder.name, folder.stat().st_ino],
    }  # fmt: skip
    os.ftruncate(descriptor, 0)
    os.write(descriptor, json.dumps(about).encode())


def _open(path: Path) -> int:
    """Open a marker for reading and writing without following links.

    Raises:
        Taken: on Windows, another process has it open.
        OSError: it cannot be opened, or is not a DINSegment marker.
    """
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    if fcntl is not None:
        return os.open(path, flags, 0o600)
    if path.exists() and "folder" not in _read(path):
        raise FileExistsError(f"{path} is not a marker of DINSegment")
    try:
        path.unlink(missing_ok=True)
        return os.open(path, flags | os.O_EXCL, 0o600)
    except (PermissionError, FileExistsError):
        raise Taken(_told(path)) from None


def _lock(descriptor: int) -> bool | None:
    """Whether this process now holds the marker; None if the file system has no locks."""
    if fcntl is None:
        return True  # no other process could have opened the file
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _is_same(descriptor: int, path: Path) -> bool:
    with suppress(OSError):
        return os.path.samestat(os.fstat(descriptor), path.stat())
    return False
