"""Comparison with other packages: tables, errors, and MONAI's part; nnU-Net needs its own environment."""

import sys

import numpy as np
import pytest
import torch

from benchmarks import bench, comparison, rivals
from benchmarks.cost import matrix_gflop_per_second, network_cost
from DINSegmentLib.errors import InputError

_COMMON = {"device": "cpu", "precision": "float32", "cpu_seconds": 1.0, "peak_mb": 700.2, "repeats": 3}
_NETWORK = {**_COMMON, "million_parameters": 5.75, "gflop": 3.01}


@pytest.fixture
def lines():
    """Of the table of four packages, one of which failed, of a CT and the command."""
    records = [
        {"name": "DIN, cardiac-mr", "seconds": 0.2, "views": 1, "matrix_share": 0.42, **_NETWORK},
        {"name": "DIN, cardiac-mr, mirroring", "seconds": 0.4, "views": 2, "matrix_share": 0.61, **_NETWORK},
        {"name": "nnU-Net v2 2-D", "seconds": 2.1, "views": 1, **_NETWORK},
        {"name": "MONAI U-Net 2-D", "error": "No module named 'monai'"},
        {"name": "nnU-Net v2 2-D", "seconds": 8.0, "views": 4, **_NETWORK},
        {"name": "ct-100x512x512", "seconds": 3.0, "forward_seconds": 2.0, "overhead": 0.5, **_COMMON},
        {"name": "segment-sample", "seconds": 2.0, "overhead": None, "first_line_seconds": 1.1, **_COMMON},
    ]
    return comparison.format_comparison(records).splitlines()


def test_the_table_gives_each_package_its_ratio_to_din_mirrored_or_not(lines):
    assert lines[3].split()[-8:] == ["float32", "1", "0.20", "1.0", "700", "MB", "5.8", "3.0"]
    assert lines[4].split()[-8:] == ["float32", "1", "2.10", "10.5", "700", "MB", "5.8", "3.0"]
    assert lines[6].split()[-8:] == ["float32", "4", "8.00", "20.0", "700", "MB", "5.8", "3.0"]
    assert lines[-1] == "MONAI U-Net 2-D failed: No module named 'monai'"


def test_every_goal_is_printed_as_met_or_missed(lines):
    goals = [line for line in lines if line.endswith(("met", "missed"))]
    ends = ("60% 42% missed", "60% 61% met", "15 x 10.5 x missed", "15 x 20 x met", "25% 50% missed", "1.5 s 1.1 s met")
    assert len(goals) == len(ends)
    assert all(" ".join(line.split()).endswith(end) for line, end in zip(goals, ends, strict=True))


def test_the_cost_of_a_network_is_that_of_its_layers():
    """One 3 x 3 convolution of 8 to 16 channels on 32 x 32 pixels: 9 x 8 x 16 products and sums a pixel."""
    layer = torch.nn.Conv2d(8, 16, 3, padding=1)
    cost = network_cost(layer, torch.rand(1, 8, 32, 32))

    assert cost == {"million_parameters": (9 * 8 * 16 + 16) / 1e6, "gflop": 2 * 9 * 8 * 16 * 32 * 32 / 1e9}
    assert matrix_gflop_per_second("float32") > 1


def test_the_table_of_sizes_gives_the_time_of_a_slice():
    record = {"name": "8 x 256 x 256", "seconds": 0.4, "forward_seconds": 0.32, "overhead": 0.25, **_COMMON}
    line = comparison.format_sizes([record]).splitlines()[-1]

    assert line.split()[-5:] == ["0.40", "50.0", "25%", "700", "MB"]


def test_a_python_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="make bench-env"):
        comparison.beside_others(tmp_path / "python")


def test_a_rival_whose_package_is_missing_is_named():
    answer = bench.answer("nnU-Net v2 2-D", [sys.executable, "-m", "benchmarks.rivals", "nnU-Net v2 2-D", "plain"])

    assert "nnunetv2" in answer["error"]


def test_a_rival_is_measured_on_the_volume_it_is_given():
    volume = np.random.default_rng(0).integers(0, 900, (2, 64, 64)).astype(np.int16)
    record = rivals.measure("MONAI U-Net 2-D", True, volume, 1)

    assert record["seconds"] > 0 and record["peak_mb"] > 50 and record["repeats"] == 1 and record["views"] == 4
    assert 0.1 < record["million_parameters"] < 10 and record["gflop"] > 0.1
    assert rivals.monai_unet(True).segment(volume).max() < rivals.CLASSES


def test_every_rival_of_the_table_can_be_measured():
    assert tuple(rivals.RIVALS) == comparison._RIVALS
