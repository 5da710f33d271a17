"""Volumes side by side, or fading into each other; all of it is undone without a trace."""

import numpy as np
import pytest
from slice_views import matrix_of, state

from DINSegmentLib.errors import DINSegmentError, GeometryError
from DINSegmentLib.scene import compare, write_segmentation
from DINSegmentLib.scene.boot import quiet

OURS = ["DINOriginal", "DINEnhanced", "DINResult"]
FOUR_UP, CONVENTIONAL = 3, 2


def test_three_views_show_original_enhanced_and_result(trio, views):
    volume, enhanced, segmentation = trio
    assert not compare.is_shown()
    compare.show(volume, enhanced, segmentation)
    assert compare.is_shown() and views.mapped() == OURS
    for name, shown in zip(OURS, (volume, enhanced, volume), strict=True):
        view, composite = views(name)
        assert composite.GetBackgroundVolumeID() == shown.GetID()
        assert composite.GetForegroundVolumeID() is None and composite.GetLabelVolumeID() is None
        assert composite.GetLinkedControl() and composite.GetHotLinkedControl()
        assert view.GetViewGroup() == 77 and view.GetLayoutLabel() == name[3]
    assert len({views(name)[0].GetLayoutColor() for name in OURS}) == 3


def test_the_users_views_are_untouched(trio, views):
    volume, enhanced, _ = trio
    views("Red")[1].SetBackgroundVolumeID(volume.GetID())
    before = {name: state(*views(name)) for name in ("Red", "Green", "Yellow")}
    compare.show(*trio)
    assert {name: state(*views(name)) for name in before} == before
    compare.restore()
    assert {name: state(*views(name)) for name in before} == before


def test_slices_are_seen_as_they_were_acquired(trio, views, heart):
    compare.show(*trio)
    for name in OURS:
        plane = matrix_of(views(name)[0])
        directions = heart.matrix[:3, :3] / np.linalg.norm(heart.matrix[:3, :3], axis=0)
        alike = np.abs(plane[:3, :3].T @ directions)
        np.testing.assert_allclose(alike[2], (0, 0, 1), atol=1e-9)  # the stack lies along K
        np.testing.assert_allclose(alike, np.round(alike), atol=1e-9)  # rows and columns of voxels fill the view
        assert np.linalg.det(plane[:3, :3]) < 0  # as Slicer's own axial view: the patient's left is on the right


def test_a_stack_between_the_planes_of_the_body_is_seen_as_it_was_acquired(views, heart, add_volume):
    (c10, s10), (c45, s45) = ((np.cos(angle), np.sin(angle)) for angle in np.radians((10, 45)))
    matrix = np.eye(4)
    matrix[:3, :3] = np.array([[1, 0, 0], [0, c10, -s10], [0, s10, c10]]) @ [[c45, 0, s45], [0, 1, 0], [-s45, 0, c45]]
    volume = add_volume(heart.labels.astype(np.int16), matrix @ np.diag([1, 1, 8, 1]))
    compare.show(volume, volume)
    normal = matrix_of(views("DINOriginal")[0])[:3, 2]
    np.testing.assert_allclose(abs(normal @ matrix[:3, 2]), 1, atol=1e-9)


@pytest.mark.parametrize(
    ("columns", "up"), [((0, 1, 2), (0, 1, 0)), ((0, 2, 1), (0, 0, 1)), ((1, 2, 0), (0, 0, 1))],
    ids=["axial", "coronal", "sagittal"],
)  # fmt: skip
def test_a_view_stands_as_slicers_own_of_that_plane(columns, up, views, heart, add_volume):
    matrix = np.eye(4)
    matrix[:3, :3] = np.eye(3)[:, columns] * (1, 1, 8)
    volume = add_volume(heart.labels.astype(np.int16), matrix)
    compare.show(volume, volume)
    np.testing.assert_allclose(matrix_of(views("DINOriginal")[0])[:3, 1], up, atol=1e-9)


