"""Insertion points of the right ventricle that the user moves: what is stored, and what a scene keeps."""

from pathlib import Path

import numpy as np
import pytest
import slicer
import slicer.util
import vtk
from desk import markups

from DINSegmentLib.measure import Insertion
from DINSegmentLib.scene import INSERTIONS, InsertionPoints, forget_insertion, insertion_of

FOUND = Insertion((10.0, 20.0, 30.0), (15.0, -5.0, 12.0))
LABELS = "Anterior RV insertion", "Inferior RV insertion"


@pytest.fixture
def with_markups(scene):
    with markups.installed():
        yield


@pytest.fixture
def result(scene):
    """A segmentation and its volume."""
    volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "heart")
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "heart DIN")
    return node, volume


@pytest.fixture
def points(with_markups, result):
    moves = []
    made = InsertionPoints(lambda: moves.append(1))
    made.show(*result, FOUND, LABELS)
    yield made, moves
    made.remove()


def the_node():
    found = [
        node for node in slicer.util.getNodesByClass("vtkMRMLDisplayableNode") if isinstance(node, markups.PointList)
    ]
    return found[0] if found else None


def test_two_named_points_stand_at_the_insertions_and_nobody_has_moved_them(points, result):
    node = the_node()
    assert [node.GetNthControlPointLabel(index) for index in (0, 1)] == list(LABELS)
    np.testing.assert_allclose([list(node.GetNthControlPointPositionWorld(index)) for index in (0, 1)], [
        FOUND.anterior, FOUND.inferior,
    ])  # fmt: skip
    assert node.GetDisplayNode() is not None and node.AddControlPointWorld(0, 0, 0) == -1
    assert not points[0].keep() and insertion_of(*result) is None and not points[1]


def test_a_moved_point_is_noted_and_outlives_the_points(points, result):
    the_node().SetNthControlPointPositionWorld(0, 11.0, 22.0, 33.0)

    assert points[1] == [1] and points[0].keep() and not points[0].keep()
    points[0].remove()
    assert the_node() is None
    assert insertion_of(*result) == Insertion((11.0, 22.0, 33.0), FOUND.inferior)
    forget_insertion(result[0])
    assert insertion_of(*result) is None


def test_insertions_move_with_the_transform_of_their_volume(points, result):
    node, volume = result
    the_node().SetNthControlPointPositionWorld(1, 1.0, 2.0, 3.0)
    points[0].keep()
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(0, 3, 100.0)
    transform.SetMatrixTransformToParent(matrix)
    volume.SetAndObserveTransformNodeID(transform.GetID())

    assert insertion_of(node, volume).inferior == pytest.approx((101.0, 2.0, 3.0))


def test_points_that_the_user_has_deleted_tell_nothing_and_can_be_removed(points):
    slicer.mrmlScene.RemoveNode(the_node())
    assert not points[0].shown and not points[0].keep()
    points[0].remove()


def test_points_of_another_result_take_the_place_of_the_first(points, result):
    node, volume = result
    other = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "another patient")
    points[0].show(other, volume, FOUND, LABELS)
    the_node().SetNthControlPointPositionWorld(0, 0.0, 0.0, 0.0)
    points[0].keep()

    assert insertion_of(node, volume) is None
    assert insertion_of(other, volume).anterior == (0.0, 0.0, 0.0)


def test_a_saved_scene_keeps_what_was_moved_and_not_the_points(points, result, tmp_path: Path):
    node, volume = result
    the_node().SetNthControlPointPositionWorld(0, 1.5, 2.5, 3.5)
    points[0].keep()
    path = tmp_path / "scene.mrml"
    slicer.mrmlScene.SetURL(str(path))
    assert slicer.mrmlScene.Commit()
    points[0].remove()
    slicer.mrmlScene.Clear(0)
    slicer.mrmlScene.Import()

    again, volume = slicer.util.getNode("heart DIN"), slicer.util.getNode("heart")
    assert insertion_of(again, volume).anterior == (1.5, 2.5, 3.5)
    assert "RV insertions" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("odd", ["[[1, 2], [3, 4]]", '"there"', "[[1, 2, 3], [NaN, 0, 0]]", "{"])
def test_an_odd_note_is_no_insertion(result, odd):
    result[0].SetAttribute(INSERTIONS, odd)
    assert insertion_of(*result) is None


def test_a_slicer_without_markups_says_so(result):
    assert not InsertionPoints.available()
    with markups.installed():
        assert InsertionPoints.available()
