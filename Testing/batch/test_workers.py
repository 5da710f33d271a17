"""The automatic number of processes: from constructed inputs, and in the command."""

import sys
from dataclasses import replace

import pytest

from DINSegmentLib import memory
from DINSegmentLib.batch import plan as dryrun
from DINSegmentLib.batch import processes, workers
from DINSegmentLib.cli import parser
from DINSegmentLib.errors import InputError

GB = 10**9
FOUR_CORES = workers.Machine("cpu", threads=4, free=100 * GB, is_program=True)


def test_many_cases_get_a_process_for_each_thread():
    choice = workers.choose([GB] * 100, FOUR_CORES)
    assert choice.workers == 4
    assert choice.text.startswith("100 cases with 4 processes of one thread each") and "--workers 1" in choice.text


def test_few_cases_get_one_without_a_word():
    assert workers.choose([GB] * 99, FOUR_CORES) == workers.Choice(1)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"is_program": False}, "runs within another program"),
        ({"device": "cuda:0"}, "the network runs on cuda:0"),
        ({"threads": 1}, "one thread is available"),
        ({"free": None}, "free memory is not known"),
        ({"free": 2 * GB - 1}, "not sufficient for two"),
    ],
)
def test_one_process_where_several_are_of_no_use_and_why(change, reason):
    choice = workers.choose([GB] * 100, replace(FOUR_CORES, **change))
    assert choice.workers == 1 and reason in choice.text and "--workers 2" in choice.text


def test_a_device_that_is_not_there_is_left_to_the_first_case_to_tell():
    assert workers.choose([GB] * 100, replace(FOUR_CORES, device=None)) == workers.Choice(1)
    assert workers.here("cuda:99", True).device is None


def test_the_largest_case_must_fit_as_often_as_there_are_processes():
    sizes = [GB] * 99 + [3 * GB]
    assert workers.choose(sizes, replace(FOUR_CORES, free=11 * GB)).workers == 3
    assert workers.choose(sizes, replace(FOUR_CORES, free=12 * GB)).workers == 4


@pytest.mark.parametrize(
    ("groups", "files", "cores"),
    [
        ("0::/job", {"job/cpu.max": "200000 100000"}, 2),
        ("0::/job", {"job/cpu.max": "max 100000", "cpu.max": "150000 100000"}, 1),
        ("0::/job", {"job/cpu.max": "max 100000"}, 4),
        (
            "3:cpu,cpuacct:/job",
            {"cpu/job/cpu.cfs_quota_us": "300000", "cpu/job/cpu.cfs_period_us": "100000"},
            3,
        ),
        ("3:cpu,cpuacct:/job", {"cpu/job/cpu.cfs_quota_us": "-1", "cpu/job/cpu.cfs_period_us": "100000"}, 4),
    ],
)
def test_in_a_container_its_share_of_the_cores_counts(groups, files, cores, tmp_path, monkeypatch):
    for name, content in files.items():
        (tmp_path / "fs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "fs" / name).write_text(f"{content}\n", encoding="utf-8")
    (tmp_path / "groups").write_text(f"{groups}\n", encoding="utf-8")
    monkeypatch.setattr(memory, "_CGROUP", tmp_path / "groups")
    monkeypatch.setattr(memory, "_CGROUPS", tmp_path / "fs")
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    monkeypatch.setattr("torch.get_num_threads", lambda: 8)
    assert workers.here("cpu", True).threads == cores


def test_many_cores_get_no_more_than_eight():
    assert workers.choose([GB] * 1000, replace(FOUR_CORES, threads=64)).workers == 8


@pytest.fixture
def run(tmp_path, tiny_model, write, monkeypatch, handlers):
    """`dinsegment segment` as the program of two tiny volumes, which count as many, on a machine of four cores."""
    monkeypatch.setattr(workers, "ENOUGH_CASES", 2)
    monkeypatch.setattr(workers, "here", lambda device, is_program: replace(FOUR_CORES, is_program=is_program))
    inputs = [str(write("a.nrrd")), str(write("b.nrrd"))]
    arguments = ["segment", *inputs, "--model", str(tiny_model), "--output", str(tmp_path / "out"), "--device", "cpu"]

    def call(*more, within=False):
        monkeypatch.setattr(sys, "argv", ["dinsegment", *arguments, *more])
        return parser.main([*arguments, *more] if within else None)

    return call


@pytest.fixture
def asked(monkeypatch):
    """Of the processes that a run asks for, how many; it gets none."""
    counts = []

    def refuse(count):
        counts.append(count)
        raise InputError("No processes today: try another day.")

    monkeypatch.setattr(processes, "Pool", refuse)
    return counts


@pytest.mark.parametrize(
    ("arguments", "within", "count"),
    [((), False, 2), (("--workers", "2"), True, 2), (("--workers", "1"), False, None), ((), True, None)],
)
def test_the_command_does_as_chosen_or_as_asked(arguments, within, count, run, asked, capfd):
    code = run(*arguments, within=within)
    told = capfd.readouterr().out
    assert (code, asked) == ((0, []) if count is None else (2, [count]))
    assert ("with 4 processes" in told) == (not arguments and not within)
    assert ("within another program" in told) == (not arguments and within)


def test_a_dry_run_reckons_with_the_processes_of_the_run(run, capfd):
    assert run("--dry-run") == 0
    several = capfd.readouterr().out
    assert "by 4 processes on cpu" in several and "Use --workers 1" in several and "2.1 GB" in several
    assert run("--dry-run", "--workers", "1") == 0
    one = capfd.readouterr().out
    assert "one after the other on cpu" in one and "--workers" not in one and "1.1 GB" in one


def test_time_is_shared_by_the_processes_which_start_later(tmp_path, write, monkeypatch):
    from DINSegmentLib.inputs.search import find
    from DINSegmentLib.model import find_model

    monkeypatch.setattr("torch.get_num_threads", lambda: 1)
    found = find([write(f"{name}.nrrd") for name in "abcd"])
    one, two = (dryrun.describe(found, find_model("cardiac-mr"), "cpu", workers=count)["total"] for count in (1, 2))
    assert (one["workers"], two["workers"]) == (1, 2)
    assert two["seconds"] - 7 == pytest.approx((one["seconds"] - 3) / 2, abs=0.1)
    assert two["peak_bytes"] == 2 * one["peak_bytes"]


def test_processes_that_cannot_be_started_are_reported(monkeypatch):
    def fail(*arguments, **settings):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr("subprocess.Popen", fail)
    with pytest.raises(InputError, match="2 processes cannot be started here .*not permitted.*: try --workers 1"):
        processes.Pool(2)
