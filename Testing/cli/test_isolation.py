"""One bad input among good ones: only it fails, in one sentence, whatever goes wrong."""

import json
import os
import re
import struct

import pytest

from DINSegmentLib.batch import hashes, workers
from DINSegmentLib.errors import Cancelled, InputError
from DINSegmentLib.isolation import attempt

pytestmark = pytest.mark.faults


def nan_offset(folder, write):
    path = write("in/bad.nii")
    content = bytearray(path.read_bytes())
    content[108:112] = struct.pack("<f", float("nan"))
    path.write_bytes(content)


def nul_in_a_name(folder, write):
    text = "NDims = 3\nDimSize = 4 4 4\nElementType = MET_SHORT\nElementDataFile = a\0b.raw\n"
    (folder / "bad.mhd").write_text(text, encoding="utf-8")


def device_as_voxels(folder, write):
    text = "NDims = 3\nDimSize = 4 4 4\nElementType = MET_SHORT\nElementDataFile = /dev/zero\n"
    (folder / "bad.mhd").write_text(text, encoding="utf-8")


def a_pipe(folder, write):
    os.mkfifo(folder / "bad.nii.gz")


def a_pipe_as_dicom(folder, write):
    os.mkfifo(folder / "bad.dcm")


@pytest.fixture
def inputs(tmp_path, write):
    (tmp_path / "in").mkdir()
    write("in/a.nrrd"), write("in/c.nrrd")
    return tmp_path / "in"


@pytest.mark.parametrize("bad", [nan_offset, nul_in_a_name, device_as_voxels, a_pipe, a_pipe_as_dicom])
@pytest.mark.parametrize("more", [(), ("--anonymous",), ("--dry-run",), "many"], ids=["", "anonymous", "dry", "many"])
def test_one_bad_file_costs_only_its_case(bad, more, inputs, write, segment, monkeypatch):
    bad(inputs, write)
    if more == "many":  # as a batch of 100: headers are looked at for the number of processes
        monkeypatch.setattr(workers, "ENOUGH_CASES", 2)
        more = ()
    outcome = segment(inputs, "--format", "nii.gz", *more)
    assert "Traceback" not in outcome.err and "unexpected" not in outcome.err
    if more == ("--dry-run",):
        assert outcome.code == 0 and "2 to segment" in outcome.out
    else:
        assert outcome.code == (0 if bad is a_pipe_as_dicom else 1), outcome.err
        assert "2 of 2 done" in outcome.out or "2 of 3 done" in outcome.out


ODD_RECORDS = ["[" * 100_000, "[]", "null", '{"model": 3}', '{"model": {"weights_sha256": 1}, "outputs": 5}', "\0"]


@pytest.mark.parametrize("text", ODD_RECORDS, ids=range(len(ODD_RECORDS)))
def test_an_odd_text_where_a_record_might_be_is_passed_over(text, inputs, segment, tmp_path):
    (inputs / "a.json").write_text(text, encoding="utf-8")
    assert segment(inputs, "--format", "nii.gz").code == 0
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.json").write_text(text, encoding="utf-8")
    outcome = segment(inputs / "a.nrrd", "--format", "nii.gz", "--output", tmp_path / "other")
    assert outcome.code == 2 and "a.json exists already" in outcome.err


def replacements(value, path=()):
    """Every way to put something odd in place of one value of a record."""
    for odd in (None, [], {}, "x", -1, [[None]]):
        yield (*path, odd)
    if isinstance(value, dict):
        for key in value:
            yield from replacements(value[key], (*path, key))


def test_no_damaged_record_of_ours_ends_a_run(inputs, segment, tmp_path):
    assert segment(inputs, "--format", "nii.gz").code == 0
    file = tmp_path / "out" / "a.json"
    good = json.loads(file.read_text(encoding="utf-8"))
    count = 0
    for *keys, odd in replacements({name: good[name] for name in ("model", "parameters", "input", "outputs", "cine")}):
        changed = json.loads(json.dumps(good))
        inner = changed
        for key in keys[:-1]:
            inner = inner[key]
        if not keys:
            changed = odd
        else:
            inner[keys[-1]] = odd
        file.write_text(json.dumps(changed), encoding="utf-8")
        count += 1
        outcome = segment(inputs, "--format", "nii.gz", "--dry-run")
        assert outcome.code == 0 and "2 to segment" in outcome.out, (keys, odd)
    assert count > 100


@pytest.mark.parametrize("error", [MemoryError(), RecursionError(), ValueError("odd"), OSError(5, "I/O error")])
def test_whatever_goes_wrong_while_a_case_is_hashed_costs_only_this_case(error, inputs, segment, monkeypatch):
    one = hashes._of
    hashed = hashes.input_hash

    def fail(files):
        if files[0].name == "a.nrrd":
            raise error
        return hashed(files)

    def fail_one(path):
        if path.name == "a.nrrd":
            raise error
        return one(path)

    monkeypatch.setattr("DINSegmentLib.batch.anonymous.input_hash", fail)
    monkeypatch.setattr("DINSegmentLib.batch.hashes._of", fail_one)
    for more in ((), ("--anonymous", "--overwrite")):
        outcome = segment(inputs, "--format", "nii.gz", *more)
        assert outcome.code == 1 and "1 of 2 done" in outcome.out, outcome.err


def test_the_boundary_lets_through_who_asks_to_stop():
    def stop():
        raise Cancelled("stopped")

    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(Cancelled):
        attempt(stop, "it")
    with pytest.raises(KeyboardInterrupt):
        attempt(interrupt, "it")
    assert attempt(lambda: 3, "it").value == 3


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (InputError("It is odd: mend it."), "It is odd: mend it."),
        (MemoryError(), "v.nii needs more memory than is free"),
        (RecursionError("maximum"), "v.nii is nested too deeply"),
        (OSError(5, "Input/output error"), r"v.nii cannot be read \(Input/output error\)"),
        (ZeroDivisionError("division by zero"), r"v.nii failed unexpectedly \(ZeroDivisionError: division by zero\)"),
    ],
)
def test_every_error_becomes_a_sentence_about_its_input(error, said):
    def fail():
        raise error

    fault = attempt(fail, "v.nii").fault
    assert fault.error is error and fault.text.endswith(".") and "\n" not in fault.text
    assert re.match(said, fault.text)
