"""Process-wide settings of a DINSegment program, made once at startup; library code never calls them."""

import ctypes
import logging
import os
import sys
import warnings

# parameter numbers from glibc's malloc.h, see mallopt(3)
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_KEPT = 256 << 20  # bytes; each batch of slices frees and allocates tens of MB
_LARGEST_MMAP_THRESHOLD = 32 << 20  # the largest value that glibc accepts


def prepare() -> None:
    """Prepare the process for long runs on a CPU; call before torch is loaded."""
    keep_freed_memory()
    wait_briefly()
    keep_back_warnings()


def keep_freed_memory() -> bool:
    """Keep up to 256 MB of freed memory for later allocations; return False if the C library is not glibc.

    By default, glibc returns the large arrays of a batch to the system and gets new, zeroed pages for the next batch,
    which costs 8% of the network's time on a CPU.
    """
    if sys.platform != "linux" or not hasattr(libc := ctypes.CDLL(None), "mallopt"):
        return False
    settings = {_M_TRIM_THRESHOLD: _KEPT, _M_MMAP_THRESHOLD: _LARGEST_MMAP_THRESHOLD, _M_ARENA_MAX: 1}
    return all([libc.mallopt(name, value) for name, value in settings.items()])


def wait_briefly() -> None:
    """Let OpenMP threads that wait for others sleep soon; environment variables set by the user take precedence.

    By default, the threads of GNU OpenMP spin for some milliseconds. On a busy machine, they occupy the core of the
    very thread that they wait for: `dinsegment segment` of 12 hearts then took 7 to 46 s. Seconds for one
    heart on two cores of an AMD EPYC (2026-11-25, measured by hand):

    ==================  =======  =====  =======
    spins               300,000  2,500  none
    ==================  =======  =====  =======
    nothing else        0.32     0.32   0.37
    two other programs  0.81     0.70   0.64
    ==================  =======  =====  =======

    OpenMP reads the setting when torch is loaded, also in child processes.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "2500")


def keep_back_warnings() -> None:
    """Suppress the DICOM libraries' warnings about unusual values; DINSegment reports the relevant ones itself."""
    for library in ("pydicom", "highdicom"):
        logger = logging.getLogger(library)
        logger.addHandler(logging.NullHandler())  # without a handler, Python prints to stderr
        logger.propagate = False
        warnings.filterwarnings("ignore", module=library)
