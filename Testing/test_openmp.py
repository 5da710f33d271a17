"""Claims about waiting threads, in processes of their own, since OpenMP reads its settings once."""

import os
import subprocess
import sys

import pytest

_LOAD = {
    "dinsegment": "import sys; from DINSegmentLib.cli import main; sys.argv[1:] = ['models']; main()",
    "worker": "from DINSegmentLib.worker.server import main; main([])",
}


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs torch with GNU OpenMP")


@pytest.mark.parametrize("program", _LOAD)
def test_threads_of_a_program_wait_asleep(program):
    assert "GOMP_SPINCOUNT = '0'" in settings(program)


def test_what_the_user_wants_is_left():
    assert "GOMP_SPINCOUNT = '0'" not in settings("dinsegment", OMP_WAIT_POLICY="active")


def settings(program: str, **wanted: str) -> str:
    """What OpenMP says of itself when the program has loaded torch."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    done = subprocess.run(
        [sys.executable, "-c", f"{_LOAD[program]}; import torch"], check=True, capture_output=True, encoding="utf-8",
        stdin=subprocess.DEVNULL, env=environment | wanted | {"OMP_DISPLAY_ENV": "verbose"},
    )  # fmt: skip
    return done.stderr
