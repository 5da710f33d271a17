"""A second result in the same segmentation replaces our segments, and nothing of the user's."""

import numpy as np
import pytest

from DINSegmentLib.errors import InputError
from DINSegmentLib.model import Code, Label
from DINSegmentLib.scene import SurfaceSteps, read_labels, segmentations, segments, write_segmentation
from DINSegmentLib.scene.files import save_segmentation

PART = Code("SCT", "0", "Part")

IDS = ["DINSegment_1", "DINSegment_2", "DINSegment_3"]
ORGANS = tuple(Label(value, f"organ {value}", (value, 9, 9), PART) for value in (1, 2, 3, 4, 5))
LABELMAP = "Binary labelmap"
TURN = np.array([[0.0, -1.0, 0.0, 40.0], [0.96, 0.0, -0.28, -7.0], [0.28, 0.0, 0.96, 11.0], [0.0, 0.0, 0.0, 1.0]])


@pytest.fixture
def volume(heart, add_volume):
    return add_volume(heart.labels.astype(np.int16), heart.matrix)


@pytest.fixture
def node(heart, volume):
    """A first result."""
    return write_segmentation(heart.labels, volume, heart.structures)


@pytest.fixture
def second(heart):
    """Labels of a second run."""
    return np.roll(heart.labels, 2, axis=2)


def test_segments_of_the_users_own_stay_bit_for_bit(node, heart, volume, second):
    drawn = draw(node, "tumor", volume, heart.labels == 0)
    write_segmentation(second, volume, heart.structures, node=node)
    segmentation = node.GetSegmentation()
    assert list(segmentation.GetSegmentIDs()) == [*IDS, "tumor"]
    assert segmentation.GetSegment("tumor") is drawn
    np.testing.assert_array_equal(voxels(node, "tumor", volume), heart.labels == 0)
    np.testing.assert_array_equal(read_labels(node, volume, heart.structures), second)


def test_a_segment_in_one_label_map_with_ours_stays_bit_for_bit(node, heart, volume, second):
    mine = heart.labels == 0
    mine[:, :, :4] = False
    share(node, "tumor", mine, 9)
    assert node.GetSegmentation().GetNumberOfLayers() == 1
    write_segmentation(second, volume, heart.structures, node=node)
    np.testing.assert_array_equal(voxels(node, "tumor", volume), mine)
    np.testing.assert_array_equal(read_labels(node, volume, heart.structures), second)
    left = layer(node.GetSegmentation().GetSegment("tumor"))
    assert set(np.unique(left)) == {0, 9}  # none of our old voxels stays behind in it


def test_segments_of_another_grid_keep_their_place_in_the_world(node, heart, volume, add_volume, second):
    import slicer

    coarse = add_volume(np.zeros((2, 3, 4), np.int16), np.diag([3.0, 4.0, 5.0, 1.0]), name="coarse")
    mask = np.zeros((2, 3, 4), bool)
    mask[1, 0:2, 1:3] = True
    draw(node, "tumor", coarse, mask)
    segment = node.GetSegmentation().GetSegment("tumor")
    before = layer(segment).tobytes(), place(segment)
    write_segmentation(second, volume, heart.structures, node=node)
    assert (layer(segment).tobytes(), place(segment)) == before
    exported = slicer.util.arrayFromSegmentBinaryLabelmap(node, "tumor", coarse)
    np.testing.assert_array_equal(exported > 0, mask)
    np.testing.assert_array_equal(read_labels(node, volume, heart.structures), second)


