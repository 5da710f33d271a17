"""What a person and a machine see: a bar on a terminal, plain lines in a pipe, JSON lines."""

import io
import json

import pytest

from DINSegmentLib import console
from DINSegmentLib.console import Console, table


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


def test_table_aligns_names_left_and_figures_right():
    assert table([("structure", "ml"), ("Liver", "1500.0"), ("Gallbladder", "3.1")]) == (
        "structure        ml\nLiver        1500.0\nGallbladder     3.1"
    )
