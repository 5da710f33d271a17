"""Maps over the volume on a click: where the network has low confidence, and which image a label relies on."""

from collections.abc import Callable, Mapping
from typing import Any

from ... import scene
from ...worker.protocol import Code, Map
from ..jobs import Job, MapJob
from ..session import Session


class MapSection:
    """Two buttons, of which one is down while its map lies over the volume; a map goes when the voxels change.

    Args:
        ui: the panel's widgets.
        session: what is chosen.
        begin: begins a run with what makes its job; False: it was not begun, and the user was shown why.
        show: shows how far a run is, see `Job`.
        end: shows how a run has ended, with its code and a sentence.
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
        """Show the map of another volume, and no other; None: there is no volume."""
        scene.hide_maps(volume_node)
        self.lay()
        self.update()

    def follow_voxels(self) -> None:
        """The voxels have become others: the map was of what they were."""
        if self._found() is not None:
            self._remove()

    def update(self) -> None:
        """The buttons follow the scene."""
        found = self._found()
        with self.session.quietly():
            for kind, button in self._buttons.items():
                button.checked = found is not None and found[1] == kind

    def lay(self) -> None:
        """Lay the map over the volume in views that have just come to show it."""
        if (found := self._found()) is not None:
            scene.show_map(found[0])

    def onMap(self, wanted: Map, checked: bool) -> None:
        """Make a map, or take it away."""
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
        """The run has ended, one way or the other."""
        self._end(code, text)
        scene.hide_maps(self.session.volume)  # the user may have chosen another volume meanwhile
        self.update()

    def _found(self) -> tuple[Any, str] | None:
        node = self.session.volume
        return None if node is None else scene.find_map(node)

    def _remove(self) -> None:
        if (found := self._found()) is not None:
            scene.remove_map(found[0])
        self.update()
