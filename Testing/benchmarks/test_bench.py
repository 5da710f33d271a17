"""`bench`: content of its records; nothing here is timed."""

import json
import os
from importlib.metadata import version

import pytest

from benchmarks import bench


@pytest.fixture(scope="module")
def records():
    return {one["name"]: one for one in bench.run(quick=True)}


def test_every_measurement_is_a_whole_record(records):
    assert list(records) == ["cardiac-2x64x64", "cine-2x2x64x64", "ct-2x64x64", "segment-sample"]
    for one in records.values():
        assert "error" not in one, one
        assert one["seconds"] > one["forward_seconds"] > 0
        assert one["cpu_seconds"] > 0 and one["peak_mb"] > 50 and one["repeats"] == 1
        assert one["device"].split(":")[0] in ("cpu", "cuda", "mps")
        assert one["precision"] in ("bfloat16", "float16", "float32")


def test_overhead_is_what_the_engine_adds_to_the_network(records):
    for name in ("cardiac-2x64x64", "cine-2x2x64x64", "ct-2x64x64"):
        one = records[name]
        assert one["overhead"] == pytest.approx(one["seconds"] / one["forward_seconds"] - 1)
    assert records["segment-sample"]["overhead"] is None


def test_the_command_takes_longer_than_its_network_by_the_start_of_a_process(records):
    assert records["segment-sample"]["seconds"] > records["segment-sample"]["forward_seconds"] + 0.5


def test_records_survive_json(records):
    assert json.loads(json.dumps(records, allow_nan=False)) == records


def test_a_measurement_that_fails_says_why_and_the_others_go_on():
    found = bench.run(quick=True, device="cuda:99")

    assert len(found) == 4
    assert all(set(one) == {"name", "error"} and "cuda:99" in one["error"] for one in found)


def test_full_measurements_are_those_that_the_readme_names():
    shapes = {name: (one.frames, *one.shape) for name, one in bench._ENGINE.items()}
    assert shapes == {
        "cardiac-10x256x216": (1, 10, 256, 216),
        "cine-25x10x256x216": (25, 10, 256, 216),
        "ct-100x512x512": (1, 100, 512, 512),
    }


def test_the_table_has_a_line_for_each_record_and_a_note_for_what_failed():
    good = {
        "name": "ct", "device": "cpu", "precision": "bfloat16", "seconds": 8.0, "forward_seconds": 5.0,
        "overhead": 0.6, "cpu_seconds": 15.0, "peak_mb": 1500.4, "repeats": 3,
    }  # fmt: skip
    command = good | {"name": "command", "overhead": None, "peak_mb": None}
    lines = bench.format_table([good, command, {"name": "broken", "error": "Weights are missing."}]).splitlines()

    assert lines[3].split() == ["ct", "cpu", "bfloat16", "8.00", "5.00", "60%", "1500", "MB"]
    assert lines[4].split() == ["command", "cpu", "bfloat16", "8.00", "5.00"]
    assert lines[-1] == "broken failed: Weights are missing."


def test_the_machine_is_named_with_cores_bfloat16_and_torch():
    line = bench.machine()
    assert f"torch {version('torch')}" in line
    assert f"{len(os.sched_getaffinity(0))} cores" in line or not hasattr(os, "sched_getaffinity")
    assert any(f"bfloat16: {kind}" in line for kind in ("amx_bf16", "avx512_bf16", "none"))
