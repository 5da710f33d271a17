"""Observers that report changes of a volume's voxels or a segmentation's segments."""

from collections.abc import Callable
from typing import Any

import qt
from vtkmodules.vtkCommonCore import vtkCommand

from .. import scene

_REST = 300  # ms without further edits before a segmentation is measured


class VoxelWatch:
    """Reports when the voxels of a volume have changed, by an edit or to another frame of a cine.

    Args:
        parent: QObject that owns the timer.
        on_change: called when the scene is idle, because a sequence browser may be in the middle of changing frames.
    """

    def __init__(self, parent: Any, on_change: Callable[[], None]) -> None:
        self._observed: tuple[Any, int] | None = None
        self._time = self._state = 0
        self._timer = _single_shot(parent, 0, on_change)

    def follow(self, volume_node: Any) -> None:
        """Observe another volume; None for none."""
        self._timer.stop()
        if self._observed is not None:
            node, tag = self._observed
            node.RemoveObserver(tag)
            self._observed = None
        if volume_node is not None:
            self._observed = volume_node, volume_node.AddObserver(vtkCommand.ModifiedEvent, self._look)
            self._time, self._state = _time(volume_node), scene.voxel_state(volume_node)

    def _look(self, node: Any, event: Any) -> None:
        if (now := _time(node)) == self._time:
            return
        self._time = now
        if (state := scene.voxel_state(node)) != self._state:
            self._state = state
            self._timer.start()


class SegmentWatch:
    """Reports edits of segments anywhere in Slicer; changing the frame of a cine is not an edit.

    Args:
        parent: QObject that owns the timer.
        on_edit: called immediately.
        on_rest: called when there were no further edits for a while.
    """

    def __init__(self, parent: Any, on_edit: Callable[[], None], on_rest: Callable[[], None]) -> None:
        self._on_edit = on_edit
        self._node: Any = None
        self._tags: list[int] = []
        self._timer = _single_shot(parent, _REST, on_rest)

    def follow(self, node: Any) -> None:
        """Observe another segmentation; None for none."""
        self._timer.stop()
        for tag in self._tags:
            self._node.RemoveObserver(tag)
        self._node, self._tags = node, []
        if node is None:
            return
        kinds = node.GetSegmentation()  # the node forwards its events; with each frame it gets another segmentation
        events = (
            kinds.SourceRepresentationModified, kinds.SegmentAdded, kinds.SegmentRemoved, node.TransformModifiedEvent,
        )  # fmt: skip
        self._tags = [node.AddObserver(event, self._look) for event in events]

    def wait(self) -> None:
        """Call ``on_rest`` later, as after an edit."""
        self._timer.start()

    def _look(self, node: Any, event: Any) -> None:
        self._on_edit()
        self._timer.start()


def _single_shot(parent: Any, milliseconds: int, on_timeout: Callable[[], None]) -> Any:
    timer = qt.QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(milliseconds)
    timer.connect("timeout()", on_timeout)
    return timer


def _time(node: Any) -> int:
    """Return when the voxels of a volume were last written."""
    return node.GetImageData().GetMTime() if node.GetImageData() is not None else 0
