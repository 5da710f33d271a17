"""Closed surfaces of structures, drawn from probabilities to avoid the blocks of a label map; and their files."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..engine.class_margins import Margins
from ..errors import InputError
from ..geometry import Geometry
from ..measure.masks import bounding_box
from ..model import Label

if TYPE_CHECKING:
    from vtkmodules.vtkCommonDataModel import vtkImageData

FORMATS = frozenset(("stl", "obj", "ply"))

_STEEP = 3.0  # of the field; larger values do not affect the border
_WIDEST_LEVEL = 2.9
_FINEST = 8  # steps between two slices
_MOST_VOXELS = 24_000_000  # of a field between the slices
_IN_PLANE, _ACROSS = 1.0, 0.4  # standard deviation of the smoothing, in pixels, and in slices if they are far apart
_MARGIN = 4  # voxels around a structure, enough for the smoothing
_CLOSE = 1e-3  # relative error of the volume at which the search for a level stops
_MOST_STEPS = 20


@dataclass(frozen=True, eq=False)
class Surface:
    """A closed surface of triangles.

    Args:
        points: (N, 3) float64, RAS in mm.
        triangles: (M, 3) int64, indices of points, counterclockwise seen from outside.
    """

    points: np.ndarray
    triangles: np.ndarray

    @property
    def volume(self) -> float:
        """Enclosed volume in mm^3."""
        return _enclosed(self.points, self.triangles)


def surface(margins: Margins, labels: np.ndarray, geometry: Geometry, label: Label) -> Surface:
    """Compute a smooth closed surface of a structure that encloses the volume of its voxels.

    The surface is a level set of log(p / q); p is the probability of the structure and q the largest probability of
    another class. Voxels removed by the clean-up are outside, and the volume's edge is a border. If slices are
    far apart, the field gets finer steps between them. It is smoothed by a pixel, across such slices by 0.4 of their
    distance; without this, slices would appear as rings, the last one with a jagged rim. Smoothing moves the border,
    so the level is adjusted, within 2.9, until the volume differs by less than 0.1% from that of the voxels, if
    possible (a structure of a few voxels may not reach it).

    Additional memory: a few float32 arrays of the box around the structure, in the finer steps.

    Args:
        margins: margins of the network's probabilities.
        labels: (K, J, I) uint8, after clean-up.
        geometry: grid of both; may be oblique or mirrored.
        label: the structure; its value is the index of its class.

    Returns:
        a surface without points if the structure was not found.
    """
    mask = labels == label.value
    held = bounding_box(mask)
    if held is None:
        return Surface(np.zeros((0, 3)), np.zeros((0, 3), np.int64))
    box = tuple(slice(max(0, one.start - 1), one.stop + 1) for one in held)  # and its neighbors, if any
    image = _smooth(_image(_field(margins.of(label.value, box), mask[box])), geometry.spacing)
    points, triangles = _with_volume(image, int(np.count_nonzero(mask)))
    first = np.array([part.start for part in box[::-1]]) - _MARGIN  # (I, J, K) of the image's first voxel
    if np.linalg.det(geometry.ijk_to_ras[:3, :3]) < 0:
        triangles = triangles[:, ::-1]
    return Surface((points + first) @ geometry.ijk_to_ras[:3, :3].T + geometry.ijk_to_ras[:3, 3], triangles)


def write_surface(made: Surface, path: Path) -> None:
    """Write a surface as STL or PLY (both binary) or OBJ, depending on the suffix.

    As in Slicer, coordinates are LPS in millimeters, and the file's header contains ``SPACE=LPS``. A structure that was
    not found gives a file without triangles.

    Raises:
        InputError: the suffix is not one of these formats.
        OSError: the file cannot be written.
    """
    points, triangles = (made.points * (-1, -1, 1)).astype("<f4"), made.triangles
    if path.suffix == ".stl":
        path.write_bytes(_stl(points, triangles))
    elif path.suffix == ".ply":
        path.write_bytes(_ply(points, triangles))
    elif path.suffix == ".obj":
        path.write_text(_obj(points, triangles), encoding="ascii")
    else:
        raise InputError(f"{path.name} is not the name of a surface file: use .stl, .obj or .ply.")


def _field(depth: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Field log(p / q) in a structure's box, above 0 exactly in its voxels, within 3, with `_MARGIN` on all sides.

    Beyond the structure's neighbors, the field has its lowest value.
    """
    depth = np.clip(depth, np.float32(1e-3), np.float32(_STEEP))  # rounding makes ties
    field = np.pad(np.where(mask, depth, -depth), 1, mode="edge")
    inside = np.pad(mask, 1)
    # mirrored at the volume's edge, but a border there must not depend on a voxel that may be outside
    field = np.where(inside, field, -np.maximum(np.abs(field), _edge(field.shape)))
    field[~_dilated(inside)] = -_STEEP  # otherwise a level below 0 would include unrelated places
    return np.pad(field, _MARGIN - 1, constant_values=-_STEEP)


def _edge(shape: tuple[int, ...]) -> np.ndarray:
    """1 in the outermost voxels, 0 inside."""
    return np.pad(np.zeros([n - 2 for n in shape], np.float32), 1, constant_values=1)


