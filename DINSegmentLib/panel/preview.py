"""Live preview: keeps a volume node equal to the network's input, in steps of a few milliseconds."""

from collections.abc import Callable
from typing import Any

import qt
from slicer.i18n import tr as _

from .. import scene
from ..engine.preview import Preview
from ..errors import InputError
from ..model import Enhancement, Model
from ..scene.enhanced import ENHANCEMENT, SOURCE, note_enhancement

_TURN = 0.03  # seconds of work per turn of the event loop


class LivePreview:
    """Computes the enhanced volume while the event loop is idle.

    Args:
        parent: QObject that owns the timer.
        chosen: called with the enhanced volume's node when a new one is created.
    """

    def __init__(self, parent: Any, chosen: Callable[[Any], None]) -> None:
        self._chosen = chosen
        self._preview: Preview | None = None
        self._made_of: tuple[Any, ...] = ()
        self.node: Any = None  # node that is kept up to date
        self._timer = qt.QTimer(parent)
        self._timer.setInterval(0)
        self._timer.connect("timeout()", self._on_turn)

    @property
    def working(self) -> bool:
        return self._timer.active

    def show(self, volume_node: Any, node: Any, model: Model, enhancement: Enhancement) -> None:
        """Begin to update a node, the visible slice first.

        Args:
            volume_node: volume to enhance.
            node: receives the result; None for a new node, which is passed to ``chosen``.

        Raises:
            InputError, GeometryError: the volume cannot be used, or ``node`` has an image not made by DINSegment.
        """
        volume = scene.read_volume(volume_node)
        made_of = volume_node.GetID(), volume_node.GetImageData().GetMTime(), model.intensity, model.axes
        if node is not None and node.GetNodeReferenceID(SOURCE) not in (None, volume_node.GetID()):
            node = None  # made from another volume and named after it
        preview = self._preview
        if preview is None or node is not self.node or made_of != self._made_of or node.GetImageData() is None:
            preview = self._begin(volume, volume_node, node, model, enhancement)
            self._made_of = made_of
        else:
            note_enhancement(node, enhancement)
        preview.choose(enhancement, scene.visible_slice(volume_node))
        self._timer.start()
        self._on_turn()

    def stop(self) -> None:
        """Stop and release the volume."""
        self._timer.stop()
        self._preview, self._made_of, self.node = None, (), None

    def _begin(
        self, volume: scene.Volume, volume_node: Any, node: Any, model: Model, enhancement: Enhancement
    ) -> Preview:
        if node is not None and node.GetImageData() is not None and node.GetAttribute(ENHANCEMENT) is None:
            raise InputError(
                _("{name} contains another image, which would be lost: choose another enhanced volume.").format(
                    name=node.GetName()
                )
            )
        self.stop()
        out = scene.allocate_enhanced(volume_node, enhancement, node=node)
        preview = Preview(volume.array, volume.geometry, model.axes, model.intensity, out=scene.enhanced_array(out))
        self._preview, self.node = preview, out
        if node is None:
            self._chosen(out)
        return preview

    def _on_turn(self) -> None:
        if self._preview is None:  # stopped
            return
        more = self._preview.step(_TURN)
        scene.update_slices(self.node)
        if not more:
            self._timer.stop()
