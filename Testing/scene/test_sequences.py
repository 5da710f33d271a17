"""Frames of Slicer's sequences, and a segmentation for each of them."""

from types import SimpleNamespace

import numpy as np
import pytest

from DINSegmentLib import scene as bridge
from DINSegmentLib.errors import GeometryError, InputError
from DINSegmentLib.scene.curves import curve_chart, write_curve

TIMES = (0, 40, 90)


@pytest.fixture
def cine(scene, heart, monkeypatch):
    """Three frames on the heart's oblique grid, and labels of each, shifted along a row."""
    import slicer
    from sequences import add_sequence

    logic = slicer.vtkSlicerSequencesLogic()
    logic.SetMRMLScene(scene)
    monkeypatch.setattr(slicer.modules, "sequences", SimpleNamespace(logic=lambda: logic), raising=False)
    frames = [np.full(heart.labels.shape, 10 * (number + 1), np.int16) for number in range(3)]
    proxy = add_sequence(frames, heart.matrix, TIMES)
    labels = np.stack([np.roll(heart.labels, number, axis=2) for number in range(3)])
    yield SimpleNamespace(proxy=proxy, frames=frames, labels=labels, structures=heart.structures, matrix=heart.matrix)
    logic.SetMRMLScene(None)


def test_a_proxys_frames_come_in_order_with_grid_and_times(cine):
    found = bridge.find_cine(cine.proxy)
    frames, geometry = bridge.read_frames(found)
    assert [frame[0, 0, 0] for frame in frames] == [10, 20, 30]
    assert np.allclose(geometry.ijk_to_ras, cine.matrix) and found.times_ms == [0, 40, 90]


def test_times_in_seconds_become_ms_and_an_index_without_unit_is_none(cine):
    found = bridge.find_cine(cine.proxy)
    found.sequence.SetIndexUnit("s")
    assert found.times_ms == [0, 40_000, 90_000]
    found.sequence.SetIndexUnit("")
    assert found.times_ms is None


def test_a_volume_that_stands_alone_is_no_cine(scene):
    import slicer

    assert bridge.find_cine(slicer.util.addVolumeFromArray(np.zeros((3, 4, 5), np.int16))) is None


def test_every_frames_labels_come_back_and_the_proxy_follows_the_browser(cine):
    found = bridge.find_cine(cine.proxy)
    node = bridge.write_cine(cine.labels, found, cine.structures)
    assert np.array_equal(bridge.read_cine_labels(node, found, cine.structures), cine.labels)
    for frame in (2, 0, 1):
        found.go_to(frame)
        assert np.array_equal(bridge.read_labels(node, cine.proxy, cine.structures), cine.labels[frame]), frame
        assert bridge.read_volume(cine.proxy).array[0, 0, 0] == 10 * (frame + 1)


def test_a_second_result_takes_the_place_of_the_first_and_the_users_segments_stay(cine):
    import slicer

    found = bridge.find_cine(cine.proxy)
    node = bridge.write_cine(cine.labels, found, cine.structures)
    before = slicer.mrmlScene.GetNumberOfNodes()
    frame = found.browser.GetSequenceNode(node).GetNthDataNode(1)
    frame.GetSegmentation().AddEmptySegment("mine", "mine")
    other = np.roll(cine.labels, 1, axis=3)
    found.go_to(1)
    again = bridge.write_cine(other, found, cine.structures, node=node)
    assert again is node and slicer.mrmlScene.GetNumberOfNodes() == before
    assert np.array_equal(bridge.read_cine_labels(node, found, cine.structures), other)
    assert found.browser.GetSequenceNode(node).GetNthDataNode(1).GetSegmentation().GetSegment("mine") is not None
    found.go_to(2)
    assert np.array_equal(bridge.read_labels(node, cine.proxy, cine.structures), other[2])


@pytest.mark.parametrize("count", [2, 3])
def test_labels_that_do_not_fit_leave_the_scene_as_it_was(cine, count):
    import slicer

    found, before = bridge.find_cine(cine.proxy), slicer.mrmlScene.GetNumberOfNodes()
    labels = cine.labels[:count].copy()
    labels[-1, 0, 0, 0] = 99 if count == 3 else 0
    with pytest.raises((GeometryError, InputError)):
        bridge.write_cine(labels, found, cine.structures)
    assert slicer.mrmlScene.GetNumberOfNodes() == before


def test_frames_on_different_grids_are_refused_in_a_sentence(cine):
    found = bridge.find_cine(cine.proxy)
    found.nodes[1].SetOrigin(0, 0, 0)
    with pytest.raises(GeometryError, match="Frame 2 of cine is on another grid"):
        bridge.read_frames(found)


def test_a_segmentation_outside_the_browser_has_no_frames(cine):
    found = bridge.find_cine(cine.proxy)
    node = bridge.write_segmentation(cine.labels[0], cine.proxy, cine.structures)
    with pytest.raises(InputError, match="has no frames of cine"):
        bridge.read_cine_labels(node, found, cine.structures)


def test_a_curve_is_a_table_with_two_series_and_the_next_one_replaces_it(cine):
    import slicer

    node = bridge.write_segmentation(cine.labels[0], cine.proxy, cine.structures)
    rows = [
        {"frame": n + 1, "time_ms": time, "lv_ml": 100.0 - n, "rv_ml": None, "myocardium_ml": 90.0}
        for n, time in enumerate(TIMES)
    ]
    chart = write_curve(rows, node)
    before = slicer.mrmlScene.GetNumberOfNodes()
    series = [chart.GetNthPlotSeriesNode(n) for n in range(chart.GetNumberOfPlotSeriesNodes())]
    assert [one.GetYColumnName() for one in series] == ["lv_ml", "rv_ml"]
    assert {one.GetXColumnName() for one in series} == {"time_ms"}
    table = series[0].GetTableNode().GetTable()
    assert [table.GetColumnByName("lv_ml").GetValue(n) for n in range(3)] == [100, 99, 98]
    assert np.isnan(table.GetColumnByName("rv_ml").GetValue(0))
    write_curve([{**row, "time_ms": None} for row in rows[:2]], node)
    assert curve_chart(node) is chart and slicer.mrmlScene.GetNumberOfNodes() == before
    assert series[0].GetXColumnName() == "frame" and series[0].GetTableNode().GetNumberOfRows() == 2