@pytest.mark.parametrize("change", ["renamed", "recolored"])
def test_a_segment_of_ours_that_the_user_claimed_stays_as_the_users(change, node, heart, volume, second):
    claimed = node.GetSegmentation().GetSegment("DINSegment_1")
    claimed.SetName("my ventricle") if change == "renamed" else claimed.SetColor(0.1, 0.9, 0.1)
    node.GetDisplayNode().SetSegmentOpacity3D("DINSegment_1", 0.25)
    write_segmentation(second, volume, heart.structures, node=node)
    segmentation = node.GetSegmentation()
    assert list(segmentation.GetSegmentIDs()) == ["DINSegment_1_1", *IDS]
    assert segmentation.GetSegment("DINSegment_1_1") is claimed
    assert node.GetDisplayNode().GetSegmentOpacity3D("DINSegment_1_1") == 0.25
    np.testing.assert_array_equal(voxels(node, "DINSegment_1_1", volume), heart.labels == 1)
    fresh = segmentation.GetSegment("DINSegment_1")
    assert fresh.GetName() == "Right ventricle" and node.GetDisplayNode().GetSegmentOpacity3D("DINSegment_1") == 1
    np.testing.assert_array_equal(read_labels(node, volume, heart.structures), second)

    write_segmentation(heart.labels, volume, heart.structures, node=node)  # and a third run leaves it alone
    assert list(segmentation.GetSegmentIDs()) == ["DINSegment_1_1", *IDS]
    np.testing.assert_array_equal(voxels(node, "DINSegment_1_1", volume), heart.labels == 1)


def test_a_segment_with_our_id_and_without_our_note_is_the_users(heart, volume, scene):
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    draw(node, "DINSegment_2", volume, heart.labels == 0)
    write_segmentation(heart.labels, volume, heart.structures, node=node)
    assert list(node.GetSegmentation().GetSegmentIDs()) == ["DINSegment_2_1", *IDS]
    np.testing.assert_array_equal(voxels(node, "DINSegment_2_1", volume), heart.labels == 0)


def test_another_models_result_is_replaced_wholly(node, heart, volume, second):
    organs = np.where(heart.labels == 3, 5, 0).astype(np.uint8)
    draw(node, "tumor", volume, heart.labels == 0)
    write_segmentation(organs, volume, ORGANS, node=node)
    assert list(node.GetSegmentation().GetSegmentIDs()) == [*(f"DINSegment_{n}" for n in range(1, 6)), "tumor"]
    write_segmentation(second, volume, heart.structures, node=node)
    assert list(node.GetSegmentation().GetSegmentIDs()) == [*IDS, "tumor"]
    assert node.GetSegmentation().GetSegment("DINSegment_1").GetName() == "Right ventricle"
    np.testing.assert_array_equal(read_labels(node, volume, heart.structures), second)


def test_new_segments_stand_where_the_old_ones_stood(node, heart, volume):
    for name in ("before", "between", "after"):
        draw(node, name, volume, heart.labels == 0)
    node.GetSegmentation().ReorderSegments(["before", "DINSegment_1", "between", *IDS[1:], "after"])
    write_segmentation(heart.labels, volume, heart.structures, node=node)
    assert list(node.GetSegmentation().GetSegmentIDs()) == ["before", *IDS, "between", "after"]


def test_a_first_result_comes_after_the_users_segments(heart, volume, scene):
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    draw(node, "tumor", volume, heart.labels == 0)
    write_segmentation(heart.labels, volume, heart.structures, node=node)
    assert list(node.GetSegmentation().GetSegmentIDs()) == ["tumor", *IDS]


def test_a_structure_is_shown_as_the_user_let_it_be_shown(node, heart, volume, second):
    display = node.GetDisplayNode()
    draw(node, "tumor", volume, heart.labels == 0)
    display.SetSegmentVisibility("DINSegment_3", False)
    display.SetSegmentVisibility2DFill("DINSegment_1", False)
    display.SetSegmentOpacity2DFill("DINSegment_2", 0.5)
    display.SetSegmentOpacity3D("tumor", 0.75)
    write_segmentation(second, volume, heart.structures, node=node)
    assert [display.GetSegmentVisibility(one) for one in IDS] == [True, True, False]
    assert [display.GetSegmentVisibility2DFill(one) for one in IDS] == [False, True, True]
    assert [display.GetSegmentOpacity2DFill(one) for one in IDS] == [1, 0.5, 1]
    assert display.GetSegmentOpacity3D("tumor") == 0.75
    write_segmentation(second, volume, ORGANS, node=node)  # another structure of the same value is not hidden
    assert [display.GetSegmentVisibility(one) for one in IDS] == [True, True, True]


