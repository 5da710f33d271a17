"""Surfaces that come with a result: position, the effect of an edit, and ownership."""

import numpy as np
import pytest
from ranks import margins_of

from DINSegmentLib.geometry import Geometry
from DINSegmentLib.io.surfaces import Surface, surface
from DINSegmentLib.model import Code, Label
from DINSegmentLib.scene import has_smooth_surfaces, write_segmentation

SHAPE, RADIUS = (12, 40, 44), 12.0
MATRIX = np.array([[1.0, 0, 0, -20], [0, 0.9, -0.9, 4], [0, 0.5, 2.1, -9], [0, 0, 0, 1]])
MIRROR = np.array([[0, -1.0, 0, 5], [-1, 0, 0, 6], [0, 0, -1, 7], [0, 0, 0, 1.0]]) @ np.diag([1, 1, -1, 1])
BALL = Label(1, "Ball", (200, 0, 0), Code("SCT", "80891009", "Heart"))
REST = Label(2, "Rest", (0, 200, 0), Code("SCT", "80891009", "Heart"))


@pytest.fixture(params=[None, MIRROR], ids=["no parent", "mirroring parent"])
def ball(request, add_volume):
    """A volume under a transform, labels of a ball in it, and surfaces in the world: of the ball, and of nothing."""
    parent = request.param
    volume = add_volume(np.zeros(SHAPE, np.int16), MATRIX, parent)
    geometry = Geometry(SHAPE, MATRIX if parent is None else parent @ MATRIX)
    k, j, i = np.indices(SHAPE)
    places = np.stack([i, j, k], -1) @ geometry.ijk_to_ras[:3, :3].T + geometry.ijk_to_ras[:3, 3]
    middle = places.reshape(-1, 3).mean(axis=0)
    inside = 1 / (1 + np.exp(np.linalg.norm(places - middle, axis=-1) - RADIUS))
    probabilities, labels = np.stack([1 - inside, inside, 0 * inside]), (inside > 0.5).astype(np.uint8)
    made = {label.value: surface(margins_of(probabilities), labels, geometry, label) for label in (BALL, REST)}
    return volume, labels, made, middle, geometry.voxel_volume


def surface_of(node, identity):
    return node.GetSegmentation().GetSegment(identity).GetRepresentation("Closed surface")


def test_a_surface_lies_in_the_world_where_it_was_made_and_looks_outward(ball):
    from vtkmodules.util.numpy_support import vtk_to_numpy

    from DINSegmentLib.scene.volumes import to_world

    volume, labels, made, middle, voxel_volume = ball
    node = write_segmentation(labels, volume, (BALL, REST), surfaces=made)
    found = surface_of(node, "DINSegment_1")
    own = vtk_to_numpy(found.GetPoints().GetData())
    points = own @ to_world(node)[:3, :3].T + to_world(node)[:3, 3]
    triangles = vtk_to_numpy(found.GetPolys().GetConnectivityArray()).reshape(-1, 3)

    assert np.abs(np.linalg.norm(points - middle, axis=1) - RADIUS).max() < 1.5  # slices lie 2.3 mm apart
    assert Surface(own, triangles).volume == pytest.approx(np.count_nonzero(labels) * voxel_volume, rel=2e-3)
    assert found.GetPointData().GetNormals() is not None
    assert surface_of(node, "DINSegment_2").GetNumberOfPoints() == 0 and has_smooth_surfaces(node)


def test_an_edit_or_a_result_without_surfaces_ends_them_as_in_any_segmentation(ball):
    import slicer

    volume, labels, made, *_ = ball
    node, plain = (write_segmentation(labels, volume, (BALL, REST), surfaces=one) for one in (made, None))
    plain.CreateClosedSurfaceRepresentation()
    for one in (node, plain):
        slicer.util.updateSegmentBinaryLabelmapFromArray(labels[:, ::-1].copy(), one, "DINSegment_1", volume)
        one.CreateClosedSurfaceRepresentation()
    counts = [surface_of(one, "DINSegment_1").GetNumberOfPoints() for one in (node, plain)]
    assert counts[0] == counts[1] > 0

    write_segmentation(labels, volume, (BALL, REST), node=node, surfaces=made)
    smooth = surface_of(node, "DINSegment_1").GetNumberOfPoints()
    write_segmentation(labels, volume, (BALL, REST), node=node)
    assert surface_of(node, "DINSegment_1").GetNumberOfPoints() != smooth and not has_smooth_surfaces(node)


def test_segments_of_the_user_stay_and_get_surfaces_of_slicers_own(ball):
    import slicer

    volume, labels, made, *_ = ball
    node = write_segmentation(labels, volume, (BALL, REST))
    node.GetSegmentation().AddEmptySegment("mine", "mine")
    mask = np.zeros(SHAPE, np.uint8)
    mask[2:5, 3:9, 3:9] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, "mine", volume)
    write_segmentation(labels, volume, (BALL, REST), node=node, surfaces=made)
    assert surface_of(node, "DINSegment_1").GetNumberOfPoints() == len(made[1].points)
    assert surface_of(node, "mine").GetNumberOfPoints() > 0
    assert np.array_equal(slicer.util.arrayFromSegmentBinaryLabelmap(node, "mine", volume), mask)
