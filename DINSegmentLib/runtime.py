"""What a DINSegment program sets for its whole process, once, at its start; no part of the library calls this."""

import ctypes
import logging
import os
import sys
import warnings

# names and numbers of glibc's malloc.h, mallopt(3)
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_KEPT = 256 << 20  # bytes: a batch of slices frees and asks again for tens of MB
_LARGEST_MMAP_THRESHOLD = 32 << 20  # glibc takes no more


def prepare() -> None:
    """Make the process fit for long runs on a CPU, before torch is loaded."""
    keep_freed_memory()
    wait_briefly()
    keep_back_warnings()


def keep_freed_memory() -> bool:
    """Keep up to 256 MB of freed memory for what is asked for next; False: not glibc, nothing was changed.

    By default glibc hands the large arrays of a batch back to the system and gets fresh, zeroed pages for the next one,
    which takes 8 % of the network's time on a CPU.
    """
    if sys.platform != "linux" or not hasattr(libc := ctypes.CDLL(None), "mallopt"):
        return False
    settings = {_M_TRIM_THRESHOLD: _KEPT, _M_MMAP_THRESHOLD: _LARGEST_MMAP_THRESHOLD, _M_ARENA_MAX: 1}
    return all([libc.mallopt(name, value) for name, value in settings.items()])


def wait_briefly() -> None:
    """Let threads that wait for the others of a layer soon go to sleep; settings of the user's have the word.

    By themselves the threads of GNU's OpenMP spin for some milliseconds, and on a machine with other work, too, they
    take the core from the very thread that they wait for: `dinsegment segment` of 12 hearts took 7 to 46 s so. One
    heart took, on two cores of an AMD EPYC (2026-11-25, by hand), in seconds:

    ==================  =======  =====  =======
    spins               300,000  2,500  none
    ==================  =======  =====  =======
    nothing else        0.32     0.32   0.37
    two other programs  0.81     0.70   0.64
    ==================  =======  =====  =======

    OpenMP reads this when torch is loaded, also in the processes that this one starts.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "2500")


def keep_back_warnings() -> None:
    """Print nothing of what the DICOM libraries say of unusual values: those that matter are our own messages."""
    for library in ("pydicom", "highdicom"):
        logger = logging.getLogger(library)
        logger.addHandler(logging.NullHandler())  # without any, Python prints to stderr
        logger.propagate = False
        warnings.filterwarnings("ignore", module=library)
