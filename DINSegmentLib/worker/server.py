"""The worker process: reads requests, keeps one model loaded, answers; independent of Slicer and Qt.

python -m DINSegmentLib.worker.server [--idle SECONDS]
"""

import argparse
import errno
import logging
import os
import platform
import queue
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .. import __version__, ownership
from ..engine.parameters import Parameters
from ..engine.warm import WarmModel
from ..errors import (
    Cancelled,
    DeviceError,
    DINSegmentError,
    InputError,
    ModelError,
    OutOfMemory,
    OutputError,
    TorchMissing,
)
from ..geometry import Geometry
from ..io.surfaces import Surface
from ..measure import flags, flags_of_cine, statistics
from ..messages import Sentence as _
from ..messages import from_json, of, to_json
from ..model import find_model
from ..model.orientation import orientation
from ..runtime import prepare
from .protocol import LONGEST_LINE, PREFIX, VERSION, Code, Map, ProtocolError, decode, encode
from .work import Task, function_of, phases_of, torch_needed, work

_PATIENCE = 2.0  # seconds that a run gets to stop before it is killed, after the client has gone
_CODES = {  # the first match counts
    Cancelled: Code.CANCELLED,
    TorchMissing: Code.TORCH,
    OutOfMemory: Code.MEMORY,
    DeviceError: Code.DEVICE,
    ModelError: Code.MODEL,
    OutputError: Code.OUTPUT,
    InputError: Code.INPUT,
}


class Server:
    """Serves one client until its input ends or there are no requests for a while.

    Args:
        source: stream of the client's lines.
        sink: stream for the answers.
        idle: seconds without a request before the server ends.
        leave: ends the process immediately, if a run does not stop soon after the client has gone.
    """

    def __init__(
        self, source: BinaryIO, sink: BinaryIO, idle: float, leave: Callable[[], None] | None = None
    ) -> None:  # fmt: skip
        self._source, self._sink, self._idle, self._leave = source, sink, idle, leave
        self._writing, self._finished = threading.Lock(), threading.Event()
        self._requests: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._cancelled: set[Any] = set()
        self._ended = threading.Event()
        self._warm = WarmModel()

    def run(self) -> None:
        threading.Thread(target=self._read, daemon=True).start()
        try:
            self._serve()
        finally:
            self._finished.set()

    def _serve(self) -> None:
        while True:
            try:
                request = self._requests.get(timeout=self._idle)
            except queue.Empty:
                self._say("idle")
                return
            if request is None:
                return
            self._answer(request)

    def _read(self) -> None:
        """Run in a thread, so that a cancel is noticed during a run."""
        while line := self._source.readline(LONGEST_LINE):
            try:
                request = decode(line)
            except Exception as error:  # whatever the error, continue with the next line until the input ends
                text = _("The worker got a line that it does not understand ({error}).", error=error)
                self._say("error", code=Code.INTERNAL, text=to_json(text))
                continue
            if request["kind"] == "cancel":
                self._cancelled.add(request["id"])
            else:
                self._requests.put(request)
        self._ended.set()  # the client is gone: also stop a run
        self._requests.put(None)
        if self._leave is not None and not self._finished.wait(_PATIENCE):
            self._leave()  # the run is in a call that does not return

    def _say(self, kind: str, **values: Any) -> None:
        line = encode(kind, **values)
        try:
            with self._writing:
                self._sink.write(line)
                self._sink.flush()
        except (OSError, ValueError):  # no reader, or the pipe is closed
            self._ended.set()

    def _answer(self, request: dict[str, Any]) -> None:
        answers = {
            "hello": self._hello, "devices": self._devices, "segment": self._segment, "measure": self._measure,
        }  # fmt: skip
        answer = answers.get(request["kind"])
        about = {"id": request["id"]} if "id" in request else {}
        try:
            if answer is None:
                raise ProtocolError(f"unknown request {request['kind']}")
            answer(request)
            return
        except DINSegmentError as error:
            code, text = (
                next((code for kind, code in _CODES.items() if isinstance(error, kind)), Code.INTERNAL),
                of(error),
            )
        except Exception as error:
            traceback.print_exc()
            code = Code.INTERNAL
            text = _(
                "The worker stopped on an unexpected error ({error}): please report it with the diagnostics.",
                error=error,
            )
        # sent after the exception is gone, because it held the volume's file open
        self._say("error", code=code, text=to_json(text), **about)

    def _hello(self, request: dict[str, Any]) -> None:
        if request.get("version") != VERSION:
            text = _(
                "Slicer and the worker are of different versions: restart Slicer after the update of the extension."
            )
            self._say("error", code=Code.VERSION, text=to_json(text))
            return
        self._say("ready", version=VERSION, program=__version__, python=platform.python_version(), pid=os.getpid())

    def _devices(self, request: dict[str, Any]) -> None:
        with torch_needed():
            from ..engine import device
        found = [device.choose("auto")]
        for name in device.candidates():
            try:
                found.append(device.choose(name))
            except DeviceError as error:
                logging.warning("%s", error)
        texts = [{"name": one.name, "reason": to_json(one.reason)} for one in found]
        texts[0]["short"] = to_json(device.short_name(found[0]))
        self._say("devices", found=texts)

    def _segment(self, request: dict[str, Any]) -> None:
        try:
            self._run(request)
        finally:
            if self._ended.is_set():  # Slicer is gone and cannot remove the patient's image
                _remove(*(Path(request[name]) for name in ("volume", "labels", "surfaces") if request[name]))

    def _measure(self, request: dict[str, Any]) -> None:
        """Measure without torch, so that even a worker that has just started answers quickly."""
        try:
            shape, model = tuple(request["shape"]), find_model(request["model"])
            geometry = Geometry(shape[-3:], np.reshape(request["matrix"], (4, 4)))
            labels = np.fromfile(request["labels"], np.uint8).reshape(shape)
            found: dict[str, Any] = {"notices": []}
            if len(shape) == 3:
                volume = np.fromfile(request["volume"], request["dtype"]).reshape(shape)
                _let_go(request["volume"])
                rows = statistics(labels, volume, geometry, model.labels, orientation(geometry, model.axes).order[0])
                found["statistics"] = [asdict(one) for one in rows]
                flagged = flags(labels, rows, geometry, model, lowest=float(volume.min()))
                found["notices"] = [one.to_json() for one in flagged]
            else:
                found["function"] = function_of(labels, geometry, model, request["times"])
                flagged = flags_of_cine(labels, None, phases_of(found["function"]), geometry, model)
                found["notices"] = [one.to_json() for one in flagged]
        finally:
            if self._ended.is_set():
                _remove(*(Path(request[name]) for name in ("volume", "labels") if request[name]))
        self._say("done", id=request["id"], **found)

    def _run(self, request: dict[str, Any]) -> None:
        identity, shape = request["id"], tuple(request["shape"])
        volume = np.memmap(request["volume"], dtype=request["dtype"], mode="r", shape=shape)
        _let_go(request["volume"])
        model = find_model(request["model"])
        with torch_needed():
            segmenter = self._warm.segmenter(
                model, request["device"], request["threads"], lambda warm: self._say("loading", id=identity, warm=warm)
            )
        task = Task(
            volume=volume,
            geometry=Geometry(shape[-3:], np.reshape(request["matrix"], (4, 4))),
            parameters=Parameters.from_json(request["parameters"]),
            times=request["times"],
            map=Map(request["map"]) if request["map"] else None,
            surfaces=request["surfaces"] is not None,
            name=from_json(request["name"]),
        )
        made = work(
            segmenter,
            task,
            lambda done, total: self._say("progress", id=identity, done=done, total=total),
            lambda: self._ended.is_set() or identity in self._cancelled,
        )
        del volume, task  # Slicer removes the file when it receives the answer
        if request["surfaces"] is not None:
            write_surfaces(made.surfaces, Path(request["surfaces"]))
        _write(made.array, Path(request["labels"]))
        self._say("done", id=identity, **made.story)


