"""`dinsegment segment` with several processes and with a Dask scheduler: the same results, and nothing lost."""

import json
import os
import signal
import socket
import time
from contextlib import suppress

import numpy as np
import pytest

from DINSegmentLib.batch import cluster, processes
from DINSegmentLib.batch.case import Case, Output
from DINSegmentLib.engine.parameters import Parameters

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

    class Pool(processes.Pool):
        def __init__(self, count):
            inputs[-1].unlink()
            super().__init__(count)

    monkeypatch.setattr(processes, "Pool", Pool)
    outcome = segment(*inputs, *FORMAT, "--workers", 2)
    assert outcome.code == 1 and "7 of 9 done" in outcome.out
    assert "constant" in outcome.err and "gone.nrrd does not exist" in outcome.err
    assert segment(*inputs, *FORMAT, "--output", tmp_path / "one").code == 1
    same(tmp_path / "out", tmp_path / "one")
    assert (tmp_path / "out" / "function.csv").read_bytes() == (tmp_path / "one" / "function.csv").read_bytes()


@pytest.fixture
def tasks(cases, tiny_model, tmp_path):
    """Of the six cases, with the small model, into ``tmp_path/out``."""
    return [
        processes.Task(
            Case(path, path.stem, tmp_path / "out", (Output("nii.gz", ".nii.gz"), Output("json", ".json"))),
            tiny_model,
            Parameters(),
            "cpu",
            False,
            False,
        )
        for path in cases
    ]


def test_a_process_that_is_killed_costs_no_case(tasks):
    with processes.Pool(2) as pool:
        os.kill(pool._processes[0].pid, signal.SIGKILL)
        done = {case.name: record for case, record in pool.run(tasks, lambda: False)}
    assert sorted(done) == [f"case{n}" for n in range(6)]
    assert all(record["outputs"] == [f"{name}.nii.gz", f"{name}.json"] for name, record in done.items())


def test_a_case_that_ends_its_process_is_given_up_and_costs_no_other(tasks, monkeypatch, tmp_path):
    """As the system does it where memory is short: the process is killed whenever it begins with this case."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal\n"
        "from DINSegmentLib.batch import steps\n"
        "run = steps.run\n"
        "def fall(one, *more):\n"
        "    return os.kill(os.getpid(), signal.SIGKILL) if one.name == 'case3' else run(one, *more)\n"
        "steps.run = fall\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    with processes.Pool(2) as pool:
        done = {case.name: record for case, record in pool.run(tasks, lambda: False)}
    assert "case3.nrrd crashed its process 3 times" in done.pop("case3")["error"]
    assert len(done) == 5 and not any("error" in record for record in done.values())


@pytest.mark.skipif(not os.path.isdir("/proc/net"), reason="sockets are listed by Linux")
def test_several_processes_open_no_socket(tasks):
    def sockets(pid):
        links = set()
        for number in os.listdir(f"/proc/{pid}/fd"):
            with suppress(FileNotFoundError):  # closed meanwhile
                links.add(os.readlink(f"/proc/{pid}/fd/{number}"))
        return {link for link in links if link.startswith("socket:")}

    before = sockets("self")
    with processes.Pool(2) as pool:
        seen = set()
        for _ in pool.run(tasks, lambda: False):
            seen |= sockets("self") - before
            seen |= {one for process in pool._processes for one in sockets(process.pid)} - before
    assert seen == set()


def test_no_code_that_lies_in_the_current_folder_runs(tasks, tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text(f"open({str(tmp_path / 'it ran')!r}, 'w')", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with processes.Pool(1) as pool:
        ((_, record),) = pool.run(tasks[:1], lambda: False)
    assert "error" not in record and not (tmp_path / "it ran").exists()


def test_the_processes_end_when_their_command_is_killed(start):
    process = start(["-c", _HOLD])
    pids = [int(number) for number in process.stdout.readline().split()]
    assert len(pids) == 2
    process.kill()
    end = time.monotonic() + 20
    while any(os.path.exists(f"/proc/{pid}") for pid in pids):
        assert time.monotonic() < end, "a process outlived its command"
        time.sleep(0.1)


_HOLD = """
import time
from DINSegmentLib.batch.processes import Pool
with Pool(2) as pool:
    print(*(one.pid for one in pool._processes), flush=True)
    time.sleep(60)
