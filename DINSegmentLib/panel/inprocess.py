"""Runs inside Slicer's process, for Python scripts: calls are synchronous, and the model stays loaded.

A run changes the scene in the same way as the Segment button: see `jobs`.
"""

from collections.abc import Callable, Mapping
from typing import Any

from slicer.i18n import tr as _

from ..engine.parameters import Parameters
from ..engine.warm import WarmModel
from ..errors import InputError, TorchMissing
from ..worker.work import Task, heard, torch_needed, work
from . import installer
from .jobs import Job

Watcher = Callable[[Job, Any, Mapping[str, Any]], None]

_watchers: list[Watcher] = []
_warm = WarmModel()  # shared by all instances of the module's logic, because scripts create one per call


def run(
    make: Callable[[], Job],
    parameters: Parameters,
    device: str = "auto",
    progress: Callable[[int, int], Any] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Any:
    """Run a job and put its result into the scene.

    Args:
        make: creates the job, or raises an error about its volume.
        parameters: settings of the run.
        device: auto, cpu, cuda, cuda:N or mps.
        progress: called with slices done and total slices.
        cancelled: called between batches; True stops the run.

    Returns:
        node of the result.

    Raises:
        TorchMissing: PyTorch is not installed or cannot be loaded.
        DINSegmentError: as `worker.work.work` and `Job.write`; the scene is unchanged.
    """
    if not installer.torch_is_installed():
        raise TorchMissing(_("PyTorch is missing: install it with the PyTorch extension of Slicer, then try again."))
    job = make()
    array, geometry, times = job.data()
    task = Task(
        volume=array, geometry=geometry, parameters=parameters, times=times, map=job.map, surfaces=job.surfaces,
        name=job.volume_node.GetName(),
    )  # fmt: skip
    with torch_needed():
        segmenter = _warm.segmenter(job.model, device)
    made = work(segmenter, task, progress or (lambda done, total: None), cancelled or (lambda: False))
    if reason := job.gone():
        raise InputError(reason)
    story = heard(made.story, made.surfaces)
    node = job.write(made.array, story)
    for watcher in list(_watchers):
        watcher(job, node, story)
    return node


def watch(watcher: Watcher) -> None:
    """Call a function after each run: with the job, the node of its result, and the run's report."""
    _watchers.append(watcher)


def unwatch(watcher: Watcher) -> None:
    """Stop calling a function registered with `watch`."""
    _watchers.remove(watcher)


def release() -> None:
    """Free the model's memory; the next run loads the model again."""
    _warm.release()