def test_surfaces_for_the_3d_view_are_made_anew(node, heart, volume, second):
    node.CreateClosedSurfaceRepresentation()
    before = bounds(node, "DINSegment_1")
    write_segmentation(second, volume, heart.structures, node=node)
    direction = heart.matrix[:3, 0] * 2  # the second run's labels lie two voxels farther along I
    np.testing.assert_allclose(center(bounds(node, "DINSegment_1")) - center(before), direction, atol=0.2)


def test_surfaces_can_be_left_to_be_made_later_of_all_segments(node, heart, volume, second, monkeypatch):
    draw(node, "tumor", volume, heart.labels == 0)
    node.CreateClosedSurfaceRepresentation()
    before = bounds(node, "DINSegment_1")
    with monkeypatch.context() as broken:
        broken.setattr(segmentations.hierarchy, "place_beside", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            write_segmentation(second, volume, heart.structures, node=node, keep_surfaces=False)
    assert bounds(node, "DINSegment_1") == before  # a failure has taken no surface away
    write_segmentation(second, volume, heart.structures, node=node, keep_surfaces=False)
    segmentation = node.GetSegmentation()
    assert not any(segmentation.GetSegment(one).GetRepresentation("Closed surface") for one in [*IDS, "tumor"])
    steps = SurfaceSteps(node)
    assert steps.total == 4
    while steps.step():
        pass
    later = bounds(node, "DINSegment_1")
    write_segmentation(second, volume, heart.structures, node=node)
    assert later == bounds(node, "DINSegment_1") != before


def test_a_result_goes_through_a_file_and_is_still_replaced(node, heart, volume, second, tmp_path):
    import slicer

    save_segmentation(node, tmp_path / "o.seg.nrrd")
    loaded = slicer.util.loadSegmentation(str(tmp_path / "o.seg.nrrd"), {})
    loaded.GetSegmentation().GetSegment("DINSegment_2").SetName("mine")
    write_segmentation(second, volume, heart.structures, node=loaded)
    assert list(loaded.GetSegmentation().GetSegmentIDs()) == [*IDS, "DINSegment_2_1"]
    np.testing.assert_array_equal(read_labels(loaded, volume, heart.structures), second)


def test_a_segmentation_under_another_transform_is_refused_when_it_holds_the_users_segments(
    node, heart, volume, add_volume
):
    draw(node, "tumor", volume, heart.labels == 0)
    before = state(node)
    turned = add_volume(heart.labels.astype(np.int16), heart.matrix, TURN, name="turned")
    with pytest.raises(InputError, match="^heart segmentation contains your own segments"):
        write_segmentation(heart.labels, turned, heart.structures, node=node)
    assert state(node) == before


def test_a_segmentation_of_surfaces_is_refused_when_it_holds_the_users_segments(node, heart, volume):
    draw(node, "tumor", volume, heart.labels == 0)
    node.CreateClosedSurfaceRepresentation()
    node.GetSegmentation().SetSourceRepresentationName("Closed surface")
    with pytest.raises(InputError, match="as surfaces, not as label maps"):
        write_segmentation(heart.labels, volume, heart.structures, node=node)
    assert node.GetSegmentation().GetSourceRepresentationName() == "Closed surface"


def test_our_own_result_made_into_surfaces_is_replaced_by_label_maps(node, heart, volume, second):
    node.CreateClosedSurfaceRepresentation()
    node.GetSegmentation().SetSourceRepresentationName("Closed surface")
    node.GetSegmentation().RemoveRepresentation(LABELMAP)
    with pytest.raises(InputError, match="contains surfaces but no label maps"):
        read_labels(node, volume, heart.structures)
    write_segmentation(second, volume, heart.structures, node=node)
    assert node.GetSegmentation().GetSourceRepresentationName() == LABELMAP
    np.testing.assert_array_equal(read_labels(node, volume, heart.structures), second)


@pytest.mark.parametrize("step", ["_give_another_id", "_remove", "_let_look", "place_beside"])
def test_after_a_failure_midway_the_segmentation_is_as_before(step, node, heart, volume, second, scene, monkeypatch):
    draw(node, "tumor", volume, heart.labels == 0).SetTag("note", "the user's")
    share(node, "shared", heart.labels == 2, 7)
    node.GetSegmentation().GetSegment("DINSegment_1").SetName("my ventricle")
    node.GetDisplayNode().SetSegmentVisibility("DINSegment_3", False)
    node.GetDisplayNode().SetOpacity2DFill(0.125)
    before, count, calls = state(node), scene.GetNumberOfNodes(), []
    where = segmentations.hierarchy if step == "place_beside" else segments
    real = getattr(where, step)

    def fail(*arguments):
        real(*arguments)
        calls.append(state(node))
        raise MemoryError

    monkeypatch.setattr(where, step, fail)
    with pytest.raises(MemoryError):
        write_segmentation(second, volume, heart.structures, node=node)
    assert len(calls) == 1 and calls[0] != before  # it had begun to change
    assert state(node) == before and scene.GetNumberOfNodes() == count


def test_a_failure_puts_transform_and_reference_back(node, heart, add_volume, monkeypatch):
    before = state(node)
    turned = add_volume(heart.labels.astype(np.int16), heart.matrix, TURN, name="turned")

    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(segmentations.hierarchy, "place_beside", fail)
    with pytest.raises(MemoryError):
        write_segmentation(heart.labels, turned, heart.structures, node=node)
    assert state(node) == before and node.GetTransformNodeID() is None


def test_labels_are_read_back_whatever_became_of_the_segments(node, heart, volume):
    segmentation = node.GetSegmentation()
    np.testing.assert_array_equal(read_labels(node, volume, heart.structures), heart.labels)
    segmentation.GetSegment("DINSegment_1").SetName("my ventricle")
    segmentation.SeparateSegmentLabelmap("DINSegment_3")
    draw(node, "tumor", volume, heart.labels == 0)
    found = read_labels(node, volume, heart.structures)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, heart.labels)
    segmentation.RemoveSegment("DINSegment_3")
    np.testing.assert_array_equal(read_labels(node, volume, heart.structures), heart.labels % 3)
    segmentation.RemoveSegment("DINSegment_1")
    segmentation.RemoveSegment("DINSegment_2")
    np.testing.assert_array_equal(read_labels(node, volume, heart.structures), heart.labels * 0)


