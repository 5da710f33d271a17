"""What every test shares: the package, the shared data, and the rule for skips."""

import os
import sys
from collections import Counter
from collections.abc import Generator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
MAY_SKIP = ("cuda", "mps", "data")  # in CI (DINSEGMENT_CI=1) any other skip is a failure

# What is tested is this checkout, installed or not, here and in the processes that tests start.
sys.path.insert(0, str(REPOSITORY))
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of the shared data sets; only tests marked ``data`` may ask for it."""
    folder = Path(os.environ.get("DINSEGMENT_DATA") or REPOSITORY.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no shared data at {folder} (DINSEGMENT_DATA names another place)")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "shared_data" in getattr(item, "fixturenames", ()) and item.get_closest_marker("data") is None:
            raise pytest.UsageError(f"{item.nodeid} uses shared_data and is not marked data")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("cuda") or item.get_closest_marker("mps"):
        import torch

        if item.get_closest_marker("cuda") and not torch.cuda.is_available():
            pytest.skip("no CUDA device")
        if item.get_closest_marker("mps") and not torch.backends.mps.is_available():
            pytest.skip("no MPS device")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if not any(item.get_closest_marker(name) for name in MAY_SKIP):
        fail_skip_in_ci(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    fail_skip_in_ci(report)
    return report


def fail_skip_in_ci(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure that keeps the reason; an expected failure (xfail) is no skip."""
    if os.environ.get("DINSEGMENT_CI") == "1" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI allows only to tests marked {', '.join(MAY_SKIP)}: {report.longrepr}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    marks = (getattr(report, "keywords", ()) for report in terminalreporter.getreports("skipped"))  # a file has none
    counts = Counter(next((name for name in MAY_SKIP if name in keywords), "other") for keywords in marks)
    terminalreporter.write_line("Skips: " + ", ".join(f"{counts[name]} {name}" for name in (*MAY_SKIP, "other")) + ".")
