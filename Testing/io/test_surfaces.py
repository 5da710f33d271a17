"""Surfaces of bodies with known volume and border, and their files in Slicer's reader."""

from pathlib import Path

import numpy as np
import pytest
from ranks import margins_of

from DINSegmentLib import io
from DINSegmentLib.engine.class_margins import Margins
from DINSegmentLib.errors import InputError
from DINSegmentLib.geometry import Geometry
from DINSegmentLib.io.surfaces import FORMATS, Surface, surface, write_surface
from DINSegmentLib.model import Code, Label, find_model

PART = Code("SCT", "0", "Part")

BODY, OTHER = Label(1, "Body", (200, 0, 0), PART), Label(2, "Other", (0, 200, 0), PART)
TURN = np.linalg.qr(np.array([[1.0, 0.2, 0.1], [-0.2, 1.0, 0.3], [0.0, -0.3, 1.0]]))[0]


def grid(shape, spacing, mirrored=False) -> Geometry:
    """Oblique, its middle at (5, -7, 11) in RAS."""
    matrix = np.eye(4)
    matrix[:3, :3] = TURN * spacing * (-1 if mirrored else 1, 1, 1)
    matrix[:3, 3] = (5, -7, 11) - matrix[:3, :3] @ ((np.array(shape[::-1]) - 1) / 2)
    return Geometry(shape, matrix)


def centers(geometry) -> np.ndarray:
    """(K, J, I, 3) in RAS, from the middle of `grid`."""
    k, j, i = np.indices(geometry.shape)
    return np.stack([i, j, k], -1) @ geometry.ijk_to_ras[:3, :3].T + geometry.ijk_to_ras[:3, 3] - (5, -7, 11)


def ellipsoid(geometry, radii) -> tuple[Margins, np.ndarray]:
    """Margins of background and body, and labels, of an ellipsoid along the axes of RAS."""
    distance = (1 - np.linalg.norm(centers(geometry) / radii, axis=-1)) * np.mean(radii)
    body = 1 / (1 + np.exp(-2 * distance))
    return margins_of(np.stack([1 - body, body])), (body > 0.5).astype(np.uint8)


def polydata(made: Surface):
    import vtk
    from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray

    points, triangles, data = vtk.vtkPoints(), vtk.vtkCellArray(), vtk.vtkPolyData()
    points.SetData(numpy_to_vtk(made.points, deep=True))
    triangles.SetData(3, numpy_to_vtkIdTypeArray(made.triangles.astype(np.int64).ravel(), deep=True))
    data.SetPoints(points)
    data.SetPolys(triangles)
    return data


def open_edges(made: Surface) -> int:
    """Edges that do not have exactly two triangles."""
    import vtk

    edges = vtk.vtkFeatureEdges()
    edges.SetInputData(polydata(made))
    edges.FeatureEdgesOff()
    edges.ManifoldEdgesOff()
    edges.BoundaryEdgesOn()
    edges.NonManifoldEdgesOn()
    edges.Update()
    return edges.GetOutput().GetNumberOfCells()


def vtk_volume(made: Surface) -> float:
    import vtk

    mass = vtk.vtkMassProperties()
    mass.SetInputData(polydata(made))
    return mass.GetVolume()


@pytest.mark.parametrize("mirrored", [False, True], ids=["right-handed", "left-handed"])
@pytest.mark.parametrize(
    ("shape", "spacing", "radii"),
    [((41, 45, 43), (1.0, 1.0, 1.0), (15, 15, 15)), ((12, 60, 70), (1.4, 1.4, 10.0), (30, 25, 40))],
    ids=["sphere", "ellipsoid in thick slices"],
)
def test_surface_is_closed_and_its_volume_is_that_of_the_labels_and_of_the_body(shape, spacing, radii, mirrored):
    geometry = grid(shape, spacing, mirrored)
    margins, labels = ellipsoid(geometry, radii)
    made = surface(margins, labels, geometry, BODY)

    assert open_edges(made) == 0
    assert vtk_volume(made) == pytest.approx(np.count_nonzero(labels) * geometry.voxel_volume, rel=0.002)
    assert vtk_volume(made) == pytest.approx(4 / 3 * np.pi * np.prod(radii), rel=0.01)
    assert made.volume == pytest.approx(vtk_volume(made), rel=1e-4)  # positive: triangles face outward


