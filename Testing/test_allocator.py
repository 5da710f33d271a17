"""Claims about freed memory, each in a process of its own, since the setting cannot be taken back."""

import platform
import subprocess
import sys

import pytest

_FAULTS = """
import resource, sys
import numpy as np
from DINSegmentLib.allocator import keep_freed_memory

def batch():  # seven arrays of 20 MB, each page written once
    arrays = [np.full(20 << 20, number, np.uint8) for number in range(7)]

assert sys.argv[1] == "as it is" or keep_freed_memory()
for _ in range(3):
    batch()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    batch()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(setting: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", _FAULTS, setting], check=True, capture_output=True, encoding="utf-8"
    )  # fmt: skip
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_the_next_batch_gets_the_memory_of_the_one_before_without_asking_the_system():
    assert page_faults("kept") < page_faults("as it is") / 10


def test_where_there_is_no_glibc_nothing_happens(monkeypatch):
    from DINSegmentLib.allocator import keep_freed_memory

    monkeypatch.setattr(sys, "platform", "win32")
    assert not keep_freed_memory()
