"""Shared by all tests: the package, the shared data, and the rule for skips."""

import hashlib
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

REPOSITORY = Path(__file__).resolve().parent.parent
MAY_SKIP = ("cuda", "mps", "data", "node", "python312")  # in CI (DINSEGMENT_CI=1) any other skip is a failure

# What is tested is this checkout, installed or not, here and in the processes that tests start.
sys.path.insert(0, str(REPOSITORY))
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))

TINY_NETWORK = {
    "classes": 4, "widths": [8, 8, 16, 16], "depths": [1, 1, 1, 1], "layer_scale": 0.5, "head_width": 8,
    "reductions": [8, 4, 2, 1], "ffn_ratio": 1.0, "decoder_width": 8,
}  # fmt: skip
# as a heart's and as an abdomen's model see their slices; the axes of the latter are those of the data README
KINDS = {
    "stack": {
        "axes": {"slices": "stack", "rows": "PI", "columns": "L"},
        "intensity": {"method": "percentile", "upper": 99.0},
    },
    "fixed": {
        "axes": {"slices": "S", "rows": "L", "columns": "A"},
        "intensity": {"method": "window", "lower": -125.0, "upper": 275.0},
    },
}
TINY_LABELS = [
    {"value": 1, "name": "Outer part", "color": [10, 20, 30], "terminology": {"type": ["SCT", "53085002", "Outer"]}},
    {"value": 2, "name": "Wall", "color": [40, 50, 60], "terminology": {"type": ["SCT", "74281007", "Wall"]}},
    {"value": 3, "name": "Inner part", "color": [70, 80, 90], "terminology": {"type": ["SCT", "87878005", "Inner"]}},
]


