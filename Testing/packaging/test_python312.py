"""What needs no PyTorch also runs under Python 3.12, Slicer's own: `make python312` makes the environment."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.python312

# module load, the panel as far as it runs without a model and what it may call in Slicer; inputs, report, packaging
FILES = (
    "module/test_module_file.py", "panel/test_compare.py", "panel/test_offer.py", "panel/test_patients.py",
    "panel/test_pythonqt.py", "inputs", "report", "packaging",
)  # fmt: skip


def test_what_needs_no_torch_runs_under_slicers_own_python(repository, tmp_path):
    if sys.version_info[:2] == (3, 12):
        pytest.skip("Python 3.12 runs all tests here")
    python = repository / "build" / "python312" / "bin" / "python"
    if not python.is_file():
        pytest.skip("no environment of Python 3.12 here: make python312")
    has_torch = subprocess.run([python, "-c", "import torch"], capture_output=True).returncode == 0
    assert not has_torch, "the environment is to be without PyTorch"
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-m", "not torch and not versions and not python312",
         f"--basetemp={tmp_path / 'tests'}", "-p", "no:cacheprovider",
         *(str(repository / "Testing" / one) for one in FILES)],
        cwd=repository, env={**os.environ, "DINSEGMENT_CI": ""}, capture_output=True, encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
