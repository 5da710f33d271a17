"""How a process of ours deals with memory that it has freed."""

import ctypes
import sys

# names and numbers of glibc's malloc.h, mallopt(3)
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_KEPT = 256 << 20  # bytes: a batch of slices frees and asks again for tens of MB
_LARGEST_MMAP_THRESHOLD = 32 << 20  # glibc takes no more


def keep_freed_memory() -> bool:
    """Keep up to 256 MB of freed memory for what is asked for next; False: not glibc, nothing was changed.

    By itself glibc hands the large arrays of a batch back to the system and gets fresh, zeroed pages for the next one,
    which takes 8 % of the network's time on a CPU. This holds for the whole process: so it is for programs to call, at
    their start, and no part of the library calls it.
    """
    if sys.platform != "linux" or not hasattr(libc := ctypes.CDLL(None), "mallopt"):
        return False
    settings = {_M_TRIM_THRESHOLD: _KEPT, _M_MMAP_THRESHOLD: _LARGEST_MMAP_THRESHOLD, _M_ARENA_MAX: 1}
    return all([libc.mallopt(name, value) for name, value in settings.items()])