def test_the_stack_is_found_where_a_file_stores_it_along_i(views, heart, add_volume):
    volume = add_volume(heart.labels.transpose(2, 1, 0).astype(np.int16), heart.matrix[:, [2, 1, 0, 3]])
    compare.show(volume, volume)
    normal = matrix_of(views("DINOriginal")[0])[:3, 2]
    np.testing.assert_allclose(abs(normal @ heart.matrix[:3, 2]), 8.0, atol=1e-9)


def test_views_under_a_parent_transform_follow_it(views, heart, add_volume):
    turn = np.array([[0.0, -1, 0, 40], [1, 0, 0, -7], [0, 0, 1, 11], [0, 0, 0, 1]])
    volume = add_volume(heart.labels.astype(np.int16), heart.matrix, turn)
    compare.show(volume, volume)
    normal = matrix_of(views("DINOriginal")[0])[:3, 2]
    np.testing.assert_allclose(abs(normal @ (turn @ heart.matrix)[:3, 2]), 8.0, atol=1e-9)


def test_the_volume_fills_the_views_at_the_slice_that_was_seen(trio, views, heart):
    volume, enhanced, segmentation = trio
    red, composite = views("Red")
    composite.SetBackgroundVolumeID(volume.GetID())
    third = (heart.matrix @ (5, 4, 3, 1))[:3]
    red.JumpSliceByCentering(*third)
    compare.show(volume, enhanced, segmentation)
    middle = (heart.matrix @ (5, 4, 2, 1))[:3]
    for name in OURS:
        view = views(name)[0]
        plane = matrix_of(view)
        np.testing.assert_allclose(plane[:3, 2] @ (plane[:3, 3] - third), 0, atol=1e-6)
        np.testing.assert_allclose(plane[:3, :2].T @ (plane[:3, 3] - middle), 0, atol=1e-6)
        assert 11 * 1.2 <= view.GetFieldOfView()[0] <= 2 * 11 * 1.7


def test_views_are_linked_among_themselves_only(trio, views, scene):
    import slicer

    link = slicer.vtkMRMLSliceLinkLogic()
    link.SetMRMLScene(scene)
    compare.show(*trio)
    red = matrix_of(views("Red")[0])
    logic = views.logics["DINOriginal"]
    logic.StartSliceOffsetInteraction()
    logic.SetSliceOffset(logic.GetSliceOffset() + 8)
    logic.EndSliceOffsetInteraction()
    for name in OURS[1:]:
        np.testing.assert_allclose(matrix_of(views(name)[0]), matrix_of(views("DINOriginal")[0]), atol=1e-9)
    np.testing.assert_array_equal(matrix_of(views("Red")[0]), red)
    link.SetMRMLScene(None)


def test_a_volume_that_is_loaded_meanwhile_stays_out(trio, views, add_volume):
    import slicer

    compare.show(*trio)
    other = add_volume(np.zeros((2, 3, 4), np.int16), np.eye(4), name="other")
    logic = slicer.app.applicationLogic()
    logic.GetSelectionNode().SetActiveVolumeID(other.GetID())
    logic.PropagateVolumeSelection(0)
    assert views("Red")[1].GetBackgroundVolumeID() == other.GetID()
    shown = [views(name)[1].GetBackgroundVolumeID() for name in OURS]
    assert shown == [trio[0].GetID(), trio[1].GetID(), trio[0].GetID()]


def test_the_result_is_outlined_twice_and_filled_once(trio, views):
    *_, segmentation = trio
    display = segmentation.GetDisplayNode()
    compare.show(*trio)
    assert segmentation.GetNumberOfDisplayNodes() == 2 and segmentation.GetDisplayNode() is display
    outline = segmentation.GetNthDisplayNode(1)
    assert outline.GetVisibility2DOutline() and not outline.GetVisibility2DFill() and not outline.GetVisibility3D()
    seen = {name: [one.IsDisplayableInView(views(name)[0].GetID()) for one in (display, outline)] for name in OURS}
    assert seen == {"DINOriginal": [False, True], "DINEnhanced": [False, True], "DINResult": [True, False]}
    for name in ("Red", "Green", "Yellow"):  # where the user may go without ending the comparison
        assert display.IsDisplayableInView(views(name)[0].GetID())
        assert not outline.IsDisplayableInView(views(name)[0].GetID())


