"""Maps over the volume: where confidence is low, and which input image a label relies on."""

from collections.abc import Callable, Mapping
from typing import Any

from ... import scene
from ...worker.protocol import Code, Map
from ..jobs import Job, MapJob
from ..session import Session


class MapSection:
    """Two buttons, one checked while its map is shown; a map is removed when the voxels change.

    Args:
        ui: the panel's widgets.
        session: the current selection.
        begin: starts a run with a function that makes its job; False if not started, with the reason shown.
        show: shows the progress of a run, see `Job`.
        end: shows the end of a run, with its code and a sentence.
    """

    def __init__(
        self,
        ui: Any,
        session: Session,
        begin: Callable[[Callable[[], Job]], bool],
        show: Callable[[str, int, int], None],
        end: Callable[[Code | None, str], None],
    ) -> None:
        self.session, self._begin, self._progress, self._end = session, begin, show, end
        self._buttons = {Map.CONFIDENCE: ui.confidenceButton, Map.ATTRIBUTION: ui.whyButton}
        ui.confidenceButton.connect("toggled(bool)", lambda checked: self.onMap(Map.CONFIDENCE, checked))
        ui.whyButton.connect("toggled(bool)", lambda checked: self.onMap(Map.ATTRIBUTION, checked))

    def follow(self, volume_node: Any) -> None:
        """Show only the map of another volume; None if there is no volume."""
        scene.hide_maps(volume_node)
        self.lay()
        self.update()

    def follow_voxels(self) -> None:
        """Remove the map, because the voxels have changed."""
        if self._found() is not None:
            self._remove()

    def update(self) -> None:
        """Update the buttons from the scene."""
        found = self._found()
        with self.session.quietly():
            for kind, button in self._buttons.items():
                button.checked = found is not None and found[1] == kind

    def lay(self) -> None:
        """Show the map in views that have just been set to show the volume."""
        if (found := self._found()) is not None:
            scene.show_map(found[0])

    def onMap(self, wanted: Map, checked: bool) -> None:
        """Compute a map or remove it."""
        session = self.session
        if session.deaf:
            return
        if not checked:
            self._remove()
            return
        node, model = session.volume, session.model
        if not self._begin(lambda: MapJob(wanted, node, model, self._progress, self.over)):
            self.update()

    def over(self, node: Any, code: Code | None, text: str, story: Mapping[str, Any] | None = None) -> None:
        """Called when the run has ended in any way."""
        self._end(code, text)
        scene.hide_maps(self.session.volume)  # the user may have selected another volume meanwhile
        self.update()

    def _found(self) -> tuple[Any, str] | None:
        node = self.session.volume
        return None if node is None else scene.find_map(node)

    def _remove(self) -> None:
        if (found := self._found()) is not None:
            scene.remove_map(found[0])
        self.update()
