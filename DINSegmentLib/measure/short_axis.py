"""Short-axis slices of a left ventricle: which are measured, their walls, and their septum."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..geometry import Geometry
from ..messages import Sentence as _
from ..model import Axes
from ..model.orientation import orientation
from .function import ENCLOSED, base_first, cut, enclosed
from .segments import RINGS, Septum, contact, rings, septum, turn_of
from .wall import Wall, measure_wall


@dataclass(frozen=True)
class Insertion:
    """Insertion points of the right ventricle, as the user or a label defines them: (3,) in RAS mm."""

    anterior: tuple[float, float, float]
    inferior: tuple[float, float, float]


class ShortAxis:
    """A left ventricle at one moment: slices (S, H, W) in the model's axes, and the walls that are closed.

    Args:
        masks: cavity, wall with any scar in it, and right ventricle, (K, J, I) bool.
        geometry: grid of the masks.
        axes: axes of the model.
        places: slice indices from base to apex, as another moment of the same heart has them; None finds them here.
    """

    def __init__(
        self, masks: Iterable[np.ndarray], geometry: Geometry, axes: Axes, places: Sequence[int] | None = None
    ) -> None:
        self.geometry, self.orient = geometry, orientation(geometry, axes)
        self.cavity, self.wall, self.right = map(self.orient.to_model, masks)
        self.spacing = np.array(self.orient.spacing[1:])
        signs = np.where(self.orient.flipped, -1, 1)
        self.axes = geometry.directions[:, ::-1][:, list(self.orient.order)] * signs  # (3, 3) of slice, row, column
        self.areas = np.count_nonzero(self.cavity, axis=(1, 2))
        self.places = self._from_base() if places is None else list(places)
        self.walls: dict[int, Wall] = {}
        for place in self.places:
            cavity, wall = self.cavity[place], self.wall[place]
            closes = cavity.any() and enclosed(cavity, wall) >= ENCLOSED
            if closes and (found := measure_wall(cavity, wall, tuple(self.spacing))):
                self.walls[place] = found

    def _from_base(self) -> list[int]:
        """Order the slice indices from base to apex."""
        heart = np.count_nonzero(self.cavity | self.wall | self.right, axis=(1, 2))
        return list(range(len(heart)))[:: 1 if base_first(heart) else -1]

    def stored(self, place: int) -> int:
        """Return the stored index of a slice."""
        return len(self.cavity) - 1 - place if self.orient.flipped[0] else place

    def undivided(self, counted: Sequence[int], areas: np.ndarray) -> str | None:
        """Why the slices cannot be divided into rings, or None. ``areas``: cavity at all moments, base first."""
        if len(counted) < 3:
            return _(
                "Only {count} slices show a closed wall at end-diastole, and three rings need three or more: segments "
                "are not reported.",
                count=len(counted),
            )
        if end := cut(areas, range(len(areas))):
            return _("The stack does not cover the {end} of the left ventricle: segments are not reported.", end=end)
        between = self.places[self.places.index(counted[0]) : self.places.index(counted[-1])]
        if gaps := [place for place in between if place not in counted]:
            return _(
                "The wall does not close around the cavity in slice {number}, between slices where it does: segments "
                "are not reported.",
                number=self.stored(gaps[0]) + 1,
            )
        return None

    def arcs(self, places: Sequence[int]) -> list[np.ndarray]:
        """Arcs along which the right ventricle touches the wall, in the slices that show it."""
        found = [
            contact(self.right[at], self.cavity[at] | self.wall[at], self.walls[at].center, self.spacing)
            for at in places
            if at in self.walls
        ]
        return [arc for arc in found if arc is not None]

    @property
    def turn(self) -> int:
        """Direction from the anterior to the inferior insertion in a left-sided heart, see `Septum.turn`.

        It is counterclockwise seen from the apex.
        """
        apexward = self.axes[:, 0] * (1 if self.places[0] == 0 else -1)
        return 1 if float(np.cross(self.axes[:, 1], self.axes[:, 2]) @ apexward) > 0 else -1

    def in_plane(self, point: Sequence[float]) -> np.ndarray:
        """Convert a point in RAS mm to mm along rows and columns."""
        stored = (np.linalg.inv(self.geometry.ijk_to_ras) @ (*point, 1))[:3][::-1]  # (k, j, i)
        return self._turned([stored[axis] for axis in self.orient.order])[1:] * self.spacing

    def in_patient(self, place: int, point: np.ndarray) -> tuple[float, float, float]:
        """Convert a point of a slice (2,), in mm along rows and columns, to RAS mm."""
        turned = self._turned([place, *(point / self.spacing)])
        stored = np.empty(3)
        stored[list(self.orient.order)] = turned
        right, anterior, superior = (self.geometry.ijk_to_ras @ (*stored[::-1], 1))[:3].tolist()
        return right, anterior, superior

    def _turned(self, indices: Sequence[float]) -> np.ndarray:
        """Convert indices (slice, row, column) between stored direction and the model's; its own inverse."""
        last = np.subtract(self.cavity.shape, 1)
        return np.where(self.orient.flipped, last - indices, indices)

    def insertion(self, places: Sequence[int], septum: Septum) -> "Insertion":
        """Ends of a ring's septum on the outer side of the wall, in the ring's middle slice."""
        at = places[len(places) // 2]
        wall = self.walls[at]
        points = []
        for angle in (septum.anterior, septum.anterior + septum.turn * septum.span):
            nearest = int(np.abs((wall.angles - angle + np.pi) % (2 * np.pi) - np.pi).argmin())
            radius = np.linalg.norm(wall.middles[nearest] - wall.center) + wall.thickness[nearest] / 2
            points.append(self.in_patient(at, wall.center + radius * np.array([np.cos(angle), np.sin(angle)])))
        return Insertion(*points)


def divided(counted: Sequence[int]) -> list[list[int]]:
    """Divide slices, base first, into three rings."""
    basal, mid, _apical = rings(len(counted))
    return [list(counted[:basal]), list(counted[basal : basal + mid]), list(counted[basal + mid :])]


def septa_of(
    moment: ShortAxis, parts: Sequence[Sequence[int]], insertion: Insertion | None
) -> tuple[list[Septum] | str, str | None]:
    """Return each ring's septum, or why it is unknown; and what to check about it."""
    if insertion:
        between, doubt = septum_between(moment, insertion)
        return [between] * 3, doubt
    arcs = [moment.arcs(places) for places in parts]
    if not arcs[0] or not arcs[1]:
        return _(
            "The right ventricle is not labeled along the septum in the {ring} slices: set its insertions, or correct "
            "the labels.",
            ring=RINGS[0 if not arcs[0] else 1],
        ), None
    turn, doubt = turn_of([arc for ring in arcs for arc in ring], moment.axes[:, 1:]), None
    if turn is None:
        turn = moment.turn
        doubt = _(
            "The file's orientation does not clearly show which wall is anterior. The order of the slices does: check "
            "the segments."
        )
    elif turn != moment.turn:
        doubt = _("The slices are mirrored, compared with a heart on the left side: check which wall is anterior.")
    return [septum(ring or arcs[1], turn) for ring in arcs], doubt


def septum_between(moment: ShortAxis, insertion: Insertion) -> tuple[Septum, str | None]:
    """Return the septum between two insertions, and what to check about it.

    It is on the side of the labeled right ventricle or, without one, where it is in a left-sided heart. The shorter
    arc would be the lateral wall if the insertions are more than half a turn apart, as with a wide right ventricle.
    """
    center = np.mean([wall.center for wall in moment.walls.values()], axis=0)
    angles = []
    for point in (insertion.anterior, insertion.inferior):
        away = moment.in_plane(point) - center
        angles.append(float(np.arctan2(away[1], away[0])))
    span = (angles[1] - angles[0]) % (2 * np.pi)
    turn = moment.turn
    arcs = moment.arcs(moment.places)
    if arcs:
        middle = septum(arcs, 1)
        turn = 1 if (middle.anterior + middle.span / 2 - angles[0]) % (2 * np.pi) < span else -1
    found = Septum(angles[0], span if turn == 1 else 2 * np.pi - span, turn)
    if arcs or found.span <= np.pi:
        return found, None
    return found, _(
        "The septum between the insertions of the right ventricle is longer than the free wall: check that they are "
        "not exchanged and that the stack is not mirrored."
    )
