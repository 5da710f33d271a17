"""Whether a volume fits into the memory of this machine, told from its header before anything is read."""

import math
import os
from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError

BYTES_AROUND_A_VOXEL = 13  # normalised, enhanced and resampled copies in float32, and its label
BYTES_FOR_THE_PROGRAM = 1 << 30
_MEMINFO = Path("/proc/meminfo")


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
        return int(fields["MemAvailable"].split()[0]) * 1024
    if hasattr(os, "sysconf"):  # macOS tells only how much there is
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None