def test_labels_are_read_on_the_grid_of_another_volume_under_another_transform(heart, add_volume):
    volume = add_volume(heart.labels.astype(np.int16), heart.matrix, TURN)
    node = write_segmentation(heart.labels, volume, heart.structures)
    shifted = heart.matrix.copy()
    shifted[:3, 3] += heart.matrix[:3, 0] * 2 + heart.matrix[:3, 2]  # begins at voxel (2, 0, 1) of the volume
    other = add_volume(np.zeros((3, 9, 7), np.int16), TURN @ shifted)
    np.testing.assert_array_equal(read_labels(node, other, heart.structures), heart.labels[1:4, :, 2:9])


def test_a_voxel_edited_by_the_user_is_read(node, heart, volume):
    import slicer

    edited = heart.labels.copy()
    edited[0, 0, 0] = 2
    mask = (edited == 2).astype(np.uint8)
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, "DINSegment_2", volume)
    np.testing.assert_array_equal(read_labels(node, volume, heart.structures), edited)


def draw(node, segment_id, volume, mask):
    """A segment of the user's, in a label map of its own."""
    import slicer
    from vtkmodules.util.numpy_support import numpy_to_vtk

    from DINSegmentLib.scene.volumes import ijk_to_ras

    labelmap = slicer.vtkOrientedImageData()
    labelmap.SetDimensions(mask.shape[::-1])
    labelmap.SetImageToWorldMatrix(slicer.util.vtkMatrixFromArray(ijk_to_ras(volume)))
    labelmap.GetPointData().SetScalars(numpy_to_vtk(mask.astype(np.uint8).ravel(), deep=True))
    segment = slicer.vtkSegment()
    segment.SetName(f"{segment_id} of mine")
    segment.SetLabelValue(1)
    segment.AddRepresentation(LABELMAP, labelmap)
    assert node.GetSegmentation().AddSegment(segment, segment_id)
    return segment


