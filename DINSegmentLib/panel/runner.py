"""From the click to the segmentation node: hands volumes to the worker, and its answers to the panel."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import qt
import slicer
from slicer.i18n import tr as _

from .. import scene
from ..engine.parameters import Parameters
from ..geometry import Geometry
from ..model import Model
from ..worker.client import Client, Request
from ..worker.protocol import Code, Map
from .process import WorkerProcess
from .translation import told

_TURN = 100  # ms between two looks at the time limits


class Runner:
    """One run at a time, in the worker's process.

    Args:
        parent: QObject that owns process and timer.
        on_log: gets lines for the log.
        on_trouble: gets what the worker cannot do, when that is not about a run.
    """

    def __init__(
        self, parent: Any, on_log: Callable[[str], None], on_trouble: Callable[[Code, str], None]
    ) -> None:  # fmt: skip
        self._channel = WorkerProcess(parent, on_log)
        self.client = self._channel.client = Client(self._channel)
        self.client.on_trouble = on_trouble
        self._timer = qt.QTimer(parent)
        self._timer.connect("timeout()", self._on_turn)

    @property
    def busy(self) -> bool:
        return self.client.busy

    def segment(self, parameters: Parameters, device: str, threads: int, job: "Job") -> None:
        """Begin.

        Raises:
            InputError, GeometryError: the volume node cannot be used.
            OSError: there is no place for temporary files.
        """
        array, geometry, times = job.data()
        # a node's name may be a patient's, and messages go into the log: the worker is not told
        request = Request(
            array, geometry, Path(job.model.folder), device, threads, parameters, times=times, map=job.map,
            surfaces=job.surfaces,
        )  # fmt: skip
        self.client.segment(request, job)
        self._timer.start(0)

    def warm_up(self, on_devices: Callable[[list[dict[str, str]]], None]) -> None:
        """Start the worker before it is needed, and ask it for the devices that work here."""
        self.client.on_devices = on_devices
        self.client.ask_for_devices()

    def cancel(self) -> None:
        self.client.cancel()

    def release(self) -> None:
        self.client.release()

    def end(self) -> None:
        """Stop everything at once: the panel goes."""
        self._timer.stop()
        self.client.release()
        self._channel.end()

    def _on_turn(self) -> None:
        self.client.tick()
        if not self.busy:
            self._timer.stop()
        elif self._timer.interval == 0 and not self.client.copying:
            self._timer.start(_TURN)


class Job:
    """One click on Segment, as `worker.client.Listener`: shows progress, and at last changes the scene, or does not.

    Attributes:
        map: what is asked for in place of labels.
        surfaces: whether closed surfaces are asked for beside the labels.

    Args:
        volume_node: what is segmented.
        segmentation_node: what gets the result; None for a new node.
        model: that segments.
        show: called with a sentence, slices done and slices in all (0 while that is not known).
        over: called once with the node of the result (None: there is none), the code of a failure, a sentence, and
            after success what the worker told of the run.
    """

    map: Map | None = None
    surfaces = False

    def __init__(
        self,
        volume_node: Any,
        segmentation_node: Any,
        model: Model,
        show: Callable[[str, int, int], None],
        over: Callable[..., None],
    ) -> None:
        self.volume_node, self.segmentation_node, self.model = volume_node, segmentation_node, model
        self._show, self._over = show, over
        self._began = time.monotonic()
        self._first = 0.0
        self._changed = self.state()

    def data(self) -> tuple[np.ndarray, Geometry, Sequence[float] | None]:
        """Voxels, their grid, and the times of frames."""
        volume = scene.read_volume(self.volume_node)
        return volume.array, volume.geometry, None

    def state(self) -> Any:
        """Another value when the voxels have become others."""
        return self.volume_node.GetImageData().GetMTime()

    def needed(self) -> list[Any]:
        """Nodes without which the result has no place."""
        return [node for node in (self.volume_node, self.segmentation_node) if node is not None]

    def write(self, labels: np.ndarray, story: Mapping[str, Any]) -> Any:
        """Put the result into the scene; its node."""
        node = scene.write_segmentation(
            labels, self.volume_node, self.model.labels, node=self.segmentation_node, surfaces=story["surfaces"]
        )
        self.note(node, story)
        return node

    def note(self, node: Any, story: Mapping[str, Any]) -> None:
        """Keep with the result what cannot be told from it again."""
        scene.note(node, scene.RUN, {"model": self.model.id, "review": list(story["review"])})

    def loading(self, warm: bool) -> None:
        self._show(_("The model is ready.") if warm else _("Loading the model..."), 0, 0)

    def progressed(self, done: int, total: int) -> None:
        now = time.monotonic()
        if done == 0:
            self._first = now
            text = _("Segmenting...") if self.map is None else _("Asking the network...")
        else:
            left = (now - self._first) / done * (total - done)
            text = _("{done} of {total} slices, {left} s left").format(done=done, total=total, left=round(left))
        self._show(text, done, total)

    def finished(self, labels: np.ndarray, story: dict[str, Any]) -> None:
        if reason := self._gone():
            self._over(None, Code.INPUT, reason)
            return
        try:
            node = self.write(labels, story)
        except Exception as error:
            self._over(None, Code.INTERNAL, told(error))
            return
        text = _("Done in {seconds:.1f} s on {device}.").format(
            seconds=time.monotonic() - self._began, device=story["device"]
        )
        self._over(node, None, " ".join((text, *(told(one.text) for one in story["notices"]))), story)

    def failed(self, code: Code, text: str) -> None:
        self._over(None, code, text)

    def _gone(self) -> str:
        """Why the result has no place any more, or nothing."""
        if any(slicer.mrmlScene.GetNodeByID(node.GetID() or "") is not node for node in self.needed()):
            return _("The volume or the output was removed during the run: choose them again and segment once more.")
        if self.state() != self._changed:
            return _("The volume was changed during the run, and the result does not fit it: segment once more.")
        return ""
