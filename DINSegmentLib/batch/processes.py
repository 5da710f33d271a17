"""Cases in several single-threaded processes on this machine, connected by pipes, which others cannot access.

If a process ends during a case, a new one repeats the case, up to a limit. The processes end when their
standard input closes: when the run is stopped, or when the parent process is gone.
"""

import json
import os
import pickle
import queue
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ..engine.parameters import Parameters
from ..engine.warm import WarmModel
from ..errors import Cancelled, DINSegmentError, InputError
from ..model import find_model
from ..runtime import prepare
from . import steps
from .case import Case

_LOOK = 0.2  # seconds between checks whether to stop
_PATIENCE = 5.0  # seconds that a process gets to end by itself
_TRIES = 3  # attempts for a case whose process ends
_LIBRARY = str(Path(__file__).resolve().parents[2])
# -P: never import from the current folder, which contains data
_START = ("-P", "-c", f"import sys; sys.path.insert(0, {_LIBRARY!r}); from {__name__} import serve; serve()")
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_LENGTH = struct.Struct("<Q")  # length prefix of a message in a pipe


@dataclass(frozen=True)
class Task:
    """A case for another process; all other fields are the same for many cases."""

    case: Case
    model: Path
    parameters: Parameters
    device: str
    overwrite: bool
    strip: bool


class Pool:
    """Worker processes started on this machine, which end with the context.

    Raises:
        InputError: the system cannot start them.
    """

    def __init__(self, count: int) -> None:
        self._stopping = threading.Event()
        self._processes: list[_Process] = []
        try:
            for _ in range(count):
                self._processes.append(_Process())
        except OSError as error:
            self.close()
            raise InputError(f"{count} processes cannot be started here ({error}): try --workers 1.") from error

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._processes)

    def close(self) -> None:
        """End the processes immediately."""
        self._stopping.set()
        for process in self._processes:
            process.end()

    def run(self, tasks: Sequence[Task], stop: Callable[[], bool]) -> Iterator[tuple[Case, dict[str, Any]]]:
        """Segment all cases, and yield each as soon as it is finished.

        Args:
            tasks: at least one.
            stop: called regularly; once it returns True, cases end after their batch of slices, and no more are begun.

        Yields:
            the case, and its record or a dictionary with ``error``, a sentence; nothing for a stopped case.
        """
        waiting: queue.SimpleQueue[Task] = queue.SimpleQueue()
        for task in tasks:
            waiting.put(task)
        told: queue.SimpleQueue[tuple[Case, dict[str, Any]] | None] = queue.SimpleQueue()
        threads = [
            threading.Thread(target=self._serve, args=(index, waiting, told), daemon=True)
            for index in range(len(self._processes))
        ]
        for thread in threads:
            thread.start()
        at_work = len(threads)
        while at_work:
            if stop() and not self._stopping.is_set():
                self._stopping.set()
                for process in self._processes:
                    process.ask_to_stop()
            with suppress(queue.Empty):
                if (one := told.get(timeout=_LOOK)) is None:
                    at_work -= 1
                else:
                    yield one

    def _serve(self, index: int, waiting: "queue.SimpleQueue[Task]", told: "queue.SimpleQueue[Any]") -> None:
        """Run in a thread: send cases to one process until none is left."""
        while not self._stopping.is_set():
            try:
                task = waiting.get_nowait()
            except queue.Empty:
                break
            if (answer := self._try(index, task)) is not None:
                told.put((task.case, answer))
        told.put(None)

    def _try(self, index: int, task: Task) -> dict[str, Any] | None:
        for _ in range(_TRIES):
            answer = self._processes[index].ask(task)
            if answer is not None:
                return answer or None  # empty: it was stopped
            if self._stopping.is_set():
                return None
            self._processes[index].end()
            try:
                self._processes[index] = _Process()
            except OSError as error:
                return {
                    "error": f"{task.case.input} failed, because no process can be started ({error}): try --workers 1."
                }
        return {"error": f"{task.case.input} crashed its process {_TRIES} times: it may need more memory than is free."}


class _Process:
    """A worker process as seen from the parent."""

    def __init__(self) -> None:
        environment = {**os.environ, **dict.fromkeys(_THREADS, "1")}
        apart: dict[str, Any] = {"process_group": 0}  # Ctrl-C in a terminal goes to the whole process group
        if sys.platform == "win32":
            apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        self._process = subprocess.Popen(
            [sys.executable, *_START], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=environment, bufsize=0, **apart,
        )  # fmt: skip
        self._lock = threading.Lock()

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, task: Task) -> dict[str, Any] | None:
        """Return a case's record or error; empty if it was stopped, None if the process has ended."""
        assert self._process.stdin and self._process.stdout
        try:
            with self._lock:
                _send(self._process.stdin, pickle.dumps(task))
            answer = json.loads(_receive(self._process.stdout))
        except (OSError, ValueError, EOFError):
            return None
        return answer if isinstance(answer, dict) else None

    def ask_to_stop(self) -> None:
        assert self._process.stdin
        with self._lock, suppress(OSError):
            self._process.stdin.close()

    def end(self) -> None:
        self.ask_to_stop()
        self._process.kill()
        self._process.wait(_PATIENCE)
        if self._process.stdout:
            self._process.stdout.close()


def serve() -> None:
    """Run in a worker process: segment incoming cases until the input ends."""
    prepare()
    # output of libraries must not mix with the answers
    sink = open(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    source = open(os.dup(0), "rb", buffering=0)
    tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
    ended = threading.Event()
    threading.Thread(target=_listen, args=(source, tasks, ended), daemon=True).start()
    while (task := tasks.get()) is not None:
        answer = work(task, ended.is_set, 1)
        with suppress(OSError):
            _send(sink, json.dumps(answer or {}, allow_nan=False).encode())


def _listen(source: BinaryIO, tasks: "queue.SimpleQueue[Task | None]", ended: threading.Event) -> None:
    """Run in a thread, so that the end of the input is noticed while a case is running."""
    with suppress(EOFError, OSError):
        while True:
            tasks.put(pickle.loads(_receive(source)))
    ended.set()
    tasks.put(None)


_warm = WarmModel()


def work(task: Task, stopped: Callable[[], bool], threads: int) -> dict[str, Any] | None:
    """Segment one case in a worker process; None if it was stopped.

    Never raises: the parent may not know the exception's class.
    """
    if stopped():
        return None
    try:
        model = find_model(str(task.model))
        if not task.overwrite and (done := steps.finished(task.case, model, task.parameters)):
            return asdict(done)  # by a process that ended before it could report it
        segmenter = _warm.segmenter(model, task.device, threads)
        record, _ = steps.run(task.case, segmenter, task.parameters, task.overwrite, None, task.strip, stopped)
        return asdict(record)
    except Cancelled:
        return None
    except DINSegmentError as error:
        return {"error": str(error)}
    except Exception as error:
        return {"error": f"{task.case.input} failed unexpectedly ({error}): please report it."}


def _send(sink: Any, data: bytes) -> None:
    rest = memoryview(_LENGTH.pack(len(data)) + data)
    while rest:
        rest = rest[sink.write(rest) :]


def _receive(source: Any) -> bytes:
    (length,) = _LENGTH.unpack(_exactly(source, _LENGTH.size))
    return _exactly(source, length)


def _exactly(source: Any, count: int) -> bytes:
    """Read exactly ``count`` bytes from a pipe; raise EOFError if it ends before."""
    pieces = []
    while count:
        if not (piece := source.read(min(count, 1 << 20))):
            raise EOFError
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)
