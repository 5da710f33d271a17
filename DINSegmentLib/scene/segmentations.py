"""Label arrays to segmentation nodes, on the exact grid of the volume that they came from, and back."""

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

_SMOOTH = "DINSegment.SmoothSurfaces"  # of a node whose surfaces were made of probabilities


def write_segmentation(
    labels: np.ndarray, volume_node: Any, structures: Sequence[Label], node: Any = None,
    surfaces: Mapping[int, Surface] | None = None, keep_surfaces: bool = True,
) -> Any:  # fmt: skip
    """Show labels as a ``vtkMRMLSegmentationNode`` beside their volume, voxel for voxel.

    Every structure gets a segment, an empty one too, with the id ``DINSegment_VALUE``. All share one label map, so that
    label values are those of ``structures`` in the scene and in a saved ``.seg.nrrd``.

    In an existing node, our segments of an earlier run are replaced, of whatever model; a structure keeps how the user
    lets it be shown. Everything else stays: the user's own segments, and segments of a result that the user renamed or
    recolored (they get another id).

    Args:
        labels: (K, J, I) uint8, on the grid of ``volume_node``; 0 is background. Copied.
        volume_node: the volume that was segmented; its parent transform holds for the segmentation, too.
        structures: the labels of the model.
        node: an existing segmentation node; None: a new one, named after the volume.
        surfaces: by label value, in the world, of all structures: what 3-D views show until the segmentation is edited.
        keep_surfaces: whether surfaces that ``node`` has are made anew, all at once; False: they are removed, and
            `SurfaceSteps` can make them.

    Returns:
        the segmentation node.

    Raises:
        GeometryError: ``labels`` is not on the volume's grid.
        InputError: a label value is not among ``structures``; or ``node`` holds segments of the user that cannot stand
            beside the result: under another transform, or made of surfaces.
        ModelError: the terminology file is missing. After any error the scene is as before.
    """
    check_labels(labels, volume_node, structures)
    if node is not None:
        check_output(node, volume_node)
    terminology.load()
    new = labeled_segments(labels, volume_node, structures, surfaces)
    name = f"{volume_node.GetName()} segmentation"
    with undo.new_node("vtkMRMLSegmentationNode", name) if node is None else undo.changed_node(node) as node:
        with slicer.util.NodeModify(node):
            # before the reference geometry and the segments: otherwise they would be resampled
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
    """The labels that our segments of a segmentation node hold now, also after the user edited them.

    Args:
        node: ``vtkMRMLSegmentationNode``; segments that are missing count as empty, those of other ids not at all.
        volume_node: on whose grid, through the parent transforms of both.
        structures: which segments; where two overlap, the later one wins.

    Returns:
        (K, J, I) uint8, 0 elsewhere.

    Raises:
        GeometryError: a parent transform is not linear.
        InputError: the volume cannot be read, or the node holds no label maps.
    """
    return read_values(node, volume_node, [label.value for label in structures])


def read_values(node: Any, volume_node: Any, label_values: Sequence[int]) -> np.ndarray:
    """As `read_labels`, of segments that we wrote with these label values."""
    shape = voxels(volume_node).shape
    ids, values = vtkStringArray(), vtkIntArray()
    for value in label_values:
        if node.GetSegmentation().GetSegment(segments.segment_id(value)) is not None:
            ids.InsertNextValue(segments.segment_id(value))
            values.InsertNextValue(value)
    if ids.GetNumberOfValues() == 0:  # Slicer would take all segments
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
    """Whether the last result brought surfaces of its own."""
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
    """A surface after a transform, with normals for smooth shading."""
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
    """An image without voxels, (K, J, I) of them in RAS."""
    image = slicer.vtkOrientedImageData()
    image.SetDimensions(shape[::-1])
    image_to_world = vtkMatrix4x4()
    image_to_world.DeepCopy(matrix.ravel().tolist())
    image.SetImageToWorldMatrix(image_to_world)
    return image
