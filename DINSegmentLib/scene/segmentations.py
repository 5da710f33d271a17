"""Label arrays to segmentation nodes and back, on the exact grid of their volume."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import slicer
import slicer.util
from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray, vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkIntArray, vtkPoints, vtkStringArray
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
from vtkmodules.vtkCommonMath import vtkMatrix4x4

from ..errors import GeometryError, InputError
from ..io.surfaces import Surface
from ..messages import Sentence as _
from ..model import Label
from . import hierarchy, node_attributes, segments, terminology, undo
from .volumes import ijk_to_ras, ijk_to_world, to_world, voxels

_SMOOTH = "DINSegment.SmoothSurfaces"  # attribute of a node whose surfaces were made from probabilities


def write_segmentation(
    labels: np.ndarray, volume_node: Any, structures: Sequence[Label], node: Any = None,
    surfaces: Mapping[int, Surface] | None = None, keep_surfaces: bool = True,
) -> Any:  # fmt: skip
    """Write labels to a ``vtkMRMLSegmentationNode``, voxel for voxel.

    Every structure gets a segment with the ID ``DINSegment_VALUE``, even if empty. All share one label map, so that
    label values are those of ``structures`` in the scene and in a saved ``.seg.nrrd``.

    In an existing node, our segments of an earlier run are replaced, whichever model made them; structures keep the
    user's display settings. Everything else is kept: the user's own segments, and our segments that the user renamed or
    recolored (these get another ID).

    Args:
        labels: (K, J, I) uint8, on the grid of ``volume_node``; 0 is background. Copied.
        volume_node: segmented volume; its parent transform also applies to the segmentation.
        structures: labels of the model.
        node: an existing segmentation node; None for a new one, named after the volume.
        surfaces: by label value, in world coordinates, for all structures; 3D views show them until an edit.
        keep_surfaces: whether to recompute surfaces that ``node`` has, all at once; False removes them, so that
            `SurfaceSteps` can compute them.

    Returns:
        the segmentation node.

    Raises:
        GeometryError: ``labels`` is not on the volume's grid.
        InputError: a label value exceeds those of ``structures``; or ``node`` has user segments that cannot be combined
            with the result: under another transform, or made from surfaces.
        ModelError: the terminology file is missing. After any error, the scene is unchanged.
    """
    check_labels(labels, volume_node, structures)
    if node is not None:
        check_output(node, volume_node)
    terminology.load()
    new = labeled_segments(labels, volume_node, structures, surfaces)
    name = f"{volume_node.GetName()} segmentation"
    with undo.new_node("vtkMRMLSegmentationNode", name) if node is None else undo.changed_node(node) as node:
        with slicer.util.NodeModify(node):
            # set before the reference geometry and segments, which would otherwise be resampled
            node.SetAndObserveTransformNodeID(volume_node.GetTransformNodeID())
            node.SetReferenceImageGeometryParameterFromVolumeNode(volume_node)
            node.CreateDefaultDisplayNodes()
            segments.exchange(node, new, keep_surfaces)
            node.SetAttribute(_SMOOTH, "1" if surfaces else None)
            node_attributes.note(node, node_attributes.RUN, None)
            node_attributes.note_labels(node, labels, structures)
        hierarchy.place_beside(volume_node, node)
    return node


def read_labels(node: Any, volume_node: Any, structures: Sequence[Label]) -> np.ndarray:
    """Read the current labels of our segments in a segmentation node, including the user's edits.

    Args:
        node: ``vtkMRMLSegmentationNode``; missing segments count as empty, segments with other IDs are ignored.
        volume_node: defines the grid; the parent transforms of both nodes are applied.
        structures: structures to read; where segments overlap, the later one wins.

    Returns:
        (K, J, I) uint8, 0 outside of the segments.

    Raises:
        GeometryError: a parent transform is not linear.
        InputError: the volume cannot be read, or the node has no label maps.
    """
    return read_values(node, volume_node, [label.value for label in structures])


def read_values(node: Any, volume_node: Any, label_values: Sequence[int]) -> np.ndarray:
    """As `read_labels`, for segments written with these label values."""
    shape = voxels(volume_node).shape
    ids, values = vtkStringArray(), vtkIntArray()
    for value in label_values:
        if node.GetSegmentation().GetSegment(segments.segment_id(value)) is not None:
            ids.InsertNextValue(segments.segment_id(value))
            values.InsertNextValue(value)
    if ids.GetNumberOfValues() == 0:  # Slicer would export all segments
        return np.zeros(shape, np.uint8)
    if not node.GetSegmentation().ContainsRepresentation(segments.LABELMAP):
        raise InputError(
            _("{node} contains surfaces but no label maps: segment the volume again.", node=node.GetName())
        )
    merged = slicer.vtkOrientedImageData()
    node.GenerateMergedLabelmapForAllSegments(
        merged,
        slicer.vtkSegmentation.EXTENT_REFERENCE_GEOMETRY,
        _grid(shape, np.linalg.inv(to_world(node)) @ ijk_to_world(volume_node)),
        ids,
        values,
    )
    return vtk_to_numpy(merged.GetPointData().GetScalars()).reshape(shape).astype(np.uint8)


def check_labels(labels: np.ndarray, volume_node: Any, structures: Sequence[Label]) -> None:
    shape = volume_node.GetImageData().GetDimensions()[::-1] if volume_node.GetImageData() else None
    if labels.shape != shape:
        raise GeometryError(
            _(
                "The labels have {voxels} voxels, but {volume} has {shape}: segment that volume again.",
                voxels=labels.shape,
                volume=volume_node.GetName(),
                shape=shape,
            )
        )
    if labels.max() > max(label.value for label in structures):
        raise InputError(
            _("The labels hold the value {value}, which no structure has: choose the right model.", value=labels.max())
        )


def check_output(node: Any, volume_node: Any) -> None:
    segmentation = node.GetSegmentation()
    if len(segments.ours(segmentation)) == segmentation.GetNumberOfSegments():
        return
    if node.GetTransformNodeID() != volume_node.GetTransformNodeID():
        raise InputError(
            _(
                "{node} contains your own segments and is not under the transform of {volume}: choose a new "
                "segmentation for the result, or put the two under one transform.",
                node=node.GetName(),
                volume=volume_node.GetName(),
            )
        )
    if segmentation.GetSourceRepresentationName() != segments.LABELMAP:
        raise InputError(
            _(
                "{node} contains your own segments as surfaces, not as label maps: choose a new segmentation for the "
                "result.",
                node=node.GetName(),
            )
        )


def has_smooth_surfaces(node: Any) -> bool:
    """Whether the last result included surfaces made from probabilities."""
    return node.GetAttribute(_SMOOTH) is not None


def labeled_segments(
    labels: np.ndarray,
    volume_node: Any,
    structures: Sequence[Label],
    surfaces: Mapping[int, Surface] | None = None,
) -> dict[str, Any]:
    labelmap = _grid(labels.shape, ijk_to_ras(volume_node))
    labelmap.GetPointData().SetScalars(numpy_to_vtk(labels.astype(np.uint8, copy=False).ravel(), deep=True))
    world_to_node = np.linalg.inv(to_world(volume_node))
    drawn = {value: _polydata(one, world_to_node) for value, one in (surfaces or {}).items()}
    return {
        segments.segment_id(label.value): segments.segment(label, labelmap, drawn.get(label.value))
        for label in structures
    }


def _polydata(surface: Surface, matrix: np.ndarray) -> vtkPolyData:
    """Transform a surface and add normals for smooth shading."""
    from vtkmodules.vtkFiltersCore import vtkPolyDataNormals

    points, triangles = surface.points @ matrix[:3, :3].T + matrix[:3, 3], surface.triangles
    if np.linalg.det(matrix[:3, :3]) < 0:
        triangles = triangles[:, ::-1]
    made, places, cells = vtkPolyData(), vtkPoints(), vtkCellArray()
    places.SetData(numpy_to_vtk(points.astype(np.float32), deep=True))
    cells.SetData(3, numpy_to_vtkIdTypeArray(triangles.astype(np.int64).ravel(), deep=True))
    made.SetPoints(places)
    made.SetPolys(cells)
    normals = vtkPolyDataNormals()
    normals.SetInputData(made)
    normals.SplittingOff()
    normals.ConsistencyOff()
    normals.Update()
    return normals.GetOutput()


def _grid(shape: tuple[int, int, int], matrix: np.ndarray) -> Any:
    """Create an image without voxels that has the grid (K, J, I) in RAS."""
    image = slicer.vtkOrientedImageData()
    image.SetDimensions(shape[::-1])
    image_to_world = vtkMatrix4x4()
    image_to_world.DeepCopy(matrix.ravel().tolist())
    image.SetImageToWorldMatrix(image_to_world)
    return image