"""


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
    assert "6 of 6 done" in out and "2 workers of a Dask cluster; dashboard: http://127.0.0.1:" in out
    assert "The Dask scheduler is not encrypted" in err
    same(tmp_path / "out", tmp_path / "one")


def test_a_scheduler_that_is_not_there_or_silent_is_given_up(segment, cases, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "_SECONDS", 2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(5)
        for address in ("tcp://127.0.0.1:9", f"tcp://127.0.0.1:{silent.getsockname()[1]}"):
            before = time.monotonic()
            outcome = segment(*cases, *FORMAT, "--scheduler", address)
            assert outcome.code == 2 and f"No Dask scheduler answers at {address}" in outcome.err
            assert time.monotonic() - before < 20
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ["{}", "[]", "[" * 100_000, '{"address": 5}', ""])
def test_a_text_that_is_no_scheduler_file_is_refused(text, segment, cases, tmp_path):
    (tmp_path / "s.json").write_text(text, encoding="utf-8")
    outcome = segment(*cases, *FORMAT, "--scheduler", tmp_path / "s.json")
    assert outcome.code == 2 and "s.json is not a scheduler file" in outcome.err


@pytest.fixture
def certificates(tmp_path, monkeypatch):
    """Keys of a cluster for TLS, as the guide makes them, in files that Dask's settings name."""
    from distributed import Security

    made = Security.temporary()
    for name, content in (("ca", made.tls_ca_file), ("cert", made.tls_client_cert), ("key", made.tls_client_key)):
        (tmp_path / f"{name}.pem").write_text(content, encoding="utf-8")
    flat = {"CA_FILE": str(tmp_path / "ca.pem")}
    for role in ("CLIENT", "SCHEDULER", "WORKER"):
        flat |= {f"{role}__CERT": str(tmp_path / "cert.pem"), f"{role}__KEY": str(tmp_path / "key.pem")}
    for name, value in flat.items():
        monkeypatch.setenv(f"DASK_DISTRIBUTED__COMM__TLS__{name}", value)
    import dask

    dask.config.refresh()
    yield
    monkeypatch.undo()
    dask.config.refresh()


def test_a_cluster_with_tls_does_the_work_and_takes_nobody_without_the_key(
    certificates, segment, cases, scheduler, tmp_path, monkeypatch
):
    import dask

    file, _ = scheduler("", protocol="tls")
    address = json.loads(file.read_text(encoding="utf-8"))["address"]
    assert address.startswith("tls://127.0.0.1:")
    outcome = segment(*cases, *FORMAT, "--scheduler", file)
    assert outcome.code == 0 and "is open" not in outcome.err, outcome.err
    with dask.config.set({"distributed.comm.tls.client.cert": None, "distributed.comm.tls.client.key": None}):
        monkeypatch.setattr(cluster, "_SECONDS", 5)
        refused = segment(*cases, *FORMAT, "--output", tmp_path / "other", "--scheduler", address)
    assert refused.code == 2 and "No Dask scheduler answers" in refused.err


def test_a_live_worker_of_another_version_is_told(segment, cases, scheduler, tmp_path):
    from DINSegmentLib import __version__

    file, _ = scheduler("0.0.7")
    outcome = segment(*cases, *FORMAT, "--scheduler", file)
    assert (
        outcome.code == 2
        and f"has DINSegment 0.0.7, but this machine has {__version__}: install the same" in outcome.err
    )
    assert not list((tmp_path / "out").glob("*"))


def test_a_worker_that_cannot_take_part_is_told_with_the_path(tmp_path):
    from DINSegmentLib import __version__
    from DINSegmentLib.batch.cluster import _fault

    missing = str(tmp_path / "none.nrrd")
    assert f"cannot read {missing}" in _fault(__version__, [missing], [], str(tmp_path))
    assert "install the same version" in _fault("0.0", [], [], str(tmp_path))
    assert _fault(__version__, [], [], str(tmp_path / "new" / "deeper")) == ""