def test_an_outline_is_shown_as_the_user_shows_the_segment(trio, views):
    *_, segmentation = trio
    segmentation.GetDisplayNode().SetSegmentVisibility("DINSegment_1", False)
    compare.show(*trio)
    outline = segmentation.GetNthDisplayNode(1)
    assert [outline.GetSegmentVisibility(f"DINSegment_{value}") for value in (1, 2, 3)] == [False, True, True]


def test_a_result_may_come_later_and_be_replaced(trio, views, heart):
    volume, enhanced, first = trio
    compare.show(volume, enhanced)
    assert first.GetNumberOfDisplayNodes() == 1
    compare.update(first)
    second = write_segmentation(heart.labels, volume, heart.structures)
    compare.update(second)
    assert not outline_of(first).GetVisibility() and first.GetDisplayNode().GetNumberOfViewNodeIDs() == 0
    assert outline_of(second).GetVisibility() and second.GetNumberOfDisplayNodes() == 2
    write_segmentation(heart.labels, volume, heart.structures, node=second)
    assert second.GetNumberOfDisplayNodes() == 2


def test_a_result_that_comes_when_nothing_is_compared_is_left_alone(trio, views):
    *_, segmentation = trio
    compare.update(segmentation)
    assert segmentation.GetNumberOfDisplayNodes() == 1
    assert segmentation.GetDisplayNode().GetNumberOfViewNodeIDs() == 0


@pytest.mark.parametrize("limited", [[], ["Red"]], ids=["in all views", "in one view"])
def test_restoring_brings_everything_back(limited, trio, views, scene):
    *_, segmentation = trio
    display = segmentation.GetDisplayNode()
    for name in limited:
        display.AddViewNodeID(views(name)[0].GetID())
    views.layout.SetViewArrangement(CONVENTIONAL)
    compare.show(*trio)
    compare.restore()
    assert views.layout.GetViewArrangement() == CONVENTIONAL and not compare.is_shown()
    assert list(display.GetViewNodeIDs()) == [views(name)[0].GetID() for name in limited]
    assert display.GetAttributeNames() == () and not outline_of(segmentation).GetVisibility()
    for name in OURS:  # the empty views stay, as those of every layout that was once seen
        assert views(name)[1].GetBackgroundVolumeID() is None
    before = names_of_nodes(scene)
    compare.show(*trio)
    compare.restore()
    assert names_of_nodes(scene) == before


def test_a_scene_saved_while_comparing_can_still_be_restored(trio, views, scene):
    compare.show(*trio)
    scene.SetSaveToXMLString(1)
    scene.Commit()
    saved = scene.GetSceneXMLString()
    scene.Clear(0)
    scene.SetLoadFromXMLString(1)
    scene.SetSceneXMLString(saved)
    with quiet():
        scene.Import()
    scene.SetLoadFromXMLString(0)
    scene.SetSaveToXMLString(0)
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationDisplayNode") == 2
    segmentation = scene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
    compare.restore()
    assert segmentation.GetDisplayNode().GetNumberOfViewNodeIDs() == 0
    outline = outline_of(segmentation)
    assert not outline.GetVisibility()
    compare.show(*(scene.GetNthNodeByClass(index, "vtkMRMLScalarVolumeNode") for index in (0, 1)), segmentation)
    assert outline_of(segmentation) is outline and outline.GetVisibility()
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationDisplayNode") == 2


def test_showing_again_keeps_the_users_layout_in_mind(trio, views, scene):
    views.layout.SetViewArrangement(CONVENTIONAL)
    compare.show(*trio)
    count = scene.GetNumberOfNodes()
    compare.show(*trio)
    assert scene.GetNumberOfNodes() == count
    compare.restore()
    assert views.layout.GetViewArrangement() == CONVENTIONAL


