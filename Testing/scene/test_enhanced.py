"""An enhanced volume has exactly the position of its source, and never replaces the patient's image."""

import time

import numpy as np
import pytest

from DINSegmentLib.errors import GeometryError, InputError
from DINSegmentLib.model import Enhancement
from DINSegmentLib.scene import allocate_enhanced, enhanced, enhanced_array, read_volume, update_slices, write_enhanced

TURN = np.array([[0.0, -1.0, 0.0, 40.0], [0.96, 0.0, -0.28, -7.0], [0.28, 0.0, 0.96, 11.0], [0.0, 0.0, 0.0, 1.0]])


@pytest.fixture
def volume(heart, add_volume):
    return add_volume(heart.labels.astype(np.int16) * 100, heart.matrix, TURN)


@pytest.fixture
def array(heart):
    return np.random.default_rng(3).random(heart.labels.shape, np.float32)


def test_voxels_and_place_are_those_of_the_volume_bit_for_bit(volume, array):
    node = write_enhanced(array, volume, Enhancement("log", 1.0))
    assert enhanced_array(node).dtype == np.float32
    np.testing.assert_array_equal(enhanced_array(node), array)
    assert matrix_of(node).tobytes() == matrix_of(volume).tobytes()
    assert node.GetTransformNodeID() == volume.GetTransformNodeID() and node.GetTransformNodeID() is not None
    assert read_volume(node).geometry.ijk_to_ras.tobytes() == read_volume(volume).geometry.ijk_to_ras.tobytes()


def test_the_node_says_what_it_is(volume, array, scene):
    node = write_enhanced(array, volume, Enhancement("gamma", 0.75))
    assert node.GetName() == "heart enhanced"
    assert node.GetNodeReference("DINSegment.Source") is volume
    assert node.GetAttribute("DINSegment.Enhancement") == "gamma, strength 0.75"
    enhanced.note_enhancement(node, Enhancement("clahe", 1.5))
    assert node.GetAttribute("DINSegment.Enhancement") == "clahe, strength 1.5"
    scene.RemoveNode(volume)
    assert node.GetNodeReferenceID("DINSegment.Source") is None


def test_black_is_0_white_is_1_in_gray(volume, array):
    assert_gray_from_0_to_1(write_enhanced(array * 0.5, volume, Enhancement("log", 1.0)).GetDisplayNode())


def test_a_node_is_written_again_in_place(volume, array, scene):
    node = write_enhanced(array, volume, Enhancement("log", 1.0))
    node.SetName("renamed by the user")
    node.GetDisplayNode().SetWindowLevelMinMax(0.2, 0.6)
    before = count(scene)
    assert write_enhanced(array / 2, volume, Enhancement("gamma", 0.5), node=node) is node
    np.testing.assert_array_equal(enhanced_array(node), array / 2)
    assert count(scene) == before and node.GetName() == "renamed by the user"
    assert node.GetDisplayNode().GetWindowLevelMax() == 0.6  # the user's window for our node stays
    assert node.GetAttribute("DINSegment.Enhancement") == "gamma, strength 0.5"


def test_a_volume_of_the_users_choice_takes_the_image_and_the_window(volume, array, add_volume, scene):
    other = add_volume(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.eye(4), name="spare")
    other.CreateDefaultDisplayNodes()
    other.GetDisplayNode().SetApplyThreshold(True)
    other.GetDisplayNode().SetAndObserveColorNodeID("vtkMRMLColorTableNodeRed")
    before = count(scene)
    assert write_enhanced(array, volume, Enhancement("log", 1.0), node=other) is other
    np.testing.assert_array_equal(enhanced_array(other), array)
    assert matrix_of(other).tobytes() == matrix_of(volume).tobytes()
    assert_gray_from_0_to_1(other.GetDisplayNode())
    assert count(scene) == before and other.GetName() == "spare"


def test_the_patients_image_is_never_overwritten(volume, array):
    with pytest.raises(InputError, match="would replace heart itself"):
        write_enhanced(array, volume, Enhancement("log", 1.0), node=volume)
    assert read_volume(volume).array.max() == 300 and volume.GetAttribute("DINSegment.Enhancement") is None


def test_a_label_map_cannot_become_an_enhanced_volume(volume, array, scene):
    node = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
    with pytest.raises(InputError, match="labels is not a grayscale volume"):
        write_enhanced(array, volume, Enhancement("log", 1.0), node=node)
    assert node.GetImageData() is None