def share(node, segment_id, mask, value):
    """A user segment in our label map, as Slicer's editor makes them."""
    import slicer

    labelmap = node.GetSegmentation().GetSegment("DINSegment_1").GetRepresentation(LABELMAP)
    segment = slicer.vtkSegment()
    segment.SetName(f"{segment_id} of mine")
    segment.SetLabelValue(value)
    segment.AddRepresentation(LABELMAP, labelmap)
    layer(segment)[mask] = value
    assert node.GetSegmentation().AddSegment(segment, segment_id)


def layer(segment):
    """The voxels of the label map in which a segment lies, shared with it."""
    from vtkmodules.util.numpy_support import vtk_to_numpy

    labelmap = segment.GetRepresentation(LABELMAP)
    if labelmap.GetPointData().GetScalars() is None:
        return np.zeros((0, 0, 0), np.uint8)
    return vtk_to_numpy(labelmap.GetPointData().GetScalars()).reshape(labelmap.GetDimensions()[::-1])


def place(segment):
    """Extent and matrix of a segment's label map."""
    import slicer
    import vtk

    matrix = vtk.vtkMatrix4x4()
    segment.GetRepresentation(LABELMAP).GetImageToWorldMatrix(matrix)
    return segment.GetRepresentation(LABELMAP).GetExtent(), slicer.util.arrayFromVTKMatrix(matrix).tobytes()


def voxels(node, segment_id, volume):
    """A segment on a volume's grid, (K, J, I) of bool."""
    import slicer

    return slicer.util.arrayFromSegmentBinaryLabelmap(node, segment_id, volume) > 0


def state(node):
    """All that a segmentation node holds and shows."""
    import vtk

    segmentation, display = node.GetSegmentation(), node.GetDisplayNode()
    found = []
    for one in segmentation.GetSegmentIDs():
        segment, tags = segmentation.GetSegment(one), {}
        for tag in ("TerminologyEntry", "DINSegment.Name", "DINSegment.Color", "note"):
            value = vtk.reference("")
            tags[tag] = str(value) if segment.GetTag(tag, value) else None
        looks = [getattr(display, f"GetSegment{what}")(one) for what in segments._LOOK]
        held = layer(segment).tobytes(), place(segment), segment.GetLabelValue()
        found.append((one, segment.GetName(), segment.GetColor(), tags, looks, held, segmentation.GetLayerIndex(one)))
    geometry = segmentation.GetConversionParameter("Reference image geometry")
    reference = node.GetNodeReferenceID(node.GetReferenceImageGeometryReferenceRole())
    shown = display.GetOpacity2DFill(), node.GetNumberOfDisplayNodes()
    return found, geometry, reference, node.GetTransformNodeID(), node.GetName(), shown


def bounds(node, segment_id):
    """Of the closed surface of a segment."""
    return node.GetSegmentation().GetSegment(segment_id).GetRepresentation("Closed surface").GetBounds()


def center(box):
    """Of bounds."""
    return np.array([box[0] + box[1], box[2] + box[3], box[4] + box[5]]) / 2