def test_a_layout_that_the_user_chose_meanwhile_stays(trio, views):
    *_, segmentation = trio
    compare.show(*trio)
    views.layout.SetViewArrangement(CONVENTIONAL)
    assert not compare.is_shown()
    compare.restore()
    assert views.layout.GetViewArrangement() == CONVENTIONAL
    assert not outline_of(segmentation).GetVisibility()
    assert segmentation.GetDisplayNode().GetNumberOfViewNodeIDs() == 0


def test_the_outline_node_of_a_segmentation_stays_in_the_scene(trio, views, scene):
    """Slicer 5.12's views keep a raw pointer to it: removed alone, it crashes them at the next change."""
    *_, segmentation = trio
    compare.show(*trio)
    outline = outline_of(segmentation)
    for _ in range(2):
        compare.restore()
        compare.show(*trio)
        compare.update(None)
        compare.update(segmentation)
        assert outline_of(segmentation) is outline and scene.IsNodePresent(outline)


def test_closing_the_scene_leaves_nothing_but_the_way_back(trio, views, scene, heart, add_volume):
    views.layout.SetViewArrangement(CONVENTIONAL)
    compare.show(*trio)
    scene.Clear(0)
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationDisplayNode") == 0
    compare.update(None)
    compare.restore()
    assert views.layout.GetViewArrangement() == CONVENTIONAL
    volume = add_volume(heart.labels.astype(np.int16), heart.matrix)
    compare.show(volume, volume)
    assert views("DINOriginal")[1].GetBackgroundVolumeID() == volume.GetID()


def test_without_views_there_is_a_sentence_and_no_change(trio, scene):
    before = names_of_nodes(scene)
    with pytest.raises(DINSegmentError, match=r"^No views are available: compare"):
        compare.show(*trio)
    assert not compare.is_shown() and names_of_nodes(scene) == before
    compare.update(trio[2])
    compare.restore()
    compare.fade(*trio[:2], 0.5)
    compare.end_fade()
    assert names_of_nodes(scene) == before


def test_a_layout_that_makes_no_views_is_left_again(trio, scene):
    layout = scene.AddNewNodeByClass("vtkMRMLLayoutNode")
    layout.SetViewArrangement(CONVENTIONAL)
    with pytest.raises(DINSegmentError, match="No views are available"):
        compare.show(*trio)
    assert layout.GetViewArrangement() == CONVENTIONAL
    scene.RemoveNode(layout)


def test_a_failure_at_the_last_step_leaves_the_users_layout(trio, views, monkeypatch):
    def fail(_):
        raise MemoryError

    with monkeypatch.context() as patch, pytest.raises(MemoryError):
        patch.setattr(compare, "update", fail)
        compare.show(*trio)
    assert views.layout.GetViewArrangement() == FOUR_UP
    assert views("DINOriginal")[1].GetBackgroundVolumeID() is None


def test_a_bending_transform_is_refused_before_the_layout_changes(trio, views, scene):
    bend = scene.AddNewNodeByClass("vtkMRMLBSplineTransformNode")
    import slicer
    import vtk

    spline = slicer.vtkOrientedBSplineTransform()
    grid = vtk.vtkImageData()
    grid.SetDimensions(4, 4, 4)
    grid.AllocateScalars(vtk.VTK_DOUBLE, 3)
    spline.SetCoefficientData(grid)
    bend.SetAndObserveTransformFromParent(spline)
    trio[0].SetAndObserveTransformNodeID(bend.GetID())
    with pytest.raises(GeometryError, match="harden"):
        compare.show(*trio)
    assert views.layout.GetViewArrangement() == FOUR_UP and "DINOriginal" not in views.logics


def outline_of(segmentation):
    """The display node that outlines a segmentation while it is compared."""
    (found,) = (
        segmentation.GetNthDisplayNode(index)
        for index in range(segmentation.GetNumberOfDisplayNodes())
        if segmentation.GetNthDisplayNode(index).GetAttribute("DINSegment.Outline") is not None
    )
    return found


def names_of_nodes(scene):
    """Class and id of every node."""
    nodes = (scene.GetNthNode(index) for index in range(scene.GetNumberOfNodes()))
    return {(node.GetClassName(), node.GetID()) for node in nodes}