def test_an_array_of_another_shape_is_refused(volume, array, scene):
    before = scene.GetNumberOfNodes()
    with pytest.raises(GeometryError, match=r"\(4, 9, 11\) voxels, but heart has \(5, 9, 11\)"):
        write_enhanced(array[1:], volume, Enhancement("log", 1.0))
    assert scene.GetNumberOfNodes() == before


def test_after_a_failure_the_scene_is_as_before(volume, array, add_volume, scene, monkeypatch):
    other = add_volume(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.eye(4), name="spare")
    other.CreateDefaultDisplayNodes()
    other.GetDisplayNode().SetAutoWindowLevel(False)
    other.GetDisplayNode().SetWindowLevelMinMax(100, 900)
    bare = add_volume(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.eye(4), name="bare")
    image, before = other.GetImageData(), scene.GetNumberOfNodes()

    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(enhanced.hierarchy, "place_beside", fail)
    for node in (None, other, bare):
        with pytest.raises(MemoryError):
            write_enhanced(array, volume, Enhancement("log", 1.0), node=node)
    assert scene.GetNumberOfNodes() == before
    assert other.GetImageData() is image and other.GetTransformNodeID() is None
    np.testing.assert_array_equal(read_volume(other).array, np.arange(24).reshape(2, 3, 4))
    np.testing.assert_array_equal(matrix_of(other), np.eye(4))
    assert other.GetNodeReferenceID("DINSegment.Source") is None and other.GetAttributeNames() == ()
    assert other.GetDisplayNode().GetWindowLevelMax() == 900
    assert bare.GetDisplayNode() is None


def test_the_enhanced_volume_stands_beside_its_volume_in_the_hierarchy(volume, array, scene):
    import slicer

    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    study = hierarchy.CreateStudyItem(hierarchy.GetSceneItemID(), "exam")
    hierarchy.CreateItem(study, volume)
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)
    write_enhanced(array, volume, Enhancement("log", 1.0), node=node)
    assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) == study


def test_what_a_preview_writes_is_in_the_node_and_views_hear_of_it_once(volume):
    node = allocate_enhanced(volume, Enhancement("log", 1.0))
    heard = []
    node.AddObserver(node.ImageDataModifiedEvent, lambda *_: heard.append("image"))
    node.AddObserver("ModifiedEvent", lambda *_: heard.append("node"))
    enhanced_array(node)[1, 2, 3] = 0.625
    changed = node.GetImageData().GetMTime()
    update_slices(node)
    assert sorted(heard) == ["image", "node"]
    assert node.GetImageData().GetMTime() > changed
    assert node.GetImageData().GetScalarComponentAsFloat(3, 2, 1, 0) == 0.625


def test_a_volume_that_is_not_float_is_no_enhanced_volume(volume):
    with pytest.raises(InputError, match="heart is not an enhanced volume"):
        enhanced_array(volume)


def test_room_for_a_large_volume_and_word_of_it_cost_milliseconds(add_volume, views):
    volume = add_volume(np.zeros((100, 512, 512), np.int16), np.eye(4))
    node = allocate_enhanced(volume, Enhancement("log", 1.0))
    enhanced_array(node)[:] = 0.5
    views("Red")[1].SetBackgroundVolumeID(node.GetID())
    update_slices(node)
    assert shortest(lambda: update_slices(node)) < 0.01
    assert shortest(lambda: allocate_enhanced(volume, Enhancement("log", 1.0))) < 0.05  # not all voxels are read


def shortest(work):
    """Seconds that some work takes, at best."""
    spent = []
    for _ in range(5):
        began = time.perf_counter()
        work()
        spent.append(time.perf_counter() - began)
    return min(spent)


def assert_gray_from_0_to_1(display):
    """How a display node shows a volume."""
    assert not display.GetAutoWindowLevel() and not display.GetApplyThreshold()
    assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == (0, 1)
    assert display.GetColorNodeID() == "vtkMRMLColorTableNodeGrey"


def count(scene):
    """Volumes and what shows them."""
    return scene.GetNumberOfNodesByClass("vtkMRMLVolumeNode"), scene.GetNumberOfNodesByClass("vtkMRMLDisplayNode")


def matrix_of(node):
    """IJK to RAS, (4, 4)."""
    import slicer
    import vtk

    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)
