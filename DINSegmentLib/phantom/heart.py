"""Analytic beating heart: surfaces, exact volumes and regions, independent of voxels, signal and the body around it.

Heart frame, in mm: x and y in the short-axis plane (x from the RV to the LV side, y from anterior-superior to
inferior), z along the LV axis from base to apex, z = 0 at the end-diastolic base plane. Every cross-section is written
in polar form around the LV axis, (r, angle), with the angle 0 at mid-septum and positive toward the anterior side, so
each area is half the integral of r^2 over the angle and each volume has a closed form:

- LV endocardium and epicardium: ellipsoids cut off by the base plane, r^2 = R^2 g(s) m(angle). s runs from 0 (base) to
  1 (apex); g(s) = 1 - ((s - 1/4) / (3/4))^2, whose integral is 20/27; m is a smooth contour with mean 1. Hence
  V = pi R^2 L 20/27. The epicardial volume is always the cavity plus the constant wall volume: the wall thickens.
- RV cavity: a crescent outside the epicardium, r_out^2 = r_epi^2 + H^2 h(s) w(angle), h(s) = 1 - s^2 (integral 2/3),
  w = 1 - (angle / A)^2 for |angle| < A (integral 4 A / 3). Hence V = (1/2) H^2 L (2/3) (4 A / 3).

Shifting the center of a cross-section (the slightly bent LV axis) changes no area and no volume.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np

ES_PHASE = 0.36
"""End-systole as a fraction of the cycle: frame 9 of 25."""

MYOCARDIAL_DENSITY = 1.05
"""g/ml, the value used throughout cardiac MR for LV mass."""

APEX = 90.0  # epicardial apex, mm below the end-diastolic base plane; the apex hardly moves in a real heart
BASE_DESCENT = 10.0  # mm; mitral annular plane systolic excursion is 10 to 15 mm in healthy adults
APICAL_WALL = (8.0, 11.0)  # mm at ED and ES
RV_APEX_GAP = 20.0  # mm from the LV's epicardial apex to the RV's apex
RV_HALF_ANGLE = 1.2  # A above, radians
RV_WALL = 3.0  # mm
ATRIAL_WALL = 2.5  # mm
AORTIC_RADIUS = 12.0  # mm
SEPTUM_TILT = np.radians(22.0)  # the septum's middle is left of the LV axis, slightly up in the image


class Region(IntEnum):
    """Region of the heart that contains a point; OUTSIDE belongs to the body."""

    OUTSIDE = 0
    FAT = 1
    RV_WALL = 2
    RV_BLOOD = 3
    RV_TRABECULA = 4
    MYOCARDIUM = 5
    LV_BLOOD = 6
    LV_TRABECULA = 7
    LV_PAPILLARY = 8
    ATRIAL_WALL = 9
    LEFT_ATRIUM = 10
    RIGHT_ATRIUM = 11
    AORTIC_ROOT = 12
    CORONARY = 13
    SCAR = 14


REGION_LABEL = np.zeros(len(Region), np.uint8)
REGION_LABEL[[Region.RV_BLOOD, Region.RV_TRABECULA]] = 1
REGION_LABEL[[Region.MYOCARDIUM, Region.SCAR]] = 2
REGION_LABEL[[Region.LV_BLOOD, Region.LV_TRABECULA, Region.LV_PAPILLARY]] = 3  # all cavity, as in ACDC

LATE_REGION_LABEL = np.zeros(len(Region), np.uint8)
"""For late enhancement: 1 left ventricle, 2 healthy myocardium, 3 infarct; the right ventricle is not labeled."""
LATE_REGION_LABEL[REGION_LABEL == 3] = 1
LATE_REGION_LABEL[[Region.MYOCARDIUM, Region.SCAR]] = 2, 3


def emptying(phase: float) -> float:
    """Fraction of emptying of the ventricles: 0 at ED (phase 0), 1 at ES; smooth and periodic in ``phase``.

    Ejection is half a cosine; filling is an early wave (70%), diastasis and an atrial wave (30%).
    """
    phase = phase % 1.0
    if phase <= ES_PHASE:
        return 0.5 - 0.5 * np.cos(np.pi * phase / ES_PHASE)
    filling = (phase - ES_PHASE) / (1.0 - ES_PHASE)
    return 1.0 - 0.7 * _smooth_step(filling / 0.45) - 0.3 * _smooth_step((filling - 0.7) / 0.3)


def _smooth_step(x: float) -> float:
    x = min(max(x, 0.0), 1.0)
    return x * x * (3.0 - 2.0 * x)


@dataclass(frozen=True)
class Contour:
    """Individual shape of a heart, in radians and mm; does not change volumes."""

    ovality_angle: float
    triangularity_angle: float
    bend: tuple[float, float]
    lobe_angles: tuple[float, float, float]


@dataclass(frozen=True)
class ThinWall:
    """A part of the wall thinned by an infarction, which neither moves inward nor thickens.

    Args:
        middle, half_width: angles in radians, as in a cross-section.
        top, bottom: z in mm. By default, the part is in the middle third of the bundled phantom and in the
            inferolateral segment: the second quarter of the free wall, counted from the inferior insertion.
        thickness: in mm along the radius.
    """

    middle: float = -(RV_HALF_ANGLE + 1.5 * (np.pi - RV_HALF_ANGLE) / 2)
    half_width: float = (np.pi - RV_HALF_ANGLE) / 4
    top: float = 30.0
    bottom: float = 60.0
    thickness: float = 4.0


@dataclass(frozen=True)
class Scar:
    """An infarct from base to apex that starts at the inner side of the wall, as infarcts do.

    Args:
        middle, half_width: angles in radians, as in a cross-section.
        depth: share of the wall's area that is infarct, from the inner side outward; 1 is the whole wall.
    """

    middle: float = 2.2
    half_width: float = 0.7
    depth: float = 0.5


@dataclass(frozen=True)
class Heart:
    """One moment of the beating heart.

    Args:
        lv, rv: cavity volumes in ml.
        wall: LV wall volume in ml.
        emptied: 0 at ED to 1 at ES; moves the base plane and the apical wall.
        contour: shape, constant through the cycle.
        thin: a thinner part of the wall, which makes the cavity larger than `lv` and the wall smaller than `wall`,
            both by `thinned`.
        scar: an infarct of `scarred` ml within the wall, which does not change the shape.
    """

    lv: float
    rv: float
    wall: float
    emptied: float
    contour: Contour
    thin: ThinWall | None = None
    scar: Scar | None = None

    @property
    def scarred(self) -> float:
        """Volume of the scar in ml; both contours share m(angle), so a sector of the wall has its share of m."""
        if self.scar is None:
            return 0.0
        begin, end = self.scar.middle - self.scar.half_width, self.scar.middle + self.scar.half_width
        return float(self.scar.depth * self.wall * (self._turned(end) - self._turned(begin)) / (2 * np.pi))

    def _turned(self, angle: float) -> float:
        """Integral of m from 0 to an angle, up to a constant."""
        shape = self.contour
        ovality, triangularity = 2 * (angle - shape.ovality_angle), 3 * (angle - shape.triangularity_angle)
        return angle + 0.07 * np.sin(ovality) / 2 + 0.02 * np.sin(triangularity) / 3

    @property
    def thinned(self) -> float:
        """Volume of wall in ml that the thin part lacks, summed in steps of one degree and one millimeter."""
        angle = np.radians(np.arange(360) + 0.5)[:, None]
        height = np.broadcast_to(np.arange(0.5, APEX), (360, int(APEX)))
        healthy = replace(self, thin=None).surfaces(height, angle)[0]
        return float((self.surfaces(height, angle)[0] - healthy).sum() / 2 * np.radians(1) / 1000)

    @property
    def base(self) -> float:
        """z of the base plane in mm."""
        return BASE_DESCENT * self.emptied

    @property
    def lengths(self) -> tuple[float, float, float]:
        """Length from base to apex in mm of LV endocardium, LV epicardium and RV."""
        epicardium = APEX - self.base
        wall = APICAL_WALL[0] + (APICAL_WALL[1] - APICAL_WALL[0]) * self.emptied
        return epicardium - wall, epicardium, epicardium - RV_APEX_GAP

    @property
    def radii_squared(self) -> tuple[float, float, float]:
        """R^2 of endocardium, R^2 of epicardium, H^2 of the RV, in mm^2, from the volumes."""
        endocardium, epicardium, rv = self.lengths
        return (
            1000.0 * self.lv / (np.pi * endocardium * 20 / 27),
            1000.0 * (self.lv + self.wall) / (np.pi * epicardium * 20 / 27),
            1000.0 * self.rv / (0.5 * rv * (2 / 3) * (4 * RV_HALF_ANGLE / 3)),
        )

    def regions(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Region of each point in the heart frame (mm, broadcastable arrays), uint8."""
        r2, angle = self._polar(x, y, z)
        r = np.sqrt(r2)
        height = np.broadcast_to(z - self.base, r2.shape)
        points = np.stack([r, angle, height])
        endocardium, epicardium, bulge = self.surfaces(height, angle)
        free_wall = epicardium + bulge * _crescent(angle, RV_HALF_ANGLE + 0.08)
        rv = r2 < epicardium + bulge * _crescent(angle, RV_HALF_ANGLE)
        lv, cavity, below = r2 < epicardium, r2 < endocardium, height >= 0

        region = np.zeros(r2.shape, np.uint8)
        region[r < self._fat_radius(points, epicardium, bulge)] = Region.FAT
        _paint(region, region == Region.FAT, self._coronaries, Region.CORONARY, points, epicardium)
        region[(free_wall > epicardium) & (r < np.sqrt(free_wall) + RV_WALL)] = Region.RV_WALL
        region[rv & below] = Region.RV_BLOOD
        region[rv & ~below] = Region.RIGHT_ATRIUM
        _paint(region, rv & below, self._rv_trabeculae, Region.RV_TRABECULA, points, epicardium, bulge)
        region[lv & below] = Region.MYOCARDIUM
        if self.scar:
            away = np.abs((angle - self.scar.middle + np.pi) % (2 * np.pi) - np.pi)
            inner = r2 < endocardium + self.scar.depth * (epicardium - endocardium)
            region[lv & below & inner & (away < self.scar.half_width)] = Region.SCAR
        region[cavity & below] = Region.LV_BLOOD
        _paint(region, cavity & below, self._lv_trabeculae, Region.LV_TRABECULA, points, endocardium)
        _paint(region, cavity & below, self._papillary_muscles, Region.LV_PAPILLARY, points, endocardium)
        region[lv & ~below] = Region.ATRIAL_WALL
        region[(r < np.sqrt(epicardium) - ATRIAL_WALL) & ~below] = Region.LEFT_ATRIUM
        _paint(region, lv & ~below, _near_aorta, Region.ATRIAL_WALL, points, AORTIC_RADIUS + ATRIAL_WALL)
        _paint(region, lv & ~below, _near_aorta, Region.AORTIC_ROOT, points, AORTIC_RADIUS)
        return region

    def _polar(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        bend = ((z - APEX / 2) / (APEX / 2)) ** 2
        x = x - self.contour.bend[0] * bend
        y = y - self.contour.bend[1] * bend
        septum = np.array([-np.cos(SEPTUM_TILT), -np.sin(SEPTUM_TILT)])
        angle = np.arctan2(septum[0] * y - septum[1] * x, septum[0] * x + septum[1] * y)
        return x * x + y * y, angle

    def surfaces(self, height: np.ndarray, angle: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """r^2 of endocardium and epicardium, and H^2 h(s) of the RV, at each point; 0 beyond the apex."""
        shape = self.contour
        mean_one = (
            1.0
            + 0.07 * np.cos(2 * (angle - shape.ovality_angle))
            + 0.02 * np.cos(3 * (angle - shape.triangularity_angle))
        )
        s_endo, s_epi, s_rv = (np.maximum(height, 0.0) / length for length in self.lengths)
        endocardium, epicardium, bulge = self.radii_squared
        inner = endocardium * mean_one * np.maximum(_ellipsoid(s_endo), 0.0)
        outer = epicardium * mean_one * np.maximum(_ellipsoid(s_epi), 0.0)
        if self.thin:
            away = np.abs((angle - self.thin.middle + np.pi) % (2 * np.pi) - np.pi)
            z = height + self.base
            held = (away < self.thin.half_width) & (z >= self.thin.top) & (z < self.thin.bottom)
            inner = np.where(held, np.square(np.maximum(np.sqrt(outer) - self.thin.thickness, 0.0)), inner)
        return inner, outer, bulge * (1.0 - np.minimum(s_rv, 1.0) ** 2)

    def _fat_radius(self, points: np.ndarray, epicardium: np.ndarray, bulge: np.ndarray) -> np.ndarray:
        """Outer radius of the epicardial fat: thick in the grooves, over the RV and at the base, thin over the LV."""
        _, angle, height = points
        hull = np.sqrt(epicardium + bulge * _crescent(angle, RV_HALF_ANGLE + 0.35))
        over_rv = 0.5 + 0.5 * np.cos(angle)
        uneven = 0.5 + 0.5 * np.cos(4 * angle + self.contour.lobe_angles[0]) * np.cos(3 * angle + height / 25.0)
        thickness = 0.8 + uneven * (1.0 + 4.5 * over_rv + 2.0 * np.clip(1.0 - height / 60.0, 0.0, 1.0))
        return np.where(epicardium > 0, hull + thickness, 0.0)

    # Each of these returns whether points (r, angle, height), shape (3, n), belong to the structure.

    @staticmethod
    def _coronaries(points: np.ndarray, epicardium: np.ndarray) -> np.ndarray:
        """Anterior and posterior descending artery, in the two grooves."""
        groove, distance = RV_HALF_ANGLE + 0.12, np.sqrt(epicardium) + 5.0
        return _near(points, groove, distance, 1.8) | _near(points, -groove, distance, 1.8)

    def _rv_trabeculae(self, points: np.ndarray, epicardium: np.ndarray, bulge: np.ndarray) -> np.ndarray:
        """Ridges on the free wall, larger toward the apex."""
        r, angle, height = points
        crescent = bulge * _crescent(angle, RV_HALF_ANGLE)
        depth = 0.4 * self._lobes(angle, (17.0, 29.0)) * np.clip(height / 40.0, 0.0, 1.0)
        return r * r - epicardium > (1.0 - depth) * crescent

    def _lv_trabeculae(self, points: np.ndarray, endocardium: np.ndarray) -> np.ndarray:
        r, angle, height = points
        toward_apex = np.clip(0.2 + 1.3 * height / self.lengths[0], 0.0, 1.0)
        return r > np.sqrt(endocardium) * (1.0 - 0.22 * self._lobes(angle, (11.0, 19.0)) * toward_apex)

    def _papillary_muscles(self, points: np.ndarray, endocardium: np.ndarray) -> np.ndarray:
        """Anterolateral and posteromedial muscle, over the middle half of the cavity's length."""
        s = points[2] / self.lengths[0]
        size = (5.0 + 1.0 * self.emptied) * np.sqrt(np.maximum(1.0 - ((s - 0.5) / 0.28) ** 2, 0.0))
        distance = np.sqrt(endocardium) - 0.8 * size - 1.5
        return _near(points, np.radians(140.0), distance, size) | _near(points, np.radians(-115.0), distance, size)

    def _lobes(self, angle: np.ndarray, counts: tuple[float, float]) -> np.ndarray:
        first, second, third = self.contour.lobe_angles
        waves = np.cos(counts[0] * angle + first) + np.cos(counts[1] * angle + second) + np.cos(5 * angle + third)
        return np.clip(waves / 1.6, 0.0, 1.0)


def _paint(
    region: np.ndarray, where: np.ndarray, structure: Callable[..., np.ndarray], value: Region, points: np.ndarray,
    *surfaces: np.ndarray | float,
) -> None:  # fmt: skip
    """Set ``value`` for the points of ``where`` that belong to ``structure``, computing only those."""
    chosen = structure(points[:, where], *(s[where] if isinstance(s, np.ndarray) else s for s in surfaces))
    region[where] = np.where(chosen, value, region[where])


def _near(points: np.ndarray, at: float, distance: np.ndarray | float, size: np.ndarray | float) -> np.ndarray:
    """Whether points are within ``size`` mm of the point (distance, at) in their own cross-section."""
    r, angle, _ = points
    return r * r + np.square(distance) - 2 * r * distance * np.cos(angle - at) < np.square(size)


def _near_aorta(points: np.ndarray, size: float) -> np.ndarray:
    """Whether points are near the aortic root, which is next to the septum, anterior to the left atrium."""
    return _near(points, 0.5, 14.0, size)


def _ellipsoid(s: np.ndarray) -> np.ndarray:
    return 1.0 - ((s - 0.25) / 0.75) ** 2


def _crescent(angle: np.ndarray, half_angle: float) -> np.ndarray:
    return np.maximum(1.0 - np.square(angle / half_angle), 0.0)
