"""Output for people and programs: a bar in a terminal, plain lines in a pipe, JSON lines."""

import io
import json
import logging
import os
import shlex
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from DINSegmentLib import console
from DINSegmentLib.console import Console, printable


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until the test moves it."""
    now = [100.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    return now


def test_terminal_shows_a_bar_that_is_gone_before_anything_else_is_said(clock):
    out, err = io.StringIO(), Terminal()
    shown = Console(out=out, err=err)

    shown.progress("heart", 0, 10)
    clock[0] += 4
    shown.progress("heart", 5, 10)
    assert err.getvalue().endswith(f"[{'#' * 15}{'.' * 15}] heart: 5 of 10 slices, 4 s left")
    shown.warn("take care.")
    assert err.getvalue().endswith("\r\x1b[KWarning: take care.\n")
    shown.progress("heart", 10, 10)
    assert err.getvalue().endswith("\r\x1b[K")
    assert out.getvalue() == ""


def test_pipe_gets_a_plain_line_every_ten_seconds_at_most(clock):
    err = io.StringIO()
    shown = Console(out=io.StringIO(), err=err)

    for done in range(31):
        shown.progress("heart", done, 30)
        clock[0] += 1

    lines = ["heart: 10 of 30 slices, 20 s left", "heart: 20 of 30 slices, 10 s left"]
    assert err.getvalue().splitlines() == lines


def test_a_new_case_starts_its_own_clock(clock):
    err = Terminal()
    shown = Console(out=io.StringIO(), err=err)
    shown.progress("a", 0, 2)
    clock[0] += 60
    shown.progress("b", 0, 2)
    clock[0] += 3
    shown.progress("b", 1, 2)
    assert err.getvalue().endswith("b: 1 of 2 slices, 3 s left")


def test_cases_that_others_do_are_counted_with_the_last_one_and_the_time_left(clock):
    err, out = Terminal(), io.StringIO()
    shown, machine = Console(out=io.StringIO(), err=err), Console(machine=True, out=out)
    for console_ in (shown, machine):
        console_.progress("", 0, 20, "cases")
        clock[0] += 90
        console_.progress("heart", 5, 20, "cases")
    assert err.getvalue().endswith("heart: 5 of 20 cases, 4 min left")
    told = {"event": "progress", "case": "heart", "done": 5, "total": 20, "unit": "cases"}
    assert json.loads(out.getvalue().splitlines()[-1]) == told


def test_results_and_errors_go_their_own_ways():
    out, err = io.StringIO(), io.StringIO()
    shown = Console(out=out, err=err)
    shown.event("done", "written.", number=1)
    shown.event("silent")
    shown.error("bad.", input="x")
    assert (out.getvalue(), err.getvalue()) == ("written.\n", "bad.\n")


def test_machine_gets_one_json_object_a_line_and_nothing_beside(clock):
    out, err = io.StringIO(), Terminal()
    shown = Console(machine=True, out=out, err=err)
    shown.progress("h\u00e4rz\udce9\n", 0, 2)
    shown.event("done", "for people", record={"a": [1, None]})
    shown.warn("care.")
    shown.error("bad.", input="x")

    assert [json.loads(line) for line in out.getvalue().splitlines()] == [
        {"event": "progress", "case": "h\u00e4rz\udce9\n", "done": 0, "total": 2},
        {"event": "done", "record": {"a": [1, None]}},
        {"event": "warning", "message": "care."},
        {"event": "error", "message": "bad.", "input": "x"},
    ]
    assert out.getvalue().isascii()  # whatever the machine's encoding is
    assert err.getvalue() == ""


ODD = "x\x1b]0;PWNED\a\x1b[31m\nAll is well\r\x9b\u2028\u202e\udce9"


def test_nothing_that_steers_a_terminal_reaches_it():
    out, err = io.StringIO(), io.StringIO()
    shown = Console(out=out, err=err)
    shown.error(ODD)
    shown.error(ODD, "dinsegment \x1b[2J")
    shown.warn(ODD)
    shown.event("done", ODD)
    shown.text(ODD)
    shown.log_handler().emit(logging.makeLogRecord({"msg": ODD}))
    for done in (0, 1):
        shown.progress(ODD, done, 2)
    told = out.getvalue() + err.getvalue()
    assert all(letter.isprintable() or letter == "\n" for letter in told)
    assert err.getvalue().splitlines()[0] == r"x\x1b]0;PWNED\x07\x1b[31m\nAll is well\r\x9b\u2028\u202e\udce9"


@given(st.text())
def test_a_sentence_is_one_line_and_printable_text_stays(text):
    shown = printable(text)
    assert shown.isprintable() and (shown == text or not text.isprintable())


class Full(io.StringIO):
    def write(self, text):
        raise OSError(28, "No space left on device")


class Ascii(io.TextIOWrapper):
    def __init__(self):
        super().__init__(io.BytesIO(), encoding="ascii")


def test_a_stream_that_takes_nothing_is_no_error():
    closed = io.StringIO()
    closed.close()
    for stream in (Full(), closed):
        shown = Console(out=stream, err=stream)
        shown.event("done", "text")
        shown.warn("text")
        shown.progress("a", 0, 2)
    ascii_ = Ascii()
    Console(out=ascii_).event("done", "hé")
    assert ascii_.buffer.getvalue() == b"h\\xe9\n"


def test_a_reader_that_has_gone_is_told_to_the_caller():
    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        Console(out=Gone()).event("done", "text")


def test_a_stage_says_what_it_does_only_where_it_takes_long(monkeypatch):
    err = io.StringIO()
    monkeypatch.setattr(console, "_QUIET_SECONDS", 0.05)
    with Console(err=err).stage("Looking for inputs"):
        pass
    assert err.getvalue() == ""
    with Console(err=err).stage("Looking for inputs"):
        time.sleep(0.5)
    assert err.getvalue() == "Looking for inputs ...\n"


REDIRECTIONS = {"full": "> /dev/full", "closed": "2>&-", "both closed": ">&- 2>&-", "ascii": ""}


@pytest.mark.faults
@pytest.mark.parametrize("how", REDIRECTIONS)
def test_a_stream_that_cannot_be_written_changes_no_count_and_no_exit_status(how, write, tiny_model, tmp_path):
    (tmp_path / "in").mkdir()
    write("in/hé.nrrd"), write("in/b.nrrd")
    command = [sys.executable, "-m", "DINSegmentLib", "segment", "in", "--model", tiny_model, "--output", "out"]
    line = f"{shlex.join(map(str, command))} --format nii.gz {REDIRECTIONS[how]}"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii" if how == "ascii" else "utf-8", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(line, shell=True, cwd=tmp_path, env=environment, capture_output=True)
    assert done.returncode == 0
    counts = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))["counts"]
    assert (counts["inputs"], counts["done"], counts["failed"]) == (2, 2, 0)
    assert (tmp_path / "out" / "hé.nii.gz").read_bytes()[:2] == b"\x1f\x8b"


def test_names_of_files_reach_the_terminal_escaped(segment, write, tmp_path):
    (tmp_path / "in").mkdir()
    write("in/good.nrrd").rename(tmp_path / "in" / "x\x1b[31m\nAll is well.nrrd")
    (tmp_path / "in" / "\x1b]0;PWNED\a.nii.gz").write_bytes(b"junk")
    outcome = segment(tmp_path / "in", "--format", "nii.gz")
    assert outcome.code == 1 and "PWNED" in outcome.err and "All is well" in outcome.out
    assert all(letter.isprintable() or letter == "\n" for letter in outcome.out + outcome.err)
    assert not any(line.startswith("All is well") for line in (outcome.out + outcome.err).splitlines())
