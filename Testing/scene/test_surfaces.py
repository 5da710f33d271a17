"""Surfaces made in steps equal Slicer's own, and the scene is unchanged before the last step."""

import numpy as np
import pytest
from vtkmodules.util.numpy_support import vtk_to_numpy

from DINSegmentLib.errors import InputError
from DINSegmentLib.scene import SurfaceSteps, write_segmentation

SURFACE = "Closed surface"


@pytest.fixture
def two(heart, add_volume):
    """Two segmentations of the same labels, of three structures, of which one is empty."""
    volume = add_volume(heart.labels.astype(np.int16), heart.matrix)
    return [write_segmentation(heart.labels, volume, heart.structures) for _ in range(2)]


def surfaces(node):
    """Points, triangles and normals of each segment, by its id."""
    segmentation, found = node.GetSegmentation(), {}
    for one in segmentation.GetSegmentIDs():
        made = segmentation.GetSegment(one).GetRepresentation(SURFACE)
        arrays = []
        if made.GetNumberOfPoints():
            cells, normals = made.GetPolys().GetConnectivityArray(), made.GetPointData().GetNormals()
            arrays = [made.GetPoints().GetData(), cells, *([normals] if normals is not None else [])]
        found[one] = [vtk_to_numpy(array) for array in arrays]
    return found


def events(node):
    """The events of a node from now on, with their numbers."""
    heard = {}
    segmentation = node.GetSegmentation()
    names = ("ContainedRepresentationNamesModified", "SourceRepresentationModified", "SegmentAdded", "SegmentRemoved")
    for name in names:
        node.AddObserver(
            getattr(segmentation, name), lambda *_, name=name: heard.update({name: heard.get(name, 0) + 1})
        )
    return heard


@pytest.mark.parametrize(
    "parameters",
    [{}, {"Smoothing factor": "0.9", "Decimation factor": "0.4"}, {"Joint smoothing": "1"},
     {"Conversion method": "1"}, {"Compute surface normals": "0"}],
    ids=["as they come", "smoother", "joint", "surface nets", "no normals"],
)  # fmt: skip
def test_steps_give_what_one_step_gives(two, parameters):
    for node in two:
        for name, value in parameters.items():
            node.GetSegmentation().SetConversionParameter(name, value)
    whole, stepped = two
    heard = [events(node) for node in two]
    whole.CreateClosedSurfaceRepresentation()
    steps = SurfaceSteps(stepped)
    while steps.step():
        assert not stepped.GetSegmentation().ContainsRepresentation(SURFACE)
    assert heard[0] == heard[1] == {"ContainedRepresentationNamesModified": 1}
    expected, found = surfaces(whole), surfaces(stepped)
    assert [len(found[one]) > 0 for one in expected] == [True, False, True]
    for one, arrays in expected.items():
        assert len(arrays) == len(found[one])
        assert all(np.array_equal(*pair) for pair in zip(arrays, found[one], strict=True))


@pytest.mark.parametrize(("normals", "expected"), [("1", [0, 1, 1, 2, 2, 3]), ("0", [1, 2, 3])])
def test_each_step_makes_one_surface_or_its_normals(two, normals, expected):
    two[0].GetSegmentation().SetConversionParameter("Compute surface normals", normals)
    steps, counts = SurfaceSteps(two[0]), []
    while steps.step():
        counts.append(steps.done)
    assert counts == expected and steps.total == 3
    assert not SurfaceSteps(two[0]).step()  # all are there


def test_an_edit_after_the_surfaces_takes_slicers_way_as_before(two, heart):
    import slicer

    volume = slicer.util.getNode("heart")
    whole, stepped = two
    whole.CreateClosedSurfaceRepresentation()
    steps = SurfaceSteps(stepped)
    while steps.step():
        pass
    for node in two:
        slicer.util.updateSegmentBinaryLabelmapFromArray(
            (heart.labels == 1)[:, ::-1].astype(np.uint8), node, "DINSegment_1", volume
        )
        node.CreateClosedSurfaceRepresentation()
    expected, found = surfaces(whole), surfaces(stepped)
    assert np.array_equal(expected["DINSegment_1"][0], found["DINSegment_1"][0])


def edited(node, heart):
    import slicer

    labels = (heart.labels == 3).astype(np.uint8)
    slicer.util.updateSegmentBinaryLabelmapFromArray(labels, node, "DINSegment_1", slicer.util.getNode("heart"))


def painted(node, heart):
    import slicer

    slicer.util.arrayFromSegmentInternalBinaryLabelmap(node, "DINSegment_1")[:] = 0
    node.GetSegmentation().GetSegment("DINSegment_1").GetRepresentation("Binary labelmap").Modified()


def one_less(node, heart):
    node.GetSegmentation().RemoveSegment("DINSegment_2")


def smoother(node, heart):
    node.GetSegmentation().SetConversionParameter("Smoothing factor", "0.9")


def removed(node, heart):
    import slicer

    slicer.mrmlScene.RemoveNode(node)


def closed(node, heart):
    import slicer

    slicer.mrmlScene.Clear(0)


@pytest.mark.parametrize("change", [edited, painted, one_less, smoother, removed, closed])
@pytest.mark.parametrize("after", [1, 3])
def test_a_change_between_steps_ends_them_with_nothing_given(two, heart, change, after):
    node = two[0]
    steps = SurfaceSteps(node)
    for _ in range(after):
        assert steps.step()
    change(node, heart)
    with pytest.raises(InputError, match="changed while its 3D surfaces were made"):
        steps.step()
    assert not node.GetSegmentation().ContainsRepresentation(SURFACE)


def test_label_maps_of_the_node_are_left_as_they_are(two):
    segmentation = two[0].GetSegmentation()
    before = [segmentation.GetNthSegment(n).GetRepresentation("Binary labelmap") for n in range(3)]
    times = [one.GetMTime() for one in before]
    voxels = [vtk_to_numpy(one.GetPointData().GetScalars()).copy() for one in before]
    steps = SurfaceSteps(two[0])
    while steps.step():
        pass
    after = [segmentation.GetNthSegment(n).GetRepresentation("Binary labelmap") for n in range(3)]
    assert after == before and [one.GetMTime() for one in after] == times
    for one, expected in zip(after, voxels, strict=True):
        assert np.array_equal(vtk_to_numpy(one.GetPointData().GetScalars()), expected)
