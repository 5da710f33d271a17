"""Resources of this machine: memory for a volume, estimated from its header before reading, and CPU cores."""

import ctypes
import math
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from .errors import InputError

BYTES_AROUND_A_VOXEL = 13  # normalized, enhanced and resampled copies in float32, and the label
BYTES_FOR_THE_PROGRAM = 1 << 30
_MEMINFO = Path("/proc/meminfo")
_CGROUP, _CGROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def check(shape: Sequence[int], voxel_bytes: int, name: str) -> None:
    """Reject a volume that does not fit into memory.

    Args:
        shape: number of voxels along each axis.
        voxel_bytes: size of a stored voxel in bytes.

    Raises:
        InputError: less memory is available than reading and segmenting the volume take.
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
    """Return the bytes that a program can allocate without swapping; None if the system does not report it."""
    if _MEMINFO.is_file():
        fields = dict(line.split(":", 1) for line in _MEMINFO.read_text(encoding="utf-8").splitlines())
        return min(int(fields["MemAvailable"].split()[0]) * 1024, *_limits())
    if hasattr(os, "sysconf"):  # macOS reports only the total
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def _limits() -> Iterator[int]:
    """Yield the memory limits in bytes of this process's control groups (of a container or cluster job)."""
    yield sys.maxsize
    for folder, is_second in control_groups("memory"):
        with suppress(OSError, ValueError):  # no limit set ("max"), or the group does not exist in this container
            yield int((folder / ("memory.max" if is_second else "memory.limit_in_bytes")).read_text(encoding="utf-8"))


def cores() -> int:
    """Return how many cores the control groups of this process allow, at least 1."""
    share = float(os.cpu_count() or 1)
    for folder, is_second in control_groups("cpu"):
        with suppress(OSError, ValueError):
            names = ("cpu.max",) if is_second else ("cpu.cfs_quota_us", "cpu.cfs_period_us")
            quota, period = " ".join((folder / name).read_text(encoding="utf-8") for name in names).split()
            share = min(share, int(quota) / int(period)) if int(quota) > 0 else share
    return max(1, int(share))


def give_back() -> None:
    """Return the memory kept by `runtime.keep_freed_memory` to the system, if the C library supports it."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


def control_groups(controller: str) -> Iterator[tuple[Path, bool]]:
    """Yield the folders of this process's control groups, innermost first, and whether each is version 2."""
    lines = _CGROUP.read_text(encoding="utf-8").splitlines() if _CGROUP.is_file() else []
    for _number, controllers, path in (line.split(":", 2) for line in lines):
        if controller in controllers.split(","):
            top = _CGROUPS / controller
        elif not controllers:
            top = _CGROUPS
        else:
            continue
        group = top / path.strip("/")
        for folder in (group, *group.parents):
            yield folder, not controllers
