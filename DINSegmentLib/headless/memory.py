"""Whether a volume fits into the memory of this machine, told from its header before anything is read."""

import math
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from ..errors import InputError

BYTES_AROUND_A_VOXEL = 13  # normalised, enhanced and resampled copies in float32, and its label
BYTES_FOR_THE_PROGRAM = 1 << 30
_MEMINFO = Path("/proc/meminfo")
_CGROUP, _CGROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def check(shape: Sequence[int], voxel_bytes: int, name: str) -> None:
    """Refuse a volume that would not fit.

    Args:
        shape: voxels along each axis.
        voxel_bytes: bytes of a stored voxel.

    Raises:
        InputError: the memory available is less than what reading and segmenting the volume need.
    """
    free = available()
    needed = math.prod(shape) * (2 * voxel_bytes + BYTES_AROUND_A_VOXEL) + BYTES_FOR_THE_PROGRAM
    if free is not None and needed > free:
        size = " x ".join(str(n) for n in shape)
        raise InputError(
            f"{name} ({size} voxels) needs about {needed / 2**30:.1f} GiB of memory, and {free / 2**30:.1f} GiB are "
            "free: crop or resample it, or use a machine with more memory."
        )


def available() -> int | None:
    """Bytes that a program may still take without swapping; None where the system does not tell."""
    if _MEMINFO.is_file():
        fields = dict(line.split(":", 1) for line in _MEMINFO.read_text(encoding="utf-8").splitlines())
        return min(int(fields["MemAvailable"].split()[0]) * 1024, *_limits())
    if hasattr(os, "sysconf"):  # macOS tells only how much there is
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def _limits() -> Iterator[int]:
    """Bytes that the control groups of this process may take: those of a container or a cluster's job."""
    yield sys.maxsize
    lines = _CGROUP.read_text(encoding="utf-8").splitlines() if _CGROUP.is_file() else []
    for _number, controllers, path in (line.split(":", 2) for line in lines):
        if "memory" in controllers.split(","):
            top, name = _CGROUPS / "memory", "memory.limit_in_bytes"
        elif not controllers:  # version 2 of control groups
            top, name = _CGROUPS, "memory.max"
        else:
            continue
        group = top / path.strip("/")
        for folder in (group, *group.parents):
            with suppress(OSError, ValueError):  # no limit there ("max"), or no such group in this container
                yield int((folder / name).read_text(encoding="utf-8"))
