"""In CI, only tests marked cuda, mps, data or python312 may be skipped; the summary counts skips by mark."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

MARKED = """
import pytest

@pytest.mark.cuda
def test_marked():
    pytest.skip("no device")

@pytest.mark.data
def test_data(shared_data):
    raise AssertionError("there is no data")

@pytest.mark.xfail
def test_known_to_fail():
    raise AssertionError
"""
UNMARKED = "import pytest\ndef test_unmarked(): pytest.skip('library missing')\n"
WHOLE_FILE = "import pytest\npytest.importorskip('no_such_library')\n"
DATA_UNMARKED = "def test_unmarked(shared_data): pass\n"


@pytest.fixture
def run_tests(repository: Path, tmp_path: Path):
    """Run one test file under the project's own conftest, in CI or not."""
    shutil.copy(repository / "pyproject.toml", tmp_path)
    (tmp_path / "Testing").mkdir()
    shutil.copy(repository / "Testing" / "conftest.py", tmp_path / "Testing")

    def run(source: str, ci: bool) -> subprocess.CompletedProcess[str]:
        (tmp_path / "Testing" / "test_it.py").write_text(source, encoding="utf-8")
        environment = {**os.environ, "DINSEGMENT_CI": "1" if ci else "", "DINSEGMENT_DATA": str(tmp_path / "no-data")}
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'temporary'}"]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8")

    return run


@pytest.mark.torch
def test_marked_tests_may_skip_in_ci_and_are_counted(run_tests):
    run = run_tests(MARKED, ci=True)

    assert run.returncode == 0, run.stdout
    assert "Skips: 1 cuda, 0 mps, 1 data, 0 node, 0 python312, 0 other." in run.stdout
    assert "Seconds: others " in run.stdout
    assert "no shared data at" in run.stdout


@pytest.mark.parametrize("source", [UNMARKED, WHOLE_FILE])
def test_any_other_skip_fails_in_ci_alone(run_tests, source):
    assert "skipped, which CI allows only" in run_tests(source, ci=True).stdout
    assert run_tests(source, ci=True).returncode != 0
    assert "1 other." in run_tests(source, ci=False).stdout


def test_shared_data_are_for_tests_marked_data(run_tests):
    run = run_tests(DATA_UNMARKED, ci=False)

    assert run.returncode != 0
    assert "uses shared_data and is not marked data" in run.stdout + run.stderr
