"""A volume node is read without a copy and with its place in the world."""

import numpy as np
import pytest

from DINSegmentLib.errors import GeometryError, InputError
from DINSegmentLib.scene import read_volume


def test_the_array_is_the_nodes_own_memory(add_volume):
    import slicer

    node = add_volume(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.diag([1, 2, 3, 1]))
    array = read_volume(node).array
    assert np.shares_memory(array, slicer.util.arrayFromVolume(node)) and array.shape == (2, 3, 4)
    np.testing.assert_array_equal(array, slicer.util.arrayFromVolume(node))


def test_transforms_above_the_parent_count_too(add_volume, scene):
    import slicer

    parent, grandparent = np.eye(4), np.eye(4)
    parent[:3, 3], grandparent[:3, :3] = (1, 2, 3), np.diag([2, 3, 4])
    node = add_volume(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.diag([1, 2, 3, 1]), parent)
    above = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    slicer.util.updateTransformMatrixFromArray(above, grandparent)
    node.GetParentTransformNode().SetAndObserveTransformNodeID(above.GetID())
    expected = grandparent @ parent @ np.diag([1, 2, 3, 1])
    np.testing.assert_allclose(read_volume(node).geometry.ijk_to_ras, expected, atol=1e-12)


def test_a_bending_transform_is_refused(add_volume, scene):
    import vtk

    node = add_volume(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.eye(4))
    bend = scene.AddNewNodeByClass("vtkMRMLTransformNode", "warp")
    source, target = vtk.vtkPoints(), vtk.vtkPoints()
    for position in ((0, 0, 0), (9, 0, 0), (0, 9, 0), (0, 0, 9), (5, 5, 5)):
        source.InsertNextPoint(position)
        target.InsertNextPoint(np.array(position) * (1 + 0.1 * np.sum(position)))
    spline = vtk.vtkThinPlateSplineTransform()
    spline.SetBasisToR()
    spline.SetSourceLandmarks(source)
    spline.SetTargetLandmarks(target)
    bend.SetAndObserveTransformToParent(spline)
    node.SetAndObserveTransformNodeID(bend.GetID())
    with pytest.raises(GeometryError, match=r"^heart is under a transform that bends it \(warp\): harden"):
        read_volume(node)


def test_a_node_without_an_image_is_refused(scene):
    with pytest.raises(InputError, match="empty volume holds no image"):
        read_volume(scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty volume"))


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64, np.int64])
def test_every_number_type_of_a_file_reaches_the_scene(kind, add_volume):
    array = np.arange(24, dtype=kind).reshape(2, 3, 4)
    np.testing.assert_array_equal(read_volume(add_volume(array, np.eye(4))).array, array)
