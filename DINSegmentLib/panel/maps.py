"""What the network tells of every voxel, laid over the volume on a click: its confidence, and which image decided."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import qt
from vtkmodules.vtkCommonCore import vtkCommand

from .. import scene
from ..worker.protocol import Code, Map
from .runner import Job

_WRITE = {Map.CONFIDENCE: scene.write_confidence, Map.WHY: scene.write_decided}


class MapJob(Job):
    """One click on a button of a map.

    Args:
        wanted: which map.
        volume_node, model, show, over: as for `Job`.
    """

    def __init__(self, wanted: Map, volume_node: Any, model: Any, show: Any, over: Any) -> None:
        super().__init__(volume_node, None, model, show, over)
        self.map, self._write = wanted, _WRITE[wanted]

    def write(self, labels: np.ndarray, story: Mapping[str, Any]) -> Any:
        """In the place of an earlier map of the volume."""
        earlier = scene.find_map(self.volume_node)
        node = self._write(labels, self.volume_node)
        if earlier is not None:
            scene.remove_map(earlier[0])
        return node


class Maps:
    """Two buttons, of which one is down while its map lies over the volume; a map goes when the voxels change.

    Args:
        panel: the `Panel`, for its widgets and what is chosen.
        running: begins and ends runs.
        widget: owns the timer that lets a map go.
    """

    def __init__(self, panel: Any, running: Any, widget: Any) -> None:
        self.panel, self.running = panel, running
        self._timer = qt.QTimer(widget)
        self._timer.setSingleShot(True)
        self._timer.setInterval(0)
        self._timer.connect("timeout()", self._remove)
        self._observed: tuple[Any, int] | None = None
        self._voxels = 0
        self._buttons = {Map.CONFIDENCE: panel.ui.confidenceButton, Map.WHY: panel.ui.whyButton}
        panel.ui.confidenceButton.connect("toggled(bool)", lambda checked: self.onMap(Map.CONFIDENCE, checked))
        panel.ui.whyButton.connect("toggled(bool)", lambda checked: self.onMap(Map.WHY, checked))

    def follow(self, volume_node: Any) -> None:
        """Show which map a volume has, and watch its voxels; None: there is no volume."""
        if self._observed is not None:
            node, tag = self._observed
            node.RemoveObserver(tag)
            self._observed = None
        if volume_node is not None:
            self._observed = volume_node, volume_node.AddObserver(vtkCommand.ModifiedEvent, self._on_volume)
            self._voxels = _time(volume_node)
        self.update()

    def update(self) -> None:
        """The buttons follow the scene."""
        found = self._found()
        with self.panel.quietly():
            for kind, button in self._buttons.items():
                button.checked = found is not None and found[1] == kind

    def show(self) -> None:
        """Lay the map over the volume in views that have just come to show it."""
        if (found := self._found()) is not None:
            scene.show_map(found[0])

    def onMap(self, wanted: Map, checked: bool) -> None:
        """Make a map, or take it away."""
        panel = self.panel
        if panel.deaf:
            return
        if not checked:
            self._remove()
            return
        node = panel.parameters.inputVolume
        self.running.begin(lambda: MapJob(wanted, node, panel.model, self.running.progressed, self.over))
        if not self.running.runner.busy:  # the user was told why
            self.update()

    def over(self, node: Any, code: Code | None, text: str, story: Mapping[str, Any] | None = None) -> None:
        """The run has ended, one way or the other."""
        self.running.end(code, text)
        self.update()

    def _found(self) -> tuple[Any, str] | None:
        node = self.panel.parameters.inputVolume if self.panel.parameters is not None else None
        return None if node is None else scene.find_map(node)

    def _remove(self) -> None:
        if (found := self._found()) is not None:
            scene.remove_map(found[0])
        self.update()

    def _on_volume(self, node: Any, event: Any) -> None:
        """Are they other voxels? Their map goes when the scene is at rest: a browser may be amid showing a frame."""
        if _time(node) != self._voxels:
            self._voxels = _time(node)
            if self._found() is not None:
                self._timer.start()


def _time(node: Any) -> int:
    """Another number when the voxels of a volume have become others."""
    return node.GetImageData().GetMTime() if node.GetImageData() is not None else 0
