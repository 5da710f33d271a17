"""`dinsegment segment` with several processes and with a Dask scheduler: the same results, and nothing lost."""

import os
import signal
import time

import numpy as np
import pytest

from DINSegmentLib.batch import cluster

FORMAT = ("--format", "nii.gz")


@pytest.fixture
def cases(write, voxels):
    return [write(f"case{n}.nrrd", np.roll(voxels, n, axis=1)) for n in range(6)]


def same(one, other):
    names = sorted(path.name for path in one.glob("*.nii.gz"))
    assert names and names == sorted(path.name for path in other.glob("*.nii.gz"))
    for name in (*names, "statistics.csv"):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


def test_two_processes_give_the_bytes_that_one_gives(segment, cases, tmp_path, write, voxels, monkeypatch):
    broken = write("flat.nrrd", np.full((4, 8, 8), 7, np.int16))
    cine = write("cine.nii.gz", np.stack([voxels, np.roll(voxels, 2, axis=2)]))
    inputs = (*cases, cine, broken, write("gone.nrrd"))
    describe = cluster.describe

    def and_meanwhile(client):
        inputs[-1].unlink()
        return describe(client)

    monkeypatch.setattr(cluster, "describe", and_meanwhile)
    outcome = segment(*inputs, *FORMAT, "--workers", 2)
    assert outcome.code == 1 and "7 of 9 done" in outcome.out
    assert "constant" in outcome.err and "gone.nrrd does not exist" in outcome.err
    assert segment(*inputs, *FORMAT, "--output", tmp_path / "one").code == 1
    same(tmp_path / "out", tmp_path / "one")
    assert (tmp_path / "out" / "function.csv").read_bytes() == (tmp_path / "one" / "function.csv").read_bytes()


def test_a_worker_that_is_killed_costs_no_case(segment, cases, scheduler, tmp_path, start, tiny_model):
    file, workers = scheduler("", "")
    assert segment(*cases, *FORMAT, "--output", tmp_path / "one").code == 0
    process = start(
        ["-m", "DINSegmentLib", "segment", *cases, "--model", tiny_model, "--output", tmp_path / "out",
         *FORMAT, "--device", "cpu", "--scheduler", file]
    )  # fmt: skip
    end = time.monotonic() + 60
    while not list((tmp_path / "out").glob("*.nii.gz")):
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.01)
    os.kill(workers[0].pid, signal.SIGKILL)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "6 of 6 done" in out and "2 workers of a Dask cluster; to watch: http://127.0.0.1:" in out
    same(tmp_path / "out", tmp_path / "one")


def test_a_scheduler_that_is_not_there_is_told(segment, cases, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "_WAIT", "1s")
    outcome = segment(*cases, *FORMAT, "--scheduler", "tcp://127.0.0.1:9")
    assert outcome.code == 2 and "No Dask scheduler answers at tcp://127.0.0.1:9" in outcome.err
    assert not (tmp_path / "out").exists()


def test_a_live_worker_of_another_version_is_told(segment, cases, scheduler, tmp_path):
    from DINSegmentLib import __version__

    file, _ = scheduler("0.0.7")
    outcome = segment(*cases, *FORMAT, "--scheduler", file)
    assert outcome.code == 2 and f"has DINSegment 0.0.7, and this is {__version__}: install the same" in outcome.err
    assert not list((tmp_path / "out").glob("*"))


def test_a_worker_that_cannot_take_part_is_told_with_the_path(tmp_path):
    from DINSegmentLib import __version__
    from DINSegmentLib.batch.cluster import _fault

    missing = str(tmp_path / "none.nrrd")
    assert f"cannot read {missing}" in _fault(__version__, [missing], [], str(tmp_path))
    assert "install the same version" in _fault("0.0", [], [], str(tmp_path))
    assert _fault(__version__, [], [], str(tmp_path / "new" / "deeper")) == ""
