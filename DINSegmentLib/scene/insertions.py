"""Insertion points of the right ventricle, which the user can move: stored with a result, and shown in the views.

The points are in a ``vtkMRMLMarkupsFiducialNode`` of Slicer's Markups module only while shown, and are not saved with
the scene. Reports use the stored positions, which are in the volume's own coordinates.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import slicer

from ..measure.short_axis import Insertion
from .node_attributes import note, noted
from .volumes import to_world

INSERTIONS = "DINSegment.Insertions"  # attribute of a segmentation
_CLASS = "vtkMRMLMarkupsFiducialNode"
_MOVED = 0.01  # mm; smaller changes are ignored


def insertion_of(node: Any, volume_node: Any) -> Insertion | None:
    """Return the insertion points that the user has set for a result, in world coordinates; None if not set.

    Args:
        node: segmentation of the result.
        volume_node: volume of the result.

    Raises:
        GeometryError: the volume has a nonlinear parent transform.
    """
    try:
        points = np.array(noted(node, INSERTIONS), dtype=float).reshape(2, 3)
    except (TypeError, ValueError):
        return None
    if not np.isfinite(points).all():
        return None
    return _as_insertion((to_world(volume_node) @ np.vstack([points.T, np.ones(2)]))[:3].T)


def note_insertion(node: Any, volume_node: Any, insertion: Insertion) -> None:
    """Store insertion points set by the user, given in world coordinates, with a result.

    Raises:
        GeometryError: as for `insertion_of`.
    """
    places = np.array([insertion.anterior, insertion.inferior])
    own = np.linalg.inv(to_world(volume_node)) @ np.vstack([places.T, np.ones(2)])
    note(node, INSERTIONS, own[:3].T.tolist())


def forget_insertion(node: Any) -> None:
    """Remove the stored points, so that the insertions are found in the labels."""
    note(node, INSERTIONS, None)


class InsertionPoints:
    """The two points in the views; only one result at a time has them.

    Args:
        moved: called at each change of a point's position, also during a drag.
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
        """Whether the points are in the scene, where the user may have deleted them."""
        return self._points is not None and bool(slicer.mrmlScene.IsNodePresent(self._points))

    def show(self, node: Any, volume_node: Any, found: Insertion, labels: Sequence[str]) -> None:
        """Show the points of a result and remove those of another one.

        Args:
            node, volume_node: as for `insertion_of`.
            found: insertion points in world coordinates, set by the user or from the label.
            labels: names of the anterior and the inferior point.
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
        """Store the current positions; return False if the points were not moved or are gone.

        Raises:
            GeometryError: as for `insertion_of`.
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
        """Remove the points from the scene; stored positions are kept."""
        if self._points is not None:
            self._points.RemoveObserver(self._tag)
            if self.shown:
                slicer.mrmlScene.RemoveNode(self._points)
        self._points = self._of = None


def _places(points: Any) -> np.ndarray:
    """Positions (2, 3) in world coordinates."""
    return np.array([list(points.GetNthControlPointPositionWorld(index)) for index in (0, 1)])


def _as_insertion(places: np.ndarray) -> Insertion:
    anterior, inferior = (tuple(place) for place in places.tolist())
    return Insertion(anterior, inferior)
