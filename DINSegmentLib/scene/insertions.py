"""The insertions of the right ventricle, which a person may move: noted with a result, and as points in the views.

The points live in a ``vtkMRMLMarkupsFiducialNode`` of Slicer's Markups module only while they are shown; the scene is
saved without them. What counts is the note, in the volume's own coordinates.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import slicer

from ..measure.short_axis import Insertion
from .node_attributes import note, noted
from .volumes import to_world

INSERTIONS = "DINSegment.Insertions"  # with a segmentation
_CLASS = "vtkMRMLMarkupsFiducialNode"
_MOVED = 0.01  # mm


def insertion_of(node: Any, volume_node: Any) -> Insertion | None:
    """Where a person has put the insertions of a result, in the world; None: nowhere.

    Args:
        node: the segmentation.
        volume_node: the volume that it was made of.

    Raises:
        GeometryError: the volume is under a transform that is not linear.
    """
    try:
        points = np.array(noted(node, INSERTIONS), dtype=float).reshape(2, 3)
    except (TypeError, ValueError):
        return None
    if not np.isfinite(points).all():
        return None
    return _as_insertion((to_world(volume_node) @ np.vstack([points.T, np.ones(2)]))[:3].T)


def note_insertion(node: Any, volume_node: Any, insertion: Insertion) -> None:
    """Keep with a result where a person has put the insertions, given in the world.

    Raises:
        GeometryError: as `insertion_of`.
    """
    places = np.array([insertion.anterior, insertion.inferior])
    own = np.linalg.inv(to_world(volume_node)) @ np.vstack([places.T, np.ones(2)])
    note(node, INSERTIONS, own[:3].T.tolist())


def forget_insertion(node: Any) -> None:
    """Let the right ventricle's label count again."""
    note(node, INSERTIONS, None)


class InsertionPoints:
    """The two points in the views; at most one result has them.

    Args:
        moved: called at every change of a point's place, also amid a movement.
    """

    def __init__(self, moved: Callable[[], None]) -> None:
        self._moved = moved
        self._points: Any = None
        self._of: tuple[Any, Any] | None = None  # segmentation and volume
        self._placed = np.zeros((2, 3))
        self._tag = 0

    @staticmethod
    def available() -> bool:
        """Whether this Slicer has the Markups module."""
        return hasattr(slicer, _CLASS)

    @property
    def shown(self) -> bool:
        """Whether the points are in the scene; a user may delete them there."""
        return self._points is not None and bool(slicer.mrmlScene.IsNodePresent(self._points))

    def show(self, node: Any, volume_node: Any, found: Insertion, labels: Sequence[str]) -> None:
        """Put the points at the insertions of a result; points of another result are removed.

        Args:
            node, volume_node: as of `insertion_of`.
            found: the insertions in the world, a person's or the label's.
            labels: of the anterior and the inferior point.
        """
        self.remove()
        points = slicer.mrmlScene.AddNewNodeByClass(_CLASS, "DINSegment RV insertions")
        points.SetSaveWithScene(False)
        points.CreateDefaultDisplayNodes()
        for place, label in zip((found.anterior, found.inferior), labels, strict=True):
            points.AddControlPointWorld(*place, label)
        points.SetFixedNumberOfControlPoints(True)
        self._points, self._of, self._placed = points, (node, volume_node), _places(points)
        self._tag = points.AddObserver(slicer.vtkMRMLMarkupsNode.PointModifiedEvent, lambda *_: self._moved())

    def keep(self) -> bool:
        """Note where the points are now; False: they were not moved, or they are gone.

        Raises:
            GeometryError: as `insertion_of`.
        """
        if not self.shown or self._of is None:
            return False
        places = _places(self._points)
        if np.abs(places - self._placed).max() < _MOVED:
            return False
        note_insertion(*self._of, _as_insertion(places))
        self._placed = places
        return True

    def remove(self) -> None:
        """Take the points out of the scene; what was noted stays."""
        if self._points is not None:
            self._points.RemoveObserver(self._tag)
            if self.shown:
                slicer.mrmlScene.RemoveNode(self._points)
        self._points = self._of = None


def _places(points: Any) -> np.ndarray:
    """(2, 3) in the world."""
    return np.array([list(points.GetNthControlPointPositionWorld(index)) for index in (0, 1)])


def _as_insertion(places: np.ndarray) -> Insertion:
    anterior, inferior = (tuple(place) for place in places.tolist())
    return Insertion(anterior, inferior)
