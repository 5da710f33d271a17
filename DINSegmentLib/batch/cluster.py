"""Cases on several processes or machines, by Dask distributed: its workers see all files by the same paths.

A case of a worker that is lost is done again by another; Dask gives up when that has happened several times.
"""

import logging
import os
import queue
import signal
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

from .. import __version__, models
from ..engine.parameters import Parameters
from ..errors import Cancelled, DINSegmentError, InputError
from ..process import keep_freed_memory
from . import case as cases
from .case import Case

_WAIT = "15s"  # for a scheduler to answer
_LOOK = 0.2  # seconds: how often it is asked whether to stop
_stopped: set[str] = set()  # in a worker: runs that were interrupted
_warm: dict[str, Any] = {}  # in a worker: the segmenter of the last model, by folder and device
_one_case = threading.Lock()  # in a worker of several threads: they belong to one network, and the scene is one


@contextmanager
def connect(workers: int, scheduler: str | None) -> Iterator[Any]:
    """A Dask client: of a cluster of processes here, each with one thread, or of one that runs already.

    Args:
        workers: processes here; not used with a scheduler.
        scheduler: address, such as ``tcp://host:8786``, or a scheduler file.

    Raises:
        InputError: Dask is not installed or cannot start the processes, no scheduler answers, or it has no workers.
    """
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise InputError(
            "Several processes need Dask, which is not installed: pip install distributed, or leave --workers away."
        ) from error
    if scheduler is None:
        with _no_interrupts():
            try:
                local = LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    memory_limit=0,
                    host="127.0.0.1",
                    dashboard_address="127.0.0.1:0",
                    silence_logs=logging.ERROR,
                )
            except (OSError, RuntimeError) as error:
                raise InputError(f"Dask cannot start {workers} processes here ({error}): try --workers 1.") from error
        with local, Client(local) as client:
            if os.name == "nt":  # where a thread cannot shut them out
                client.run(signal.signal, signal.SIGINT, signal.SIG_IGN)
            client.run(keep_freed_memory)  # Dask has its workers give every freed piece of it back at once
            yield client
        return
    where = {"scheduler_file": scheduler} if os.path.isfile(scheduler) else {"address": scheduler}
    try:
        client = Client(**where, timeout=_WAIT)
    except (OSError, ValueError) as error:
        raise InputError(
            f"No Dask scheduler answers at {scheduler} ({error}): start one with dask scheduler, or check the address."
        ) from error
    with client:
        if not client.scheduler_info()["workers"]:
            raise InputError(f"The scheduler at {scheduler} has no workers: start some with dask worker {scheduler}.")
        yield client


def describe(client: Any) -> str:
    """How many workers there are, and where to watch them."""
    count, link = len(client.nthreads()), dashboard(client)
    text = f"{count} worker{'s' if count > 1 else ''} of a Dask cluster"
    return f"{text}; to watch: {link}" if link else f"{text}."