def _dilated(mask: np.ndarray) -> np.ndarray:
    """Dilate a mask by all 26 neighbors."""
    for axis in range(3):
        before, after = np.roll(mask, 1, axis), np.roll(mask, -1, axis)  # the outermost layer is empty
        mask = mask | before | after
    return mask


def _image(field: np.ndarray) -> "vtkImageData":
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkCommonDataModel import vtkImageData

    image = vtkImageData()
    image.SetDimensions(field.shape[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(field.astype(np.float32, copy=False).ravel(), deep=True))
    return image


def _smooth(image: "vtkImageData", spacing: np.ndarray) -> "vtkImageData":
    """Resample a field in finer steps along axes with long voxels, and smooth it; coordinates remain voxel indices.

    Args:
        image: field with one point per voxel.
        spacing: voxel size along I, J and K in mm.
    """
    from vtkmodules.vtkImagingCore import vtkImageReslice
    from vtkmodules.vtkImagingGeneral import vtkImageGaussianSmooth

    room = _MOST_VOXELS / image.GetNumberOfPoints()
    steps = [max(1, round(min(one / min(spacing), _FINEST, room))) for one in spacing]
    finer = vtkImageReslice()
    finer.SetInputData(image)
    finer.SetInterpolationModeToLinear()
    finer.SetOutputSpacing(*(1 / count for count in steps))
    smooth = vtkImageGaussianSmooth()
    smooth.SetInputConnection(finer.GetOutputPort())
    smooth.SetStandardDeviations(*(_ACROSS * count if count > 1 else _IN_PLANE for count in steps))
    smooth.SetRadiusFactors(3, 3, 3)
    smooth.Update()
    return smooth.GetOutput()


def _with_volume(image: "vtkImageData", volume: float) -> tuple[np.ndarray, np.ndarray]:
    """Find the level set that encloses a volume in voxels, by false position (Illinois); the nearest if none does."""
    low, high = -_WIDEST_LEVEL, _WIDEST_LEVEL
    level, excess = 0.0, {}
    nearest, best = math.inf, (np.zeros((0, 3)), np.zeros((0, 3), np.int64))
    for _ in range(_MOST_STEPS):
        points, triangles = _level_set(image, level)
        error = _enclosed(points, triangles) / volume - 1
        if abs(error) < nearest:
            nearest, best = abs(error), (points, triangles)
        if abs(error) < _CLOSE:
            break
        if error > 0:
            low, excess["low"] = level, error
            excess["high"] = excess.get("high", -1.0) / 2
        else:
            high, excess["high"] = level, error
            excess["low"] = excess.get("low", 1.0) / 2
        level = low + (high - low) * excess["low"] / (excess["low"] - excess["high"])
    return best


def _level_set(image: "vtkImageData", level: float) -> tuple[np.ndarray, np.ndarray]:
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkFiltersCore import vtkFlyingEdges3D

    contour = vtkFlyingEdges3D()
    contour.SetInputData(image)
    contour.SetValue(0, level)
    contour.ComputeNormalsOff()
    contour.ComputeScalarsOff()
    contour.Update()
    found = contour.GetOutput()
    if not found.GetNumberOfPolys():
        return np.zeros((0, 3)), np.zeros((0, 3), np.int64)
    points = vtk_to_numpy(found.GetPoints().GetData()).astype(np.float64)
    triangles = vtk_to_numpy(found.GetPolys().GetConnectivityArray()).reshape(-1, 3).astype(np.int64)
    return points, triangles if _enclosed(points, triangles) > 0 else triangles[:, ::-1]


def _enclosed(points: np.ndarray, triangles: np.ndarray) -> float:
    """Enclosed volume by the divergence theorem: sum of the tetrahedra between the triangles and one point."""
    if not len(triangles):
        return 0.0
    a, b, c = (points - points.mean(axis=0))[triangles.T]
    return float(np.einsum("ij,ij->", a, np.cross(b, c))) / 6


def _obj(points: np.ndarray, triangles: np.ndarray) -> str:
    vertices = "v %.7g %.7g %.7g\n" * len(points) % tuple(points.ravel().tolist())
    faces = "f %d %d %d\n" * len(triangles) % tuple((triangles + 1).ravel().tolist())
    return f"# DINSegment. SPACE=LPS\n{vertices}{faces}"


def _stl(points: np.ndarray, triangles: np.ndarray) -> bytes:
    corners = points[triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    records = np.zeros(len(triangles), [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    records["normal"], records["corners"] = normals, corners
    header = b"DINSegment. SPACE=LPS".ljust(80, b"\0")
    return header + np.uint32(len(triangles)).astype("<u4").tobytes() + records.tobytes()


def _ply(points: np.ndarray, triangles: np.ndarray) -> bytes:
    header = (
        "ply\nformat binary_little_endian 1.0\ncomment DINSegment. SPACE=LPS\n"
        f"element vertex {len(points)}\nproperty float x\nproperty float y\nproperty float z\n"
        f"element face {len(triangles)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    faces = np.zeros(len(triangles), [("count", "u1"), ("indices", "<i4", 3)])
    faces["count"], faces["indices"] = 3, triangles
    return header.encode("ascii") + points.tobytes() + faces.tobytes()
