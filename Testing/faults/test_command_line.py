"""What must never happen on the command line: foreign code, network access, wide permissions, partial files."""

import hashlib
import json
import os
import pickle
import resource
import stat
import subprocess
import sys

import pytest

from DINSegmentLib.cli.parser import main

pytestmark = pytest.mark.faults

# reports every connection and name lookup by Python code; those of native libraries are not seen
_WATCHED = """
import sys
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        print("NETWORK", event, arguments, file=sys.stderr)
sys.addaudithook(watch)
from DINSegmentLib.cli import main
sys.exit(main(sys.argv[1:]))
"""


class _Payload:
    """Runs code as soon as it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return open, (str(self.mark), "w")


@pytest.fixture
def dinsegment(tiny_model, tmp_path):
    """`dinsegment ARGUMENTS` in a process of its own, watched; {model} and {out} are filled in."""

    def run(*arguments, before=None):
        command = [sys.executable, "-c", _WATCHED, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, encoding="utf-8", cwd=tmp_path, preexec_fn=before)

    return run


def test_weights_with_a_pickled_payload_are_refused_and_not_run(write, write_model, tmp_path, capfd):
    folder = write_model(tmp_path / "model", "stack", id="heart-x").folder
    mark = tmp_path / "it ran"
    (folder / "weights.pt").write_bytes(pickle.dumps(_Payload(mark), protocol=2))
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["weights"]["sha256"] = hashlib.sha256((folder / "weights.pt").read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")

    code = main(["segment", str(write("v.nrrd")), "--model", str(folder), "--output", str(tmp_path / "out")])

    assert code == 2 and not mark.exists() and not (tmp_path / "out").exists()
    assert "heart-x" in capfd.readouterr().err


@pytest.mark.parametrize("name", ["../weights.pt", "/etc/passwd", "deeper/weights.pt", "..", ""])
def test_a_manifest_whose_weights_lie_elsewhere_is_refused(name, write, write_model, tmp_path, capfd):
    folder = write_model(tmp_path / "model", "stack").folder
    (tmp_path / "weights.pt").write_bytes((folder / "weights.pt").read_bytes())
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["weights"]["file"] = name
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")

    code = main(["segment", str(write("v.nrrd")), "--model", str(folder), "--output", str(tmp_path / "out")])

    assert code == 2 and "must lie in the model's folder" in capfd.readouterr().err


def test_no_command_asks_the_network(dinsegment, write, tiny_model, tmp_path):
    write("a.nii.gz"), write("b.nrrd")
    for arguments in (
        ("segment", "a.nii.gz", "b.nrrd", "--model", tiny_model, "--output", "out", "--preview"),
        ("segment", "a.nii.gz", "--model", tiny_model, "--output", "out", "--dry-run"),
        ("rerun", "out/a.json", "--model", tiny_model, "--output", "again"),
        ("enhance", "a.nii.gz", "--output", "enhanced.nii.gz"),
        ("demo", "--output", "demo"),
        ("models",), ("doctor",), ("--help",),
    ):  # fmt: skip
        outcome = dinsegment(*arguments)
        assert "NETWORK" not in outcome.stderr, arguments
        assert outcome.returncode == 0, (arguments, outcome.stderr)


@pytest.mark.parametrize("umask", [0o077, 0o027, 0o022])
def test_outputs_are_open_to_nobody_that_the_umask_shuts_out(umask, dinsegment, write, tiny_model, tmp_path):
    write("a.nii.gz"), write("b.nrrd")
    formats = ("--format", "seg.nrrd", "--format", "nii.gz", "--preview")

    outcome = dinsegment(
        "segment", "a.nii.gz", "b.nrrd", "--model", tiny_model, "--output", "out/deep", *formats,
        before=lambda: os.umask(umask),
    )  # fmt: skip

    assert outcome.returncode == 0
    written = [tmp_path / "out", *(tmp_path / "out").rglob("*")]
    assert len(written) > 10
    assert {path.name: oct(path.stat().st_mode & umask) for path in written if path.stat().st_mode & umask} == {}
    assert all(path.stat().st_mode & stat.S_IRUSR for path in written)


def test_a_disk_that_is_full_is_told_and_leaves_nothing(dinsegment, write, tiny_model, tmp_path):
    """By the limit of a file's size (1 kB), which fails a write in the middle, as a full disk does."""
    write("a.nii.gz")

    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    outcome = dinsegment("segment", "a.nii.gz", "--model", tiny_model, "--output", "out", before=small_files)

    assert outcome.returncode == 2, outcome.stderr
    assert outcome.stderr.count("\n") == 1 and "Traceback" not in outcome.stderr
    assert not (tmp_path / "out").exists()


def test_a_clock_that_goes_back_changes_nothing(write, tiny_model, tmp_path, monkeypatch, capfd):
    path = write("v.nrrd")
    arguments = ["segment", str(path), "--model", str(tiny_model), "--device", "cpu", "--format", "nii.gz", "--output"]
    assert main([*arguments, str(tmp_path / "steady")]) == 0
    now = [2e9]

    def back():
        now[0] -= 86_400
        return now[0]

    monkeypatch.setattr("time.time", back)
    assert main([*arguments, str(tmp_path / "jumping")]) == 0
    assert (tmp_path / "steady" / "v.nii.gz").read_bytes() == (tmp_path / "jumping" / "v.nii.gz").read_bytes()


def test_what_a_killed_command_has_left_goes_with_the_next(dinsegment, write, tiny_model, tmp_path):
    write("a.nii.gz")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".dinsegment-mine").mkdir()  # a name alone proves nothing
    kill = (
        "import os; from pathlib import Path; from DINSegmentLib.io import outputs;"
        "beside = outputs.beside([Path('out/a.nii.gz')]);"
        "(beside.__enter__() / 'a.nii.gz').touch(); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", kill], cwd=tmp_path)
    assert len(list((tmp_path / "out").glob(".dinsegment-*"))) == 2

    assert dinsegment("segment", "a.nii.gz", "--model", tiny_model, "--output", "out").returncode == 0
    assert [path.name for path in (tmp_path / "out").glob(".dinsegment-*")] == [".dinsegment-mine"]