@pytest.fixture
def handlers() -> Iterator[None]:
    """Restores after the test the handlers of the signals that a command handles."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of the shared data sets; only tests marked ``data`` may use it."""
    folder = Path(os.environ.get("DINSEGMENT_DATA") or REPOSITORY.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no shared data at {folder} (DINSEGMENT_DATA names another place)")
    return folder


@pytest.fixture(scope="session")
def write_model() -> Callable[..., Any]:
    """Write a model folder with a small network and random fp16 weights, under which every label wins somewhere."""

    def write(folder: Path, kind: str, **changes: Any) -> Any:
        import torch

        from DINSegmentLib.model import read_manifest
        from DINSegmentLib.model.config import NetworkConfig
        from DINSegmentLib.network import DIN

        torch.manual_seed(11)
        network = DIN(NetworkConfig.from_dict({**TINY_NETWORK, "deep_supervision": False})).eval()
        with torch.no_grad():  # random heads prefer one class everywhere: bring the scores around 0
            network.decode.head.weight *= 20
            network.decode.head.bias.zero_()
            bias = network(torch.rand(2, 1, 64, 64), torch.rand(2, 1, 64, 64)).mean(dim=(0, 2, 3))
            network.decode.head.bias -= bias
        folder.mkdir(parents=True)
        torch.save({name: value.half() for name, value in network.state_dict().items()}, folder / "weights.pt")
        manifest = {
            "schema": 1, "id": f"tiny-{kind}", "version": "1", "title": "Tiny", "modality": "MR", **KINDS[kind],
            "labels": TINY_LABELS, "spacing": 1.5,
            "enhancement": {
                "method": "log", "strength": 1.0, "trained_methods": ["log", "none"], "trained_range": [0.0, 1.5],
            },
            "network": TINY_NETWORK, "cleanup": [],
            "weights": {
                "file": "weights.pt", "sha256": hashlib.sha256((folder / "weights.pt").read_bytes()).hexdigest(),
            },
            "licence": "", "citation": [], "training_data": "", "validation": {}, **changes,
        }  # fmt: skip
        (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        return read_manifest(folder)

    return write


@pytest.fixture(scope="session")
def tiny_model(write_model: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small model for stacks, three labels."""
    return write_model(tmp_path_factory.mktemp("models") / "tiny", "stack").folder


@pytest.fixture(scope="session")
def voxels() -> np.ndarray:
    """(K, J, I): a bright ring in noise, no symmetry."""
    rng = np.random.default_rng(3)
    k, j, i = np.mgrid[:6, :40, :36]
    radius = np.hypot(j - 17, i - 20 - k)
    return (rng.integers(0, 200, k.shape) + 500 * (radius < 12) - 300 * (radius < 6)).astype(np.int16)


@pytest.fixture
def write(tmp_path: Path, voxels: np.ndarray) -> Callable[..., Path]:
    """Write a volume under ``tmp_path``, as the kind of file that its name says, with an affine for NIfTI."""

    def write_file(name: str, array: np.ndarray | None = None, affine: np.ndarray | None = None) -> Path:
        path, array = tmp_path / name, voxels if array is None else array
        if ".nii" in name.lower():
            affine = np.diag([-1.4, -1.3, 8.0, 1.0]) if affine is None else affine
            nibabel.save(nibabel.Nifti1Image(array.T, affine), path)
            return path
        image = sitk.GetImageFromArray(array)
        image.SetSpacing((1.4, 1.3, 8.0)[: image.GetDimension()])
        sitk.WriteImage(image, str(path))
        return path

    return write_file


@pytest.fixture
def write_series(tmp_path: Path, voxels: np.ndarray) -> Callable[..., Path]:
    """Write the volume as a DICOM series into a folder, which may hold another one; returns the folder."""

    def write_folder(name: str, series: int = 1, modality: str = "MR") -> Path:
        (tmp_path / name).mkdir(exist_ok=True)
        writer = sitk.ImageFileWriter()
        writer.KeepOriginalImageUIDOn()
        for k, plane in enumerate(voxels):
            image = sitk.GetImageFromArray(plane)
            image.SetSpacing((1.4, 1.3))
            values = {
                "0008|0016": "1.2.840.10008.5.1.4.1.1.4", "0008|0060": modality, "0020|000d": "2.25.1",
                "0020|000e": f"2.25.2.{series}", "0020|0011": str(series), "0008|0018": f"2.25.{series}.{k}",
                "0020|0013": str(k + 1), "0020|0037": r"1\0\0\0\1\0", "0020|0032": rf"0\0\{8 * k}",
            }  # fmt: skip
            for tag, value in values.items():
                image.SetMetaData(tag, value)
            writer.SetFileName(str(tmp_path / name / f"{series}-{9 - k}.dcm"))
            writer.Execute(image)
        return tmp_path / name

    return write_folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # the simulated interface stays in the process, with views that tests of the scene do not expect
    items.sort(key=lambda item: item.path.parent.name == "panel")
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
    """Turn a skip into a failure that keeps the reason; an expected failure (xfail) is not a skip."""
    if os.environ.get("DINSEGMENT_CI") == "1" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI allows only to tests marked {', '.join(MAY_SKIP)}: {report.longrepr}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    marks = (getattr(report, "keywords", ()) for report in terminalreporter.getreports("skipped"))  # a file has none
    counts = Counter(next((name for name in MAY_SKIP if name in keywords), "other") for keywords in marks)
    terminalreporter.write_line("Skips: " + ", ".join(f"{counts[name]} {name}" for name in (*MAY_SKIP, "other")) + ".")
    seconds: Counter[str] = Counter()
    for report in [report for reports in terminalreporter.stats.values() for report in reports]:
        if isinstance(report, pytest.TestReport):  # set-up, test and clean-up have one each
            folder = Path(report.nodeid.partition("::")[0]).parent.name
            seconds["others" if folder == "Testing" else folder] += report.duration
    if seconds:
        terminalreporter.write_line(
            "Seconds: " + ", ".join(f"{folder} {spent:.0f}" for folder, spent in seconds.most_common()) + "."
        )