def test_a_spheres_surface_lies_within_a_tenth_of_a_voxel():
    geometry = grid((40, 44, 42), (1.0, 1.0, 1.0))
    made = surface(*ellipsoid(geometry, (15, 15, 15)), geometry, BODY)

    radius = np.linalg.norm(made.points - (5, -7, 11), axis=1)
    assert np.abs(radius - 15).max() < 0.1  # a border of voxels would be off by half a voxel's diagonal, 0.87


def test_a_body_at_the_edge_of_the_volume_is_closed_there_at_the_voxels_outer_face():
    geometry = Geometry((6, 8, 10), np.diag([2.0, 3.0, 4.0, 1.0]))
    labels = np.ones(geometry.shape, np.uint8)
    probabilities = np.stack([np.full(labels.shape, 0.01), np.full(labels.shape, 0.99)])
    made = surface(margins_of(probabilities), labels, geometry, BODY)

    assert open_edges(made) == 0
    assert made.volume == pytest.approx(labels.size * 24, rel=0.002)
    faces = np.array([[-1, -1.5, -2], [19, 22.5, 22]])  # half a voxel beyond the outermost centers
    off = np.stack([made.points.min(axis=0), made.points.max(axis=0)]) - faces
    assert np.abs(off / (2, 3, 4)).max() < 0.17  # voxels: the faces give what the rounded edges take


def test_voxels_that_clean_up_took_away_get_no_surface():
    geometry = Geometry((12, 30, 30), np.eye(4))
    labels = np.zeros(geometry.shape, np.uint8)
    labels[3:8, 3:12, 3:12] = labels[9:11, 20:25, 20:25] = 1
    probabilities = np.stack([np.where(labels, 0.02, 0.98), np.where(labels, 0.98, 0.02)])
    labels[9:] = 0
    made = surface(margins_of(probabilities), labels, geometry, BODY)

    assert open_edges(made) == 0
    assert (made.points < 12.5).all()
    assert made.volume == pytest.approx(5 * 9 * 9, rel=0.002)


def test_two_structures_share_the_border_where_both_are_equally_probable():
    geometry = Geometry((24, 24, 48), np.eye(4))
    x = np.arange(48) - 23.3  # equal at 23.3 of the I axis
    left = np.broadcast_to(0.98 / (1 + np.exp(x)), geometry.shape)
    probabilities = np.stack([np.full(geometry.shape, 0.02), left, 0.98 - left])
    labels = probabilities.argmax(axis=0).astype(np.uint8)
    one, other = (surface(margins_of(probabilities), labels, geometry, label) for label in (BODY, OTHER))

    middle = [p[(np.abs(p[:, 1:] - 11.5) < 6).all(axis=1)] for p in (one.points, other.points)]
    assert middle[0][:, 0].max() == pytest.approx(23.3, abs=0.3)
    assert middle[1][:, 0].min() == pytest.approx(23.3, abs=0.3)


