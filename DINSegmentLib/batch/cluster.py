"""Cases on several machines with Dask distributed; all workers must access the files by the same paths.

If a worker fails, another one repeats its case; after several failures, Dask gives up.
"""

import os
import queue
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from .. import __version__, bounded
from ..errors import InputError
from .case import Case
from .processes import Task, work

T = TypeVar("T")

_SECONDS = 15  # timeout for the scheduler's response
_LOOK = 0.2  # seconds between checks whether to stop
_stopped: set[str] = set()  # in a worker: runs that were interrupted
_one_case = threading.Lock()  # in a worker with several threads: there is one network and one scene


@contextmanager
def connect(scheduler: str) -> Iterator["Cluster"]:
    """Connect to a running cluster.

    Args:
        scheduler: address, such as ``tls://host:8786``, or a scheduler file.

    Raises:
        InputError: Dask is not installed, no scheduler responds, or it has no workers.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise InputError(
            "--scheduler needs Dask, which is not installed: pip install distributed cryptography, or omit --scheduler."
        ) from error
    address = _address(scheduler)
    client = _in_time(partial(Client, address, timeout=f"{_SECONDS}s"), scheduler)
    with client:
        if not client.scheduler_info()["workers"]:
            raise InputError(f"The scheduler at {scheduler} has no workers: start some with dask worker {scheduler}.")
        yield Cluster(client)


def _address(scheduler: str) -> str:
    """Return the address in a scheduler file, which may be untrusted, or the given address."""
    if not os.path.exists(scheduler):
        return scheduler
    try:
        content = bounded.read_json(Path(scheduler), bounded.MB)
        bounded.require(content, {"address": str})
    except (OSError, ValueError) as error:
        raise InputError(f"{scheduler} is not a scheduler file ({error}): start one with dask scheduler.") from error
    return content["address"]


def _in_time(connect: Callable[[], T], scheduler: str) -> T:
    """Connect with a timeout, because Dask waits forever for a scheduler that accepts but never responds."""
    answer: queue.SimpleQueue[T | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answer.put(connect())
        except Exception as error:
            answer.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        found = answer.get(timeout=_SECONDS)
    except queue.Empty:
        found = TimeoutError(f"no answer within {_SECONDS} s")
    if isinstance(found, Exception):
        raise InputError(
            f"No Dask scheduler answers at {scheduler} ({found}): start one with dask scheduler, or check the address "
            "and the certificates."
        ) from found
    return found


class Cluster:
    """Remote workers for cases; for another scheduler, write a class with this interface and add it to `connect`.

    Args:
        client: Dask client.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    @property
    def exposure(self) -> str | None:
        """Return a warning unless the connection is encrypted and authenticated."""
        if str(self._client.scheduler.address).startswith("tls://"):
            return None
        return (
            "The Dask scheduler is not encrypted: anyone who can reach its port, or that of a worker, can run programs "
            "as you. Use TLS, see Documentation/cluster.md."
        )

    @property
    def dashboard(self) -> str | None:
        """Address of the cluster's status page; None if it has none."""
        try:
            return self._client.dashboard_link or None
        except KeyError:
            return None

    def __str__(self) -> str:
        """Number of workers and address of the status page."""
        count = len(self._client.nthreads())
        text = f"{count} worker{'s' if count > 1 else ''} of a Dask cluster"
        return f"{text}; dashboard: {self.dashboard}" if self.dashboard else f"{text}."

    def run(self, tasks: Sequence[Task], stop: Callable[[], bool]) -> Iterator[tuple[Case, dict[str, Any]]]:
        """As `processes.Pool.run`.

        Raises:
            InputError: a worker has another version of DINSegment, or cannot read an input or write to the output.
        """
        absolute = [_absolute(task) for task in tasks]
        # an input that this machine cannot read either fails only its own case
        paths = [str(task.case.input) for task in absolute if os.access(task.case.input, os.R_OK)]
        folders = sorted({str(task.model) for task in absolute})
        asked = self._client.run(_fault, __version__, paths, folders, str(absolute[0].case.output), on_error="return")
        for worker, fault in asked.items():
            if isinstance(fault, Exception):
                fault = f"cannot load DINSegment {__version__} ({fault}): install the same version there."
            if fault:
                raise InputError(f"The worker {worker} {fault}")
        this = uuid.uuid4().hex  # other runs on the scheduler may have cases with the same names
        futures = {
            self._client.submit(_work, there, this, key=f"dinsegment-{this}-{task.case.name}", pure=False): task.case
            for there, task in zip(absolute, tasks, strict=True)
        }
        ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for future in futures:
            future.add_done_callback(ended.put)
        told, idle = False, False
        try:
            while futures:
                if stop() and (idle or not told):  # repeated, because workers may have joined
                    self._client.run(_take_note, this, on_error="ignore")
                    told = True
                try:
                    future = ended.get(timeout=_LOOK)
                except queue.Empty:
                    idle = True
                    continue
                idle = False
                case = futures.pop(future)
                if (outcome := _outcome(future, case)) is not None:
                    yield case, outcome
                future.release()
        finally:
            self._client.cancel(list(futures), force=True)


def _absolute(task: Task) -> Task:
    """Return the task with absolute paths, for another current folder."""
    case = task.case
    files = tuple(Path(os.path.abspath(path)) for path in case.files)
    case = replace(
        case, input=Path(os.path.abspath(case.input)), output=Path(os.path.abspath(case.output)), files=files
    )
    return replace(task, case=case, model=Path(os.path.abspath(task.model)))


def _outcome(future: Any, case: Case) -> dict[str, Any] | None:
    if future.status == "finished":
        return future.result()
    error = future.exception()
    why = future.status if error is None else type(error).__name__
    return {"error": f"{case.input} failed, because its workers ended during the case ({why}): re-run to segment it."}


def _take_note(run: str) -> None:
    """In a worker: mark this run as interrupted."""
    _stopped.add(run)


def _fault(version: str, paths: Sequence[str], folders: Sequence[str], output: str) -> str:
    """In a worker: return why it cannot take part, or an empty string."""
    if __version__ != version:
        return f"has DINSegment {__version__}, but this machine has {version}: install the same version there."
    for path in (*paths, *folders):
        if not os.access(path, os.R_OK):
            return f"cannot read {path}: store the data in a folder that all workers can read by the same path."
    nearest = next(str(folder) for folder in (Path(output), *Path(output).parents) if folder.exists())
    if not os.access(nearest, os.W_OK):
        return f"cannot write to {nearest}: choose an output folder that all workers may write to."
    return ""


def _work(task: Task, this: str) -> dict[str, Any] | None:
    """In a worker: segment one case; None if the run was stopped."""
    from distributed import get_worker

    with _one_case:
        return work(task, lambda: this in _stopped, get_worker().state.nthreads)