def _let_go(path: str) -> None:
    """Unlink the patient's image while it is open, so that a kill cannot leave it behind; impossible on Windows."""
    if os.name != "nt":
        Path(path).unlink(missing_ok=True)


def _leave() -> None:
    """End the process and remove the files of a client that was killed."""
    ownership.sweep(Path(tempfile.gettempdir()), PREFIX)
    os._exit(0)


def _remove(*paths: Path) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
    with suppress(OSError):  # the folder of the run, unless it has other files
        (paths[0].parent / ownership.MARK).unlink(missing_ok=True)
        paths[0].parent.rmdir()


def write_surfaces(made: Mapping[int, Surface], path: Path) -> None:
    """Write surfaces by label value with NumPy's `savez`: ``values``, and ``points3``, ``triangles3`` for value 3.

    Raises:
        OutputError: the file cannot be written.
    """
    arrays: dict[str, Any] = {"values": np.array(list(made))}
    for value, one in made.items():
        arrays |= {f"points{value}": one.points, f"triangles{value}": one.triangles}
    _hand_over(path, lambda file: np.savez(file, **arrays))


def _write(made: np.ndarray, path: Path) -> None:
    _hand_over(path, lambda file: file.write(np.ascontiguousarray(made).data))


def _hand_over(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    try:
        with path.open("wb") as file:
            write(file)
    except OSError as error:
        path.unlink(missing_ok=True)
        cause = _("the disk is full") if error.errno == errno.ENOSPC else error.strerror
        raise OutputError(
            _(
                "The result cannot be sent to Slicer ({cause}): free space in {folder}.",
                cause=cause,
                folder=path.parent,
            )
        ) from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve standard input; return 0 when it ends."""
    parser = argparse.ArgumentParser(prog="python -m DINSegmentLib.worker.server")
    parser.add_argument(
        "--idle", type=float, default=600, metavar="SECONDS", help="end after so long without a request"
    )
    options = parser.parse_args(arguments)
    prepare()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    # output of libraries must not mix with the messages, so it goes to standard error
    sink = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    # unbuffered, because a buffered reader would hold a lock that the interpreter needs to exit
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as source:
        Server(source, sink, options.idle, _leave).run()
    ownership.sweep(Path(tempfile.gettempdir()), PREFIX)
    return 0


if __name__ == "__main__":
    os._exit(main())  # at once: interpreter shutdown sometimes aborts while torch's or our threads are alive
