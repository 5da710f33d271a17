"""Ctrl-C, SIGTERM and SIGHUP: the run ends after the batch of slices, keeps what is finished, says how to resume."""

import json
import os
import shlex
import signal
import sys
import time
import zipfile

import numpy as np
import pytest

from DINSegmentLib.batch import interrupts

TABLES = {"statistics.csv", "statistics.parquet", "summary.json", "report.html", "report"}
SECONDS = 30  # for the end after an interrupt; the whole run takes longer only on a slow machine


@pytest.fixture
def large(write):
    """Write a volume of many batches."""

    def make(name, seed=0):
        return write(name, np.random.default_rng(seed).integers(0, 99, (80, 160, 160)).astype(np.uint8))

    return make


@pytest.fixture
def begin(start, tiny_model):
    """Start `dinsegment segment` with JSON lines in a separate process group, as a terminal does."""

    def run(*arguments):
        defaults = ("--model", tiny_model, "--output", "out", "--format", "nii.gz", "--device", "cpu", "--json")
        return start(["-m", "DINSegmentLib", "segment", *arguments, *defaults], process_group=0)

    return run


def wait_for(process, wanted):
    for line in process.stdout:
        event = json.loads(line)
        if wanted(event):
            return
    raise AssertionError(process.stderr.read())


def inside(case):
    return lambda event: event["event"] == "progress" and event["case"] == case and 0 < event["done"] < event["total"]


def ended(process):
    """The events after an interrupt."""
    before = time.monotonic()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert err == ""
    assert time.monotonic() - before < SECONDS
    return [json.loads(line) for line in out.splitlines()]


def outcomes(folder):
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return [one["outcome"] for one in summary["inputs"]]


def test_it_ends_after_the_batch_and_goes_on_to_the_same_bytes(begin, segment, write, large, tmp_path):
    inputs = [write("first.nrrd"), large("second.nrrd"), write("third.nrrd")]
    process = begin(*inputs)
    wait_for(process, inside("second"))
    process.send_signal(signal.SIGINT)

    events = ended(process)

    batches = [event for event in events if event["event"] == "progress"]
    assert len(batches) <= 2 and all(inside("second")(event) for event in batches)
    assert events[-1]["event"] == "error"
    sentence, again = events[-1]["message"].split("\n")
    assert sentence.startswith("Interrupted: 1 of 3 done") and "Re-run the same command to resume" in sentence
    assert shlex.split(again)[:4] == [sys.executable, "-m", "DINSegmentLib", "segment"]
    out = tmp_path / "out"
    assert {path.name for path in out.iterdir()} == {"first.nii.gz", "first.json", *TABLES}
    assert outcomes(out) == ["done", "cancelled", "cancelled"]

    assert segment(*inputs, "--format", "nii.gz").code == 0
    assert outcomes(out) == ["resumed", "done", "done"]
    assert segment(*inputs, "--format", "nii.gz", "--output", tmp_path / "whole").code == 0
    for name in ("first.nii.gz", "second.nii.gz", "third.nii.gz", "statistics.csv"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


@pytest.mark.parametrize("wanted", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_single_file_leaves_nothing(wanted, begin, large, tmp_path):
    process = begin(large("only.nrrd"))
    wait_for(process, inside("only"))
    process.send_signal(getattr(signal, wanted))
    assert ended(process)[-1]["message"].startswith("Interrupted: 0 of 1 done")
    assert not (tmp_path / "out").exists()


def test_a_closed_terminal_leaves_no_images_of_an_archive(begin, large, tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "exam.zip", "w") as archive:
        archive.write(large("only.nrrd"), "only.nrrd")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    process = begin(tmp_path / "exam.zip")
    wait_for(process, inside("only"))
    assert list(temporary.rglob("only.nrrd"))
    process.send_signal(signal.SIGHUP)
    ended(process)
    assert not list(temporary.rglob("only.nrrd"))


def test_a_hangup_that_nohup_ignores_stays_ignored(command, capfd):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    assert command("models").code == 0
    with interrupts.on_interrupt() as stop:
        os.kill(os.getpid(), signal.SIGHUP)
        time.sleep(0.2)
        assert not stop() and not capfd.readouterr().err
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


@pytest.mark.parametrize("mode", ["--workers", "--scheduler"])
def test_several_processes_end_too(mode, begin, segment, write, large, scheduler, tmp_path):
    inputs = [write("a.nrrd"), *(large(f"b{number}.nrrd", number) for number in range(3))]
    file, others = scheduler("", "") if mode == "--scheduler" else (2, [])
    process = begin(*inputs, mode, file)
    wait_for(process, lambda event: event["event"] == "done")  # two large ones at least are not
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does; the scheduler and its workers have another one

    message = ended(process)[-1]["message"]

    out = tmp_path / "out"
    told = outcomes(out)
    assert message.startswith(f"Interrupted: {told.count('done')} of 4 done") and "cancelled" in told
    done = {path.stem for path in out.glob("*.json")} - {"summary"}
    names = {f"{name}.{suffix}" for name in done for suffix in ("nii.gz", "json")}
    assert {path.name for path in out.iterdir()} == names | TABLES and len(done) == told.count("done")
    assert [other.poll() for other in others] == [None] * len(others)  # they wait for the next run

    for name in done:
        assert "already segmented, skipped" in segment(tmp_path / f"{name}.nrrd", "--format", "nii.gz").out


def test_a_second_interrupt_ends_at_once_and_then_all_is_as_before(capfd):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with pytest.raises(KeyboardInterrupt), interrupts.on_interrupt() as stop:
        assert not stop()
        os.kill(os.getpid(), signal.SIGINT)
        assert stop() and "interrupt again" in capfd.readouterr().err
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(1)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--overwrite",), "Because of --overwrite, the same command segments all cases again."),
        (("--anonymous",), "Re-run the same command to resume."),
        ((), "Re-run the same command to resume"),
    ],
)
def test_how_to_go_on_suits_the_options(options, told, segment, write, monkeypatch, tmp_path):
    from DINSegmentLib.batch import steps

    def interrupt(*arguments, **values):
        raise KeyboardInterrupt

    monkeypatch.setattr(steps, "segment", interrupt)
    monkeypatch.setattr(sys, "argv", ["/bin/dinsegment"])
    outcome = segment(write("a.nrrd"), write("b.nrrd"), *options)
    assert outcome.code == 130 and told in outcome.err and "0 of 2 done" in outcome.err
    if "--anonymous" in options:
        assert str(tmp_path) not in outcome.err
    if not options:
        assert "\n/bin/dinsegment segment --model" in outcome.err
