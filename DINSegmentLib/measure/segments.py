"""The 17 segments of the left ventricle: names, rings of slices, and angles that divide a ring.

Source of names, rings and sectors: Cerqueira et al., Circulation 105, 2002, 539 (American Heart
Association). As defined there, the septum extends from the anterior to the inferior insertion of the right ventricle.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..messages import Sentence as _

RINGS = (_("basal"), _("mid"), _("apical"))

NAMES = {
    1: _("basal anterior"), 2: _("basal anteroseptal"), 3: _("basal inferoseptal"), 4: _("basal inferior"),
    5: _("basal inferolateral"), 6: _("basal anterolateral"), 7: _("mid anterior"), 8: _("mid anteroseptal"),
    9: _("mid inferoseptal"), 10: _("mid inferior"), 11: _("mid inferolateral"), 12: _("mid anterolateral"),
    13: _("apical anterior"), 14: _("apical septal"), 15: _("apical inferior"), 16: _("apical lateral"), 17: _("apex"),
}  # fmt: skip

APEX = 17  # beyond the cavity, where short-axis slices show no closed wall

_CONTACT = 2  # largest gap between right ventricle and wall in pixels
_SEPTUM = np.radians((30, 200))  # plausible angle of a septum, seen from the cavity's center
_UPRIGHT = np.array([0.0, 1.0, 1.0]) / np.sqrt(2)  # RAS: the anterior insertion is anterior or superior to the other
_CLEARLY = 0.2  # below this cosine, neither insertion is clearly anterior


@dataclass(frozen=True)
class Septum:
    """Position of a ring's septum, seen from the cavity's center.

    Args:
        anterior: angle of the anterior insertion, in radians from the row axis toward the column axis.
        span: angle to the inferior insertion in radians.
        turn: 1 if the septum extends from the row axis toward the column axis, otherwise -1.
    """

    anterior: float
    span: float
    turn: int

    def segments(self, ring: int, angles: np.ndarray) -> np.ndarray:
        """Return the segment numbers at angles (n,) of a ring: 0 basal, 1 mid, 2 apical."""
        from_anterior = (self.turn * (angles - self.anterior)) % (2 * np.pi)
        if ring == 2:  # septal, inferior, lateral, anterior: 90 degrees each, the first centered on the septum
            quarter = ((from_anterior - self.span / 2 + np.pi / 4) % (2 * np.pi)) // (np.pi / 2)
            return np.array([14, 15, 16, 13])[quarter.astype(int) % 4]
        free = (from_anterior - self.span) / ((2 * np.pi - self.span) / 4)
        place = np.where(free < 0, from_anterior // (self.span / 2), 2 + np.floor(free)).astype(int)
        return 6 * ring + np.array([2, 3, 4, 5, 6, 1])[np.clip(place, 0, 5)]


def rings(count: int) -> tuple[int, int, int]:
    """Divide slices into basal, mid and apical ring: thirds; a first slice left over is basal, a second mid."""
    third, rest = divmod(count, 3)
    return third + (rest > 0), third + (rest > 1), third


def contact(right: np.ndarray, wall: np.ndarray, center: np.ndarray, spacing: np.ndarray) -> np.ndarray | None:
    """Return the angles (2,) of the ends of the arc where the right ventricle touches the wall; None if not plausible.

    Args:
        right, wall: (H, W) bool; the wall includes its cavity.
        center: (2,) center of the cavity in mm.
        spacing: row and column spacing in mm.

    The arc runs from the first end to the second, in the direction from the row axis toward the column axis.
    """
    near = np.pad(wall, _CONTACT)
    for _step in range(_CONTACT):
        near = np.logical_or.reduce([near, *(np.roll(near, way, axis) for axis in (0, 1) for way in (1, -1))])
    touching = np.argwhere(right & near[_CONTACT:-_CONTACT, _CONTACT:-_CONTACT]) * spacing - center
    if len(touching) < 3:
        return None
    angles = np.arctan2(touching[:, 1], touching[:, 0])
    order = np.argsort(angles)
    angles, half = angles[order], np.mean(spacing) / 2 / np.hypot(*touching[order].T)  # half a pixel as an angle
    gaps = np.diff(angles, append=angles[0] + 2 * np.pi)
    last = int(gaps.argmax())
    first = (last + 1) % len(angles)
    ends = np.array([angles[first] - half[first], angles[last] + half[last]])
    return ends if _SEPTUM[0] <= (ends[1] - ends[0]) % (2 * np.pi) <= _SEPTUM[1] else None


def turn_of(arcs: Sequence[np.ndarray], axes: np.ndarray) -> int | None:
    """Return which end of the arcs is anterior: 1 the first, -1 the second; None if neither clearly is.

    Args:
        arcs: ends (2,) as returned by `contact`.
        axes: (3, 2) RAS unit vectors of rows and columns.
    """
    ends = np.array([[axes @ (np.cos(angle), np.sin(angle)) for angle in arc] for arc in arcs])
    way = (ends[:, 0] - ends[:, 1]).sum(axis=0)
    upward = float(way @ _UPRIGHT) / float(np.linalg.norm(way))
    return None if abs(upward) < _CLEARLY else 1 if upward > 0 else -1


def septum(arcs: Sequence[np.ndarray], turn: int) -> Septum:
    """Compute a ring's septum from the arcs of its slices: mean directions of their ends."""
    first, second = (_mean_angle([arc[end] for arc in arcs]) for end in (0, 1))
    return Septum(first if turn == 1 else second, (second - first) % (2 * np.pi), turn)


def _mean_angle(angles: Sequence[float]) -> float:
    return float(np.arctan2(np.sin(angles).sum(), np.cos(angles).sum()))
