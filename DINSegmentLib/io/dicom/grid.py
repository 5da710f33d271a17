"""Regular grid of DICOM slices: detection, reasons why there is none, and resampling on request."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import GeometryError
from ...geometry import LPS_TO_RAS, Geometry
from ..header import FARTHEST, check_steps
from .files import Slice
from .stacks import where

_FINEST, _COARSEST = 0.005, 0.1  # mm; limits of the assumed precision of positions
_SHARE = 0.01  # largest deviation of a gap or of an in-plane step, as a share of the slice distance
_BESIDE = 0.25  # largest in-plane offset of a single slice, in pixels


@dataclass(frozen=True, eq=False)
class Placement:
    """Positions of slices relative to a regular grid.

    Args:
        heights: of each stored slice along the normal, in steps of the grid.
        shifts: (slices, 2), of each slice along (J, I), in pixels of the grid.
    """

    heights: np.ndarray
    shifts: np.ndarray


@dataclass(frozen=True, eq=False)
class Grid:
    """A regular grid; for slices not on it, how to resample them, and why, in a sentence (otherwise None and empty)."""

    geometry: Geometry
    placement: Placement | None = None
    why: str = ""


def grid_of(slices: Sequence[Slice], name: str, resample: bool = False) -> Grid:
    """Find the grid of slices that are in the order of K.

    Args:
        name: name of the input in messages.
        resample: accept irregular slices and resample them to a regular grid.

    Raises:
        GeometryError: there is only one slice; or, without ``resample`` and beyond the precision of the positions, a
            slice is offset, a gap differs or the stack is sheared.
    """
    if len(slices) == 1:
        raise GeometryError(f"{name} has only one slice: use a folder with the whole series.")
    fault = _fault(slices)
    if not fault:
        return Grid(_geometry(slices, np.array([item.position for item in slices])))
    if not resample:
        raise GeometryError(f"{name} {fault}: correct the series, or use --resample to bring it to a regular grid.")
    geometry, placement = _resampled(slices)
    return Grid(geometry, placement, f"The input {fault}: it was resampled to a regular grid.")


def place(array: np.ndarray, placement: Placement, shape: tuple[int, int, int]) -> np.ndarray:
    """Resample slices (T, K, J, I) linearly to a regular grid of this shape, float32; outside, the lowest value."""
    out = np.empty((len(array), *shape), np.float32)
    lowest = np.float32(array.min())
    for frame, stored in zip(out, np.asarray(array, np.float32), strict=True):
        planes = [
            _shifted(plane, shift, shape[1:], lowest) for plane, shift in zip(stored, placement.shifts, strict=True)
        ]
        for k in range(shape[0]):
            above = int(np.clip(np.searchsorted(placement.heights, k), 1, len(planes) - 1))
            low, high = placement.heights[above - 1 : above + 1]
            weight = np.float32(np.clip((k - low) / (high - low), 0, 1))
            frame[k] = planes[above - 1] * (1 - weight) + planes[above] * weight
    return out


def _fault(slices: Sequence[Slice]) -> str:
    """Return why slices do not form a regular grid, as the end of a sentence; empty if they do."""
    first = slices[0]
    positions = np.array([item.position for item in slices])
    if not (np.abs(positions) < FARTHEST).all():  # also catches NaN
        return "has slices whose positions are not numbers, or kilometers away"
    gaps = np.diff(positions @ np.cross(*first.axes))
    precision = 2 * _precision(slices)  # of a difference of two positions
    usual, worst = float(np.median(gaps)), int(np.argmax(np.abs(gaps - np.median(gaps))))
    if abs(gaps[worst] - usual) > max(precision, _SHARE * usual):
        at = f"after {where(slices[worst])}"
        return f"has unevenly spaced slices ({gaps[worst]:.4g} mm instead of {usual:.4g} mm {at})"
    offsets = positions @ first.axes.T
    lean = np.median(np.diff(offsets, axis=0), axis=0)  # the median ignores a single offset slice
    if np.abs(lean).max() > max(precision, _SHARE * usual):
        return "has slices that are shifted sideways by a constant step (tilted gantry)"
    beside = np.abs(offsets - np.median(offsets - np.arange(len(slices))[:, None] * lean, axis=0)
                    - np.arange(len(slices))[:, None] * lean).max(axis=1)  # fmt: skip
    far = int(np.argmax(beside))
    if beside[far] > max(precision, _BESIDE * float(first.pixel_size.min())):
        return f"has a slice that lies {beside[far]:.3g} mm beside the others, {where(slices[far])}"
    return ""


def _geometry(slices: Sequence[Slice], positions: np.ndarray) -> Geometry:
    first = slices[0]
    step = (positions[-1] - positions[0]) / (len(slices) - 1)
    return _grid(first, (len(slices), first.header.Rows, first.header.Columns), step, positions[0])


def _grid(first: Slice, shape: tuple[int, int, int], step: np.ndarray, origin: np.ndarray) -> Geometry:
    steps = np.vstack([first.axes * first.pixel_size[:, None], step])
    check_steps(steps, first.path.name)
    if not (np.abs(origin) < FARTHEST).all():  # also catches NaN
        raise GeometryError(
            f"{first.path.name} has a position that is not a number, or kilometers away: export the series again."
        )
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = steps.T, origin
    return Geometry(shape, LPS_TO_RAS @ matrix, slice_axis=0)


def _resampled(slices: Sequence[Slice]) -> tuple[Geometry, Placement]:
    """Return a grid with the median slice distance that contains all slices, and their positions on it."""
    first = slices[0]
    positions = np.array([item.position for item in slices])
    normal = np.cross(*first.axes)
    heights, offsets = positions @ normal, positions @ first.axes.T
    step = float(np.median(np.diff(heights)))
    count = round((heights[-1] - heights[0]) / step) + 1
    corner = offsets.min(axis=0)
    shifts = (offsets - corner) / first.pixel_size  # along I, J
    more = np.ceil(shifts.max(axis=0) - 1e-6).astype(int)
    shape = (count, first.header.Rows + int(more[1]), first.header.Columns + int(more[0]))
    if shape[0] > 4 * len(slices) or more[1] > 2 * first.header.Rows or more[0] > 2 * first.header.Columns:
        raise GeometryError(
            f"{first.path.name} and the slices of its series lie too far apart: export the series again."
        )
    geometry = _grid(first, shape, step * normal, corner @ first.axes + heights[0] * normal)
    return geometry, Placement((heights - heights[0]) / step, shifts[:, ::-1])


def _shifted(plane: np.ndarray, shift: np.ndarray, shape: tuple[int, int], outside: np.float32) -> np.ndarray:
    """Place a slice on a larger plane, shifted by (J, I) pixels, with linear interpolation."""
    whole = np.floor(shift + 1e-6).astype(int)
    (b, a) = np.clip(shift - whole, 0, 1).astype(np.float32)
    out = np.zeros(shape, np.float32)
    for dj, wj in ((0, 1 - b), (1, b)):
        for di, wi in ((0, 1 - a), (1, a)):
            if wj * wi == 0:
                continue
            moved = np.full((shape[0] + 1, shape[1] + 1), outside, np.float32)
            j, i = whole[0] + dj, whole[1] + di
            part = plane[: moved.shape[0] - j, : moved.shape[1] - i]
            moved[j : j + part.shape[0], i : i + part.shape[1]] = part
            out += wj * wi * moved[:-1, :-1]
    return out


def _precision(slices: Sequence[Slice]) -> float:
    """Half of the last decimal place in mm to which positions were written."""
    texts = [str(getattr(one, "original_string", one)) for item in slices for one in item.header.ImagePositionPatient]
    decimals = max(len(text.partition(".")[2].partition("e")[0]) for text in texts)
    return min(_COARSEST, max(_FINEST, 0.5 * math.pow(10, -decimals)))
