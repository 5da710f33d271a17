"""Process-wide settings of programs, each tested in a separate process, because they are made once."""

import os
import platform
import subprocess
import sys

import phantom_files as phantom
import pytest

from DINSegmentLib import runtime

_FAULTS = """
import resource, sys
import numpy as np
from DINSegmentLib.runtime import keep_freed_memory

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
_PROGRAMS = {
    "dinsegment": "import sys; from DINSegmentLib.cli import main; sys.argv[1:] = ['models']; main()",
    "worker": "from DINSegmentLib.worker.server import main; main([])",
}

gnu = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs GNU's libc and OpenMP")

_GIVEN_BACK = """
from pathlib import Path
import numpy as np
from DINSegmentLib import memory
from DINSegmentLib.runtime import keep_freed_memory

def resident_mb():
    return int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]) * 4096 / 1e6

keep_freed_memory()
arrays = [np.full(10 << 20, number, np.uint8) for number in range(10)]
del arrays
kept = resident_mb()
memory.give_back()
print(kept - resident_mb())
"""


@gnu
def test_kept_memory_is_given_back_when_it_is_not_needed():
    assert float(run(_GIVEN_BACK).stdout) > 80  # of 105 MB


@gnu
def test_the_next_batch_gets_the_memory_of_the_one_before_without_asking_the_system():
    kept, as_it_is = (int(run(_FAULTS, setting).stdout) for setting in ("kept", "as it is"))
    assert kept < as_it_is / 10


def test_where_there_is_no_glibc_memory_is_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    assert not runtime.keep_freed_memory()


@gnu
@pytest.mark.parametrize("program", _PROGRAMS)
def test_threads_of_a_program_soon_sleep(program):
    assert "GOMP_SPINCOUNT = '2500'" in openmp(program)


@gnu
def test_how_the_user_wants_threads_to_wait_is_left():
    assert "GOMP_SPINCOUNT = '0'" in openmp("dinsegment", OMP_WAIT_POLICY="passive")
    assert "GOMP_SPINCOUNT = '7'" in openmp("dinsegment", GOMP_SPINCOUNT="7")


def test_what_the_dicom_libraries_say_of_unusual_values_is_not_printed(tmp_path):
    folder = phantom.stack(
        tmp_path / "heart", phantom.ED[:, ::8, ::8],
        lambda k: {"SpecificCharacterSet": "ISO_IR 100", "PatientName": "XXXXXX"},
    )  # fmt: skip
    for path in folder.iterdir():  # an unknown character set, and letters in another one that does not end
        path.write_bytes(path.read_bytes().replace(b"ISO_IR 100", b"ISO_IR 999").replace(b"XXXXXX", b"\x1b$)C\xb1\x1b"))
    command = ["segment", str(folder), "--model", "cardiac-mr", "--output", str(tmp_path / "out"), "--dry-run"]
    done = subprocess.run([sys.executable, "-m", "DINSegmentLib", *command], capture_output=True, encoding="utf-8")
    assert done.returncode == 0 and "1 to segment" in done.stdout
    assert "encoding" not in done.stdout + done.stderr


def openmp(program: str, **wanted: str) -> str:
    """What OpenMP says of itself when the program has loaded torch."""
    return run(f"{_PROGRAMS[program]}; import torch", **wanted, OMP_DISPLAY_ENV="verbose").stderr


def run(code: str, *arguments: str, **wanted: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if "OMP_" not in name}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], check=True, capture_output=True, encoding="utf-8",
        stdin=subprocess.DEVNULL, env=environment | wanted,
    )  # fmt: skip


@pytest.mark.parametrize(("word", "code"), [("models", 0), ("nothing", 2)])
def test_the_program_ends_with_its_code_after_all_that_runs_at_exit(word, code):
    script = (
        "import atexit, sys; from DINSegmentLib.cli import program; atexit.register(print, 'the end'); "
        f"sys.argv[1:] = [{word!r}]; program()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8")
    assert done.returncode == code and done.stdout.endswith("the end\n")
    assert ("cardiac-mr" in done.stdout) == (code == 0) and done.stderr.count("\n") == code // 2
