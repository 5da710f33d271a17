"""Jobs: what the panel or a script segments, and how the result changes the scene."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import slicer
from slicer.i18n import tr as _

from .. import __version__, scene
from ..geometry import Geometry
from ..model import Model
from ..worker.protocol import Code, Map
from .translation import told

_WRITE = {Map.CONFIDENCE: scene.write_confidence, Map.ATTRIBUTION: scene.write_attribution}


def _ignore(*values: Any) -> None:
    """Default callback for calls from Python, which get a return value or an exception."""


class Job:
    """A volume to segment, as `worker.client.Listener`; shows progress, and changes the scene only if it succeeds.

    Attributes:
        map: map to compute instead of labels.
        surfaces: whether to compute closed surfaces in addition to labels.
        keep_surfaces: whether to recompute the output's existing surfaces before `over` is called, which is slow.

    Args:
        volume_node: volume to segment.
        segmentation_node: receives the result; None for a new node.
        model: model to run.
        show: called with a sentence, slices done and total slices (0 if unknown).
        over: called once with the node of the result (or None), the code of a failure, a sentence, and
            after success the worker's report.
    """

    map: Map | None = None
    surfaces = False
    keep_surfaces = True

    def __init__(
        self,
        volume_node: Any,
        segmentation_node: Any,
        model: Model,
        show: Callable[[str, int, int], None] = _ignore,
        over: Callable[..., None] = _ignore,
    ) -> None:
        self.volume_node, self.segmentation_node, self.model = volume_node, segmentation_node, model
        self._show, self._over = show, over
        self._began = time.monotonic()
        self._first = 0.0
        self._changed = self.state()

    def data(self) -> tuple[np.ndarray, Geometry, Sequence[float] | None]:
        """Return voxels, (K, J, I) or, for a cine, (T, K, J, I); the grid of a frame; frame times in ms, if known."""
        volume = scene.read_volume(self.volume_node)
        return volume.array, volume.geometry, None

    def state(self) -> Any:
        """Return a value that changes when the voxels change."""
        return scene.voxel_state(self.volume_node)

    def needed(self) -> list[Any]:
        """Return the nodes that must still exist for the result to be stored."""
        return [node for node in (self.volume_node, self.segmentation_node) if node is not None]

    def write(self, labels: np.ndarray, story: Mapping[str, Any]) -> Any:
        """Put the result into the scene and return its node."""
        node = scene.write_segmentation(
            labels, self.volume_node, self.model.labels, node=self.segmentation_node, surfaces=story["surfaces"],
            keep_surfaces=self.keep_surfaces,
        )  # fmt: skip
        self.note(node, story)
        return node

    def note(self, node: Any, story: Mapping[str, Any]) -> None:
        """Store with the result how it was made, its notices and the slices to review."""
        made_by = {"model": self.model.id, "version": self.model.version, "weights_sha256": self.model.sha256}
        how = {
            "date": datetime.now(UTC).isoformat(timespec="seconds"), "program": __version__,
            "device": story["device"], "precision": story["precision"], "parameters": story["parameters"],
            "timings": story["timings"],
        }  # fmt: skip
        notices = [one.to_json() for one in story["notices"]]
        scene.note(node, scene.RUN, {**made_by, **how, "notices": notices, "review": list(story["review"])})

    def loading(self, warm: bool) -> None:
        self._show(_("The model is ready.") if warm else _("Loading the model..."), 0, 0)

    def progressed(self, done: int, total: int) -> None:
        now = time.monotonic()
        if done == 0:
            self._first = now
            text = _("Segmenting...") if self.map is None else _("Computing map...")
        else:
            left = (now - self._first) / done * (total - done)
            text = _("{done} of {total} slices, {left} s left").format(done=done, total=total, left=round(left))
        self._show(text, done, total)

    def finished(self, labels: np.ndarray, story: dict[str, Any]) -> None:
        if reason := self.gone():
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
        self._over(node, None, text, story)

    def failed(self, code: Code, text: str) -> None:
        self._over(None, code, text)

    def gone(self) -> str:
        """Return why the result can no longer be stored, or an empty string."""
        if any(slicer.mrmlScene.GetNodeByID(node.GetID() or "") is not node for node in self.needed()):
            return _("The volume or the output was removed during the run: select them and segment again.")
        if self.state() != self._changed:
            return _("The volume was changed during the run, and the result does not fit it: segment again.")
        return ""


class CineJob(Job):
    """Segmentation of all frames of a cine.

    Args:
        cine: cine to segment.
        segmentation_node, model, show, over: as for `Job`.
    """

    def __init__(
        self, cine: scene.Cine, segmentation_node: Any, model: Any, show: Any = _ignore, over: Any = _ignore
    ) -> None:
        self.cine = cine
        super().__init__(cine.proxy, segmentation_node, model, show, over)

    def data(self) -> tuple[np.ndarray, Geometry, Sequence[float] | None]:
        frames, geometry = scene.read_frames(self.cine)
        return np.stack(frames), geometry, self.cine.times_ms

    def state(self) -> Any:
        return self.cine.state

    def needed(self) -> list[Any]:
        return [*super().needed(), self.cine.browser, self.cine.sequence]

    def write(self, labels: np.ndarray, story: Mapping[str, Any]) -> Any:
        node = scene.write_cine(labels, self.cine, self.model.labels, node=self.segmentation_node)
        self.note(node, story)
        if story["function"] is not None:
            scene.write_curve(story["function"].curve(), node, told)
        return node


class MapJob(Job):
    """Computation of a map.

    Args:
        wanted: map to compute.
        volume_node, model, show, over: as for `Job`.
    """

    def __init__(self, wanted: Map, volume_node: Any, model: Any, show: Any = _ignore, over: Any = _ignore) -> None:
        super().__init__(volume_node, None, model, show, over)
        self.map, self._write = wanted, _WRITE[wanted]

    def write(self, labels: np.ndarray, story: Mapping[str, Any]) -> Any:
        """Replace an earlier map of the volume."""
        earlier = scene.find_map(self.volume_node)
        node = self._write(labels, self.volume_node)
        if earlier is not None:
            scene.remove_map(earlier[0])
        return node
