"""The left ventricle's wall in one short-axis slice: subpixel contours and wall thickness."""

import math
from dataclasses import dataclass

import numpy as np

CHORDS = 100
"""Number of chords across a slice's wall, as in the centerline method (Sheehan et al., Circulation 74, 1986, 293)."""

_RAYS = 180  # per contour
_STEP = 0.5  # pixels between samples along a ray
_REACH = 4  # margin around a mask for the blur, in pixels
_BLUR = {place: math.exp(-(place**2) / 2) / 2.5066 for place in range(-3, 4)}  # a Gaussian of one pixel
_ROUNDS = 3  # iterations to make chords perpendicular to the centerline
_FEWEST = 0.9  # share of rays that must cross the wall, and of chords that must meet both contours


@dataclass(frozen=True)
class Wall:
    """The wall in one slice.

    Args:
        center: (2,) center of the cavity, along rows and columns in mm.
        angles: (n,) of the chord midpoints around the center, in radians from the row axis toward the column axis.
        thickness: (n,) chord lengths in mm.
        middles: (n, 2) chord midpoints in mm.
    """

    center: np.ndarray
    angles: np.ndarray
    thickness: np.ndarray
    middles: np.ndarray


def measure_wall(cavity: np.ndarray, wall: np.ndarray, spacing: tuple[float, float]) -> Wall | None:
    """Measure wall thickness by the centerline method.

    Chords are evenly spaced, perpendicular to the line midway between endocardium and epicardium, and end at both. A
    contour point is where the mask, blurred by one pixel, last falls below one half on a ray from the cavity's
    center, so that papillary muscles count as cavity. The area that the blur removes is restored.

    Args:
        cavity, wall: (H, W) bool.
        spacing: row and column spacing in mm.

    Returns:
        the wall; None if the two masks are not a ring around a cavity.
    """
    step = np.array(spacing)
    if not cavity.any() or not wall.any():
        return None
    center = np.argwhere(cavity).mean(axis=0)
    inner, outer = (_contour(mask, center, step) for mask in (cavity, cavity | wall))
    if inner is None or outer is None:
        return None
    bare = np.hypot(*(inner - center * step).T) >= np.hypot(*(outer - center * step).T)
    if bare.mean() > 1 - _FEWEST:
        return None
    outer[bare] = inner[bare]
    middles = (inner + outer) / 2
    for _ in range(_ROUNDS):
        middles = _evenly(middles)
        normals = _normals(middles)
        inward, outward = _distance(middles, -normals, inner), _distance(middles, normals, outer)
        met = np.isfinite(inward) & np.isfinite(outward)
        if met.mean() < _FEWEST:
            return None
        middles, inward, outward = (
            middles[met] + normals[met] * ((outward - inward) / 2)[met, None], inward[met], outward[met]
        )  # fmt: skip
    away = middles - center * step
    return Wall(center * step, np.arctan2(away[:, 1], away[:, 0]), inward + outward, middles)


def _contour(mask: np.ndarray, center: np.ndarray, step: np.ndarray) -> np.ndarray | None:
    """Return points (`_RAYS`, 2) in mm of a mask's outline; None if a ray does not leave it."""
    held = np.argwhere(mask)
    start = held.min(axis=0) - _REACH
    blurred = np.pad(mask[tuple(map(slice, held.min(axis=0), held.max(axis=0) + 1))], _REACH).astype(np.float64)
    for axis in (0, 1):
        blurred = np.sum([weight * np.roll(blurred, place, axis) for place, weight in _BLUR.items()], axis=0)
    angles = 2 * np.pi * np.arange(_RAYS) / _RAYS
    rays = np.stack([np.cos(angles), np.sin(angles)], axis=1) / step
    rays /= np.hypot(*rays.T)[:, None]  # one pixel long
    lengths = np.arange(0, np.hypot(*blurred.shape), _STEP)
    values = _sample(blurred, (center - start)[:, None, None] + rays.T[:, :, None] * lengths)
    last = values.shape[1] - 1 - (values >= 0.5)[:, ::-1].argmax(axis=1)  # last sample inside
    if not (values >= 0.5).any(axis=1).all() or (last == values.shape[1] - 1).any():
        return None
    inside, outside = values[np.arange(_RAYS), last], values[np.arange(_RAYS), last + 1]
    radii = lengths[last] + _STEP * (inside - 0.5) / (inside - outside)
    points = rays * radii[:, None] * step
    area = abs(_cross(points, np.roll(points, -1, axis=0)).sum()) / 2
    # blurring moves a line inward by half its curvature; a closed line of this area is scaled back
    return center * step + points * np.sqrt(1 + np.pi * step.prod() / area)


def _sample(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Interpolate (H, W) linearly at points (2, ...); 0 outside."""
    low = np.floor(points).astype(int)
    part = points - low
    found = np.zeros(points.shape[1:])
    for down in (0, 1):
        for right in (0, 1):
            row, column = low[0] + down, low[1] + right
            held = (row >= 0) & (row < image.shape[0]) & (column >= 0) & (column < image.shape[1])
            weight = np.abs(1 - down - part[0]) * np.abs(1 - right - part[1])
            found[held] += (weight * held)[held] * image[row[held], column[held]]
    return found


def _evenly(points: np.ndarray) -> np.ndarray:
    """Return `CHORDS` evenly spaced points along a closed line (n, 2)."""
    closed = np.vstack([points, points[:1]])
    way = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    at = way[-1] * np.arange(CHORDS) / CHORDS
    return np.stack([np.interp(at, way, closed[:, axis]) for axis in (0, 1)], axis=1)


def _normals(points: np.ndarray) -> np.ndarray:
    """Return outward unit normals of a closed line (n, 2) that runs from the first axis toward the second."""
    along = np.roll(points, -2, axis=0) - np.roll(points, 2, axis=0)  # four chords, against stair-steps
    return np.stack([along[:, 1], -along[:, 0]], axis=1) / np.hypot(*along.T)[:, None]


def _distance(start: np.ndarray, direction: np.ndarray, line: np.ndarray) -> np.ndarray:
    """Distance from each start (n, 2) along its direction to a closed line (m, 2); infinite if it is not met."""
    edge = np.roll(line, -1, axis=0) - line
    between = line[None] - start[:, None]
    slope = _cross(direction[:, None], edge[None])
    with np.errstate(divide="ignore", invalid="ignore"):
        far, share = _cross(between, edge[None]) / slope, _cross(between, direction[:, None]) / slope
    return np.where((far >= 0) & (share >= 0) & (share < 1), far, np.inf).min(axis=1)


def _cross(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0]
