"""The worker process without a client, and its messages."""

import io
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from DINSegmentLib.engine.class_margins import Margins
from DINSegmentLib.engine.parameters import Parameters
from DINSegmentLib.engine.results import CineResult, Device, Result
from DINSegmentLib.errors import Cancelled
from DINSegmentLib.geometry import Geometry
from DINSegmentLib.measure import Confidence
from DINSegmentLib.model import find_model
from DINSegmentLib.notices import Notice
from DINSegmentLib.worker import server
from DINSegmentLib.worker.protocol import VERSION, Code, Lines, ProtocolError, decode, encode
from DINSegmentLib.worker.server import Server
from DINSegmentLib.worker.work import surfaces_of

pytestmark = pytest.mark.faults

SERVER = (sys.executable, "-m", "DINSegmentLib.worker.server")


def test_the_worker_ends_when_nothing_is_asked_and_when_slicer_has_gone():
    for arguments, close in ((("--idle", "0.2"), False), ((), True)):
        process = subprocess.Popen([*SERVER, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if close:
            process.stdin.close()
        assert process.wait(30) == 0
        process.kill()


def test_the_worker_imports_torch_only_when_it_is_asked_to(tmp_path):
    script = (
        "import io, sys\nfrom DINSegmentLib.worker.server import Server\n"
        "from DINSegmentLib.worker.protocol import VERSION, encode\n"
        "Server(io.BytesIO(encode('hello', version=VERSION)), io.BytesIO(), 5).run()\n"
        "print(sorted({'torch', 'slicer', 'vtk', 'qt'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8")
    assert done.stdout.strip() == "[]", done.stderr


ODD_LINES = [
    b"[" * 100_000, b'{"kind":"cancel","id":[1]}', b'{"kind":"cancel"}', b'{"kind":"segment","id":1}', b"\xff\xfe",
    b"null",
    b'{"kind":"segment","id":1e999}', b'{"kind":["hello"]}', b'{"kind":"no such"}', b"", b"x" * 1_500_000,
]  # fmt: skip


@pytest.mark.parametrize("line", ODD_LINES, ids=range(len(ODD_LINES)))
def test_an_odd_line_is_answered_and_the_next_one_and_the_end_are_heard(line):
    process = subprocess.Popen([*SERVER, "--idle", "600"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    out, _ = process.communicate(line + b"\n" + encode("hello", version=VERSION), timeout=30)
    first, *_others, last = [decode(one) for one in out.splitlines()]
    assert process.returncode == 0
    assert (first["kind"], first["code"]) == ("error", Code.INTERNAL) and last["kind"] == "ready"


@given(st.binary(max_size=300))
def test_a_line_is_a_message_of_a_known_shape_or_refused(line):
    for one in (line, b'{"kind": "segment", "id": 1, "shape": ' + line + b"}"):
        try:
            assert isinstance(decode(one)["kind"], str)
        except ProtocolError:
            pass


def test_a_run_that_does_not_stop_is_left_soon_after_the_client_has_gone(monkeypatch):
    left = threading.Event()
    monkeypatch.setattr(server, "_PATIENCE", 0.1)
    one = Server(io.BytesIO(encode("devices")), io.BytesIO(), 600, left.set)
    monkeypatch.setattr(one, "_devices", lambda request: left.wait(20))
    before = time.monotonic()
    one.run()
    assert left.is_set() and time.monotonic() - before < 10


def test_another_version_is_told():
    process = subprocess.Popen(SERVER, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    answer, _ = process.communicate(encode("hello", version=-1), timeout=30)
    assert decode(answer)["code"] == Code.VERSION


def test_lines_come_whole_from_pieces():
    lines = Lines()
    assert list(lines.feed(b'{"kind": "a"}\n{"ki')) == [b'{"kind": "a"}']
    assert [decode(line) for line in lines.feed(b'nd": "b"}\n')] == [{"kind": "b"}]
    with pytest.raises(ProtocolError):
        list(lines.feed(b"x" * 1_000_001))


@pytest.mark.parametrize("line", [b"", b"no JSON", b"[1]", b'{"id": 1}', b'{"kind": 3}', b"\xff"])
def test_what_is_no_message_is_refused(line):
    with pytest.raises(ProtocolError):
        decode(line)


def test_surfaces_stop_between_structures_when_the_run_is_cancelled(tmp_path):
    labels = np.zeros((3, 8, 8), np.uint8)
    model = SimpleNamespace(labels=find_model("cardiac-mr").labels)
    result = SimpleNamespace(
        labels=labels, margins=Margins.empty(labels.shape), model=model, confidence=Confidence.unknown()
    )
    geometry, told = Geometry(labels.shape, np.eye(4)), []
    made = surfaces_of(result, geometry, lambda *at: told.append(at), lambda: False)
    server.write_surfaces(made, tmp_path / "surfaces")
    with np.load(tmp_path / "surfaces") as file:
        assert file["values"].tolist() == [1, 2, 3] and file["points3"].shape == (0, 3)
    with pytest.raises(Cancelled, match="nothing was changed"):
        surfaces_of(result, geometry, lambda *at: told.append(at), lambda: len(told) > 4)
    assert len(told) == 5


@pytest.mark.parametrize("shape", [(3, 4, 5), (2, 3, 4, 5)])
def test_slices_that_the_clean_up_emptied_are_told_after_the_events(tmp_path, monkeypatch, shape):
    model, sink = find_model("cardiac-mr"), io.BytesIO()
    labels, notices = np.zeros(shape, np.uint8), (Notice("device", "Smaller batches."), Notice("base", "Slice 1."))
    about = {
        "model": model, "parameters": Parameters().resolved(model), "device": Device("cpu", "", "bfloat16"),
        "labels": labels, "notices": notices,
    }  # fmt: skip
    if len(shape) == 3:
        result = Result(**about)
    else:
        result = CineResult(**about)
        monkeypatch.setattr("DINSegmentLib.engine.cine.segment_cine", lambda segmenter, *asked, **more: result)
    server = Server(io.BytesIO(), sink, 1.0)
    device = SimpleNamespace(name="cpu", reason="", precision="bfloat16")
    warm = SimpleNamespace(segment=lambda *asked: result, device=device)
    monkeypatch.setattr(server, "_warm", SimpleNamespace(segmenter=lambda *asked: warm))
    labels.astype(np.int16).tofile(tmp_path / "volume")
    server._segment({
        "id": 1, "shape": shape, "matrix": np.diag([-1.5, -1.5, 8.0, 1.0]).ravel().tolist(), "dtype": "int16",
        "volume": str(tmp_path / "volume"), "labels": str(tmp_path / "labels"), "parameters": {}, "name": "heart",
        "times": None, "map": None, "surfaces": None, "model": "cardiac-mr", "device": "cpu", "threads": 0,
    })  # fmt: skip

    found = [Notice.from_json(one) for one in decode(sink.getvalue())["notices"]]
    assert found[: len(notices)] == list(notices)
    assert {one.kind for one in found[len(notices) :]} <= {"missing"}  # flags of the structures, which are empty
