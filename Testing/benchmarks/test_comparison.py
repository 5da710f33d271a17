"""DIN beside other packages: the tables, what is refused, and MONAI's part; nnU-Net is in an environment of its own."""

import sys

import numpy as np
import pytest

from benchmarks import bench, comparison, rivals
from DINSegmentLib.errors import InputError

_COMMON = {"device": "cpu", "precision": "float32", "cpu_seconds": 1.0, "peak_mb": 700.2, "repeats": 3}


def test_the_table_gives_each_package_its_ratio_to_din():
    records = [
        {"name": "DIN, cardiac-mr", "seconds": 0.2, **_COMMON}, {"name": "nnU-Net v2 2-D", "seconds": 2.1, **_COMMON},
        {"name": "MONAI U-Net 2-D", "error": "No module named 'monai'"},
    ]  # fmt: skip
    lines = comparison.format_comparison(records).splitlines()

    assert lines[3].split()[-5:] == ["float32", "0.20", "1.0", "700", "MB"]
    assert lines[4].split()[-5:] == ["float32", "2.10", "10.5", "700", "MB"]
    assert lines[-1] == "MONAI U-Net 2-D failed: No module named 'monai'"


def test_the_table_of_sizes_gives_the_time_of_a_slice():
    record = {"name": "8 x 256 x 256", "seconds": 0.4, "forward_seconds": 0.32, "overhead": 0.25, **_COMMON}
    line = comparison.format_sizes([record]).splitlines()[-1]

    assert line.split()[-5:] == ["0.40", "50.0", "25%", "700", "MB"]


def test_a_python_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="make bench-env"):
        comparison.beside_others(tmp_path / "python")


def test_a_rival_whose_package_is_missing_is_named():
    answer = bench.answer("nnU-Net v2 2-D", [sys.executable, "-m", "benchmarks.rivals", "nnU-Net v2 2-D"])

    assert "nnunetv2" in answer["error"]


def test_a_rival_is_measured_on_the_volume_it_is_given():
    volume = np.random.default_rng(0).integers(0, 900, (2, 64, 64)).astype(np.int16)
    record = rivals.measure("MONAI U-Net 2-D", volume, 1)

    assert record["seconds"] > 0 and record["peak_mb"] > 50 and record["repeats"] == 1
    assert rivals.monai_unet()(volume).max() < rivals.CLASSES


def test_every_rival_of_the_table_can_be_measured():
    assert tuple(rivals.RIVALS) == comparison._RIVALS
