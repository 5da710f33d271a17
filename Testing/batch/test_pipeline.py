"""Several cases in one process: what overlaps, what must not, and the effect of errors and interrupts."""

import threading
from types import SimpleNamespace

import pytest

from DINSegmentLib.batch import pipeline
from DINSegmentLib.batch import steps as parts
from DINSegmentLib.batch.case import Case, Made, Opened, Output
from DINSegmentLib.errors import Cancelled, InputError

SECONDS = 20  # after which a test fails that waits for another thread


class Steps:
    """Stands for the parts of a case: notes who did what where, and lets a test step in."""

    def __init__(self, monkeypatch):
        self.done = []  # (part, case) in order of their ends
        self.threads = {}
        self.before = {}  # (part, case): what to do first
        for part, make in (
            ("read", lambda case, *rest: Opened(case, None, "")),
            ("segment", lambda opened, *rest: Made(opened.case, None, None, "")),
            ("write", lambda made, *rest: {"case": made.case.name}),
            ("draw_strip", lambda made, *rest: None),
        ):
            monkeypatch.setattr(parts, part, self.step(part, make))

    def step(self, part, make):
        def run(first, *rest):
            name = (first if isinstance(first, Case) else first.case).name
            self.threads[part, name] = threading.current_thread()
            self.before.get((part, name), lambda: None)()
            self.done.append((part, name))
            return make(first, *rest)

        return run

    def when(self, part, name):
        """Something to wait for: until this is done."""

        def wait():
            end = threading.Event()
            for _ in range(SECONDS * 100):
                if (part, name) in self.done:
                    return
                end.wait(0.01)
            raise AssertionError(f"{part} of {name} does not overlap")

        return wait


@pytest.fixture
def steps(monkeypatch):
    return Steps(monkeypatch)


@pytest.fixture
def run(tmp_path):
    """Yield the outcomes of cases with such names."""

    def start(names, suffix="nii.gz", stop=lambda: False, warm=lambda case: None):
        outputs = tuple(Output(one, f".{one}") for one in (suffix, "json"))
        planned = [Case(tmp_path / name, name, tmp_path, outputs) for name in names]
        model = SimpleNamespace(id="model")
        return pipeline.run(planned, lambda case: model, warm, None, False, True, lambda *told: None, stop)

    return start


def test_the_next_is_read_and_the_last_is_written_while_the_network_has_one(steps, run):
    steps.before["segment", "a"] = steps.when("read", "b")
    steps.before["segment", "b"] = steps.when("draw_strip", "a")
    outcomes = [(case.name, written.result()) for case, written in run("abc")]
    assert outcomes == [(name, {"case": name}) for name in "abc"]
    assert {steps.threads["segment", name] for name in "abc"} == {threading.main_thread()}


def test_nothing_is_left_where_others_did_all_cases(run):
    assert list(run("")) == []


def test_one_is_read_ahead_and_one_waits_to_be_written_and_no_more(steps, run):
    names = "abcdef"
    for _, written in run(names):
        written.result()
    for name, two_on in zip(names, names[2:], strict=False):
        assert steps.done.index(("segment", name)) < steps.done.index(("read", two_on))
        assert steps.done.index(("draw_strip", name)) < steps.done.index(("segment", two_on))


def test_what_needs_the_scene_is_written_on_the_calling_thread(steps, run):
    assert [written.result()["case"] for _, written in run("ab", "seg.nrrd")] == ["a", "b"]
    assert {steps.threads["write", name] for name in "ab"} == {threading.main_thread()}
    assert threading.main_thread() not in {steps.threads["draw_strip", name] for name in "ab"}


def test_what_could_not_be_read_ahead_is_read_in_its_turn(steps, run):
    def no_memory():
        if threading.current_thread() is not threading.main_thread():
            raise InputError("b needs more memory than is free.")

    steps.before["read", "b"] = no_memory
    assert [written.result()["case"] for _, written in run("abc")] == ["a", "b", "c"]


@pytest.mark.parametrize("part", ["read", "segment", "write"])
def test_a_case_that_fails_costs_no_other(part, steps, run):
    def fail():
        raise ValueError(part)

    steps.before[part, "b"] = fail
    outcomes = {case.name: written for case, written in run("abc")}
    assert str(outcomes.pop("b").exception()) == part
    assert [written.result()["case"] for written in outcomes.values()] == ["a", "c"]


def test_a_model_that_cannot_be_loaded_costs_its_case_and_the_next_is_not_taken_for_it(steps, run):
    def warm(case):
        if case.name == "b":
            raise ValueError("no model")

    outcomes = [(case.name, written) for case, written in run("abcd", warm=warm)]
    told = [(name, None if written.exception() else written.result()["case"]) for name, written in outcomes]
    assert told == [("a", "a"), ("b", None), ("c", "c"), ("d", "d")]


def test_a_stop_keeps_what_the_network_has_done(steps, run):
    stop = threading.Event()
    steps.before["segment", "b"] = stop.set
    told = []
    with pytest.raises(Cancelled):
        for case, written in run("abcd", stop=stop.is_set):
            told.append((case.name, written.result()["case"]))
    assert told == [("a", "a"), ("b", "b")]
    assert ("segment", "c") not in steps.done