def test_a_structure_that_was_not_found_has_no_surface_and_a_file_without_triangles(tmp_path):
    geometry = Geometry((3, 4, 5), np.eye(4))
    made = surface(Margins.empty((3, 4, 5)), np.zeros((3, 4, 5), np.uint8), geometry, BODY)
    write_surface(made, tmp_path / "none.stl")

    assert made.volume == 0
    assert (tmp_path / "none.stl").read_bytes()[80:] == bytes(4)


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_slicer_reads_a_file_back_at_its_place_in_the_patient(suffix, tmp_path):
    import slicer
    from vtkmodules.util.numpy_support import vtk_to_numpy

    geometry = grid((10, 20, 24), (1.0, 1.2, 2.0))
    made = surface(*ellipsoid(geometry, (6, 7, 5)), geometry, BODY)
    path = tmp_path / f"body.{suffix}"
    write_surface(made, path)

    assert b"SPACE=LPS" in path.read_bytes()[:200]
    storage, node = slicer.vtkMRMLModelStorageNode(), slicer.vtkMRMLModelNode()
    storage.SetFileName(str(path))
    assert storage.ReadData(node)
    points = vtk_to_numpy(node.GetPolyData().GetPoints().GetData())
    assert node.GetPolyData().GetNumberOfPolys() == len(made.triangles)
    assert np.allclose(points.min(axis=0), made.points.min(axis=0), atol=1e-3)
    assert np.allclose(points.max(axis=0), made.points.max(axis=0), atol=1e-3)


def test_a_format_that_is_none_of_surfaces_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"use \.stl, \.obj or \.ply"):
        write_surface(Surface(np.zeros((0, 3)), np.zeros((0, 3), np.int64)), tmp_path / "body.vtk")


def sharp_edges(data) -> float:
    """Length in mm of the edges at which a surface bends by more than 45 degrees: rings, and a rim like a saw."""
    import vtk
    from vtkmodules.util.numpy_support import vtk_to_numpy

    edges = vtk.vtkFeatureEdges()
    edges.SetInputData(data)
    edges.BoundaryEdgesOff()
    edges.ManifoldEdgesOff()
    edges.NonManifoldEdgesOff()
    edges.SetFeatureAngle(45)
    edges.Update()
    if not edges.GetOutput().GetNumberOfCells():
        return 0.0
    points = vtk_to_numpy(edges.GetOutput().GetPoints().GetData())
    ends = points[vtk_to_numpy(edges.GetOutput().GetLines().GetConnectivityArray()).reshape(-1, 2)]
    return float(np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1).sum())


def slicers_own(mask, geometry):
    """The closed surface that Slicer makes of a label map."""
    import slicer
    import slicer.util
    from vtkmodules.util.numpy_support import numpy_to_vtk

    from DINSegmentLib.scene.boot import boot

    boot()
    image, segment = slicer.vtkOrientedImageData(), slicer.vtkSegment()
    image.SetDimensions(mask.shape[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(mask.astype(np.uint8).ravel(), deep=True))
    image.SetImageToWorldMatrix(slicer.util.vtkMatrixFromArray(geometry.ijk_to_ras))
    segment.AddRepresentation("Binary labelmap", image)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    node.GetSegmentation().AddSegment(segment, "one")
    node.CreateClosedSurfaceRepresentation()
    made = segment.GetRepresentation("Closed surface")
    slicer.mrmlScene.RemoveNode(node)
    return made


def test_hearts_surfaces_from_the_network_have_the_volumes_of_its_labels_and_are_smoother_than_slicers(repository):
    from DINSegmentLib.engine.parameters import Parameters
    from DINSegmentLib.engine.segmenter import segment

    image = io.read(Path(repository / "Resources" / "SampleData" / "cardiac_phantom_ED.nrrd"))
    model = find_model("cardiac-mr")
    result = segment(image.array, image.geometry, model, Parameters(mirroring=False, margins=True), "cpu")

    sharp = np.zeros(2)
    for label in model.labels:
        made = surface(result.margins, result.labels, image.geometry, label)
        voxels = np.count_nonzero(result.labels == label.value)
        assert voxels > 1000
        assert open_edges(made) == 0
        assert vtk_volume(made) == pytest.approx(voxels * image.geometry.voxel_volume, rel=0.01)
        own = slicers_own(result.labels == label.value, image.geometry)
        sharp += sharp_edges(polydata(made)), sharp_edges(own)
    assert sharp[0] < sharp[1] / 2