def dashboard(client: Any) -> str | None:
    """The address of the page that shows a cluster at work; None: it has none."""
    try:
        return client.dashboard_link or None
    except KeyError:
        return None


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """Threads and processes that are started within never see Ctrl-C, which a terminal sends to all; we do, later."""
    if sys.platform == "win32":
        yield
        return
    resource_tracker.ensure_running()  # it would let them through again when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def run(
    client: Any, planned: Sequence[tuple[Case, models.Model]], parameters: Parameters, device: str, overwrite: bool,
    strip: bool, stop: Callable[[], bool],
) -> Iterator[tuple[Case, dict[str, Any]]]:  # fmt: skip
    """Do all cases, and tell of each as soon as it is done.

    Args:
        client: from `connect`.
        planned: cases with their models, one at least.
        parameters, device, overwrite, strip: as for one case.
        stop: asked now and then; once it says so, cases end after their batch of slices, and no more are begun.

    Yields:
        the case, and its record, or a dictionary with ``error``, a sentence; of one that was stopped nothing.

    Raises:
        InputError: a worker has another version of DINSegment, or cannot see an input or write the output.
    """
    absolute = [_absolute(case) for case, _ in planned]
    # an input that we cannot read either, gone since it was found, costs only its case
    paths = [str(case.input) for case in absolute if os.access(case.input, os.R_OK)]
    folders = sorted({os.path.abspath(model.folder) for _, model in planned})
    asked = client.run(_fault, __version__, paths, folders, str(absolute[0].output), on_error="return")
    for worker, fault in asked.items():
        if isinstance(fault, Exception):
            fault = f"cannot load DINSegment {__version__} ({fault}): install the same version there."
        if fault:
            raise InputError(f"The worker {worker} {fault}")
    this = uuid.uuid4().hex  # others on the scheduler may have cases of the same names
    futures = {
        client.submit(
            _work, there, os.path.abspath(model.folder), parameters, device, overwrite, strip, this,
            key=f"dinsegment-{this}-{case.name}", pure=False,
        ): case
        for there, (case, model) in zip(absolute, planned, strict=True)
    }  # fmt: skip
    ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for future in futures:
        future.add_done_callback(ended.put)
    told, idle = False, False
    try:
        while futures:
            if stop() and (idle or not told):  # again, for a worker may have come
                client.run(_take_note, this, on_error="ignore")
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
        client.cancel(list(futures), force=True)


def _absolute(case: Case) -> Case:
    """The same for another current folder."""
    files = tuple(Path(os.path.abspath(path)) for path in case.files)
    return replace(
        case, input=Path(os.path.abspath(case.input)), output=Path(os.path.abspath(case.output)), files=files
    )


def _outcome(future: Any, case: Case) -> dict[str, Any] | None:
    if future.status == "finished":
        return future.result()
    error = future.exception()
    why = future.status if error is None else type(error).__name__
    return {"error": f"{case.input} was lost with its workers ({why}): they ended in the middle of it."}


def _take_note(run: str) -> None:
    """In a worker: this run was interrupted."""
    _stopped.add(run)


def _fault(version: str, paths: Sequence[str], folders: Sequence[str], output: str) -> str:
    """In a worker: why it cannot take part, or nothing."""
    if __version__ != version:
        return f"has DINSegment {__version__}, and this is {version}: install the same version there."
    for path in (*paths, *folders):
        if not os.access(path, os.R_OK):
            return f"cannot read {path}: put the data where all workers see them by the same path."
    nearest = next(str(folder) for folder in (Path(output), *Path(output).parents) if folder.exists())
    if not os.access(nearest, os.W_OK):
        return f"cannot write to {nearest}: choose an output folder that all workers may write to."
    return ""


def _work(
    case: Case, folder: str, parameters: Parameters, device: str, overwrite: bool, strip: bool, this: str
) -> dict[str, Any] | None:  # fmt: skip
    """In a worker: one case, None where the run was stopped; no exception, whose class the other side may not know."""

    def stopped() -> bool:
        return this in _stopped

    if stopped():
        return None
    try:
        model = models.find(folder)
        if not overwrite and (done := cases.finished(case, model, parameters)):
            return done  # by a worker that was lost before it could say so
        with _one_case:
            return cases.run(case, _segmenter(model, device), parameters, overwrite, None, strip, stopped)[0]
    except Cancelled:
        return None
    except DINSegmentError as error:
        return {"error": str(error)}
    except Exception as error:
        return {"error": f"{case.input} failed unexpectedly ({error}): please report it."}


def _segmenter(model: models.Model, device: str) -> Any:
    import torch
    from distributed import get_worker

    from ..engine.segmenter import Segmenter

    key = f"{model.folder} {model.sha256} {device}"
    if key not in _warm:
        _warm.clear()  # two models may not fit
        torch.set_num_threads(get_worker().state.nthreads)
        _warm[key] = Segmenter(model, device)
    return _warm[key]
