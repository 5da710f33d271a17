"""Runs in Slicer's own process, for Python: a call returns when it is done, and the next one finds the model warm.

What a run leaves in the scene is what a click leaves there: see `jobs`.
"""

from collections.abc import Callable, Mapping
from typing import Any

from slicer.i18n import tr as _

from ..engine.parameters import Parameters
from ..errors import InputError, TorchMissing
from ..worker.work import Task, WarmModel, heard, work
from . import installer
from .jobs import Job

Watcher = Callable[[Job, Any, Mapping[str, Any]], None]

_watchers: list[Watcher] = []
_warm = WarmModel()  # for all objects of the module's logic: a script makes a new one at every call


def run(
    make: Callable[[], Job],
    parameters: Parameters,
    device: str = "auto",
    progress: Callable[[int, int], Any] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Any:
    """Do a job, and put its result into the scene.

    Args:
        make: makes what is done, or raises what is wrong with its volume.
        parameters: settings of the run.
        device: auto, cpu, cuda, cuda:N or mps.
        progress: called with slices done and slices in all.
        cancelled: asked between batches; True stops.

    Returns:
        the node of the result.

    Raises:
        TorchMissing: PyTorch is not installed.
        DINSegmentError: as `worker.work.work` and `Job.write`; the scene is as before.
    """
    if not installer.torch_is_installed():
        raise TorchMissing(_("PyTorch is missing: install it with the PyTorch extension of Slicer, then try again."))
    job = make()
    array, geometry, times = job.data()
    task = Task(
        volume=array, geometry=geometry, parameters=parameters, times=times, map=job.map, surfaces=job.surfaces,
        name=job.volume_node.GetName(),
    )  # fmt: skip
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
    """Call a function after every run here: with the job, the node of its result, and what the run told."""
    _watchers.append(watcher)


def unwatch(watcher: Watcher) -> None:
    """End `watch`."""
    _watchers.remove(watcher)


def release() -> None:
    """Give the memory of the model back; the next run loads it again."""
    _warm.release()
