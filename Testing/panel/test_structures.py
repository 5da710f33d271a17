"""The table of structures follows the segmentation, and clicks in it change the segmentation."""

import csv

import numpy as np
import pytest
from clicks import notices, run, structures

from DINSegmentLib.model import find_model
from DINSegmentLib.notices import KINDS, Notice, Severity


@pytest.fixture
def node(desk, panel, heart):
    """A result of the heart: 100 voxels of the left ventricle in one slice, and nothing else."""
    import slicer

    from DINSegmentLib import scene

    labels = np.zeros(slicer.util.arrayFromVolume(heart).shape, np.uint8)
    labels[4].ravel()[20000:20100] = 3
    made = scene.write_segmentation(labels, heart, find_model("cardiac-mr").labels)
    scene.note(made, scene.RUN, {"model": "cardiac-mr", "review": []})
    panel.ui.outputSelector.setCurrentNode(made)
    return made


def test_a_click_on_the_box_hides_a_structure_and_the_box_follows_other_modules(desk, panel, node):
    import qt

    table, display = panel.ui.structuresTable, node.GetDisplayNode()
    assert [table.item(row, 0).checkState() for row in range(3)] == [qt.Qt.Checked] * 3
    table.item(1, 0).setCheckState(qt.Qt.Unchecked)
    assert [display.GetSegmentVisibility(f"DINSegment_{value}") for value in (1, 2, 3)] == [True, False, True]
    display.SetSegmentVisibility("DINSegment_3", False)
    assert [table.item(row, 0).checkState() == qt.Qt.Checked for row in range(3)] == [True, False, False]


def test_a_name_is_edited_in_the_table_and_an_empty_one_is_refused(desk, panel, node):
    table, segment = panel.ui.structuresTable, node.GetSegmentation().GetSegment("DINSegment_3")
    table.item(2, 2).setText("Cavity")
    assert segment.GetName() == "Cavity"
    table.item(2, 2).setText("  ")
    assert segment.GetName() == "Cavity" and table.item(2, 2).text() == "Cavity"
    segment.SetName("Ventricle")
    assert table.item(2, 2).text() == "Ventricle"


def test_the_colors_are_those_of_the_segments(desk, panel, node):
    table = panel.ui.structuresTable
    for row, label in enumerate(find_model("cardiac-mr").labels):
        picture = table.item(row, 1).icon().pixmap(14, 14).toImage()
        assert picture.pixelColor(7, 7).getRgb()[:3] == tuple(label.color)


def test_volume_and_mean_stand_beside_the_structure_and_a_dash_where_there_is_none(desk, panel, node, heart):
    import slicer

    array = slicer.util.arrayFromVolume(heart)
    mean = array[4].ravel()[20000:20100].mean()
    assert structures(panel)[0] == ["Right ventricle", "0.0", "-"]
    assert structures(panel)[2] == ["Left ventricle", f"{100 * np.prod(heart.GetSpacing()) / 1000:.1f}", f"{mean:.1f}"]


def test_a_run_shows_the_batchs_quality_flags_at_the_structures_and_a_saved_scene_does(desk, panel, heart, tmp_path):
    import slicer

    from DINSegmentLib import scene
    from DINSegmentLib.batch.record import flags  # the function that the batch calls
    from DINSegmentLib.engine.segmenter import segment
    from DINSegmentLib.measure import statistics

    cut = slicer.util.arrayFromVolume(heart)[3:6, 40:, 60:].copy()  # three slices, and the right ventricle at the edge
    volume = slicer.util.addVolumeFromArray(cut, np.diag([-1.4, -1.4, 10.0, 1.0]), name="cut")
    panel.ui.inputSelector.setCurrentNode(volume)
    run(desk, panel)
    seen, model = scene.read_volume(volume), find_model("cardiac-mr")
    result = segment(seen.array, seen.geometry, model, None, "cpu")
    rows = statistics(result.labels, seen.array, seen.geometry, model.labels, 0)
    expected = flags(
        result.labels, rows, seen.geometry, model, result.confidence.structures, result.removed, float(cut.min())
    )
    assert expected
    texts = {f"{one.severity.capitalize()}: {one.text}" for one in (*result.notices, *expected)}
    assert set(notices(panel.ui.resultNotices)) == texts
    assert not any(one.text in panel.ui.statusLabel.text for one in expected)
    desk.save_scene(tmp_path / "scene.mrb")
    desk.load_scene(tmp_path / "scene.mrb")
    desk.turn(0.1)
    assert set(notices(panel.ui.resultNotices)) == texts


def test_after_an_edit_the_flags_are_those_of_the_edited_structures(desk, panel, node, heart):
    import slicer

    assert notices(panel.ui.resultNotices) == []  # of this result none were kept
    voxels = slicer.util.arrayFromSegmentBinaryLabelmap(node, "DINSegment_3", heart)
    voxels[:] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(voxels, node, "DINSegment_3", heart)
    desk.run_until(lambda: notices(panel.ui.resultNotices), 60, "the flags")
    found = notices(panel.ui.resultNotices)
    assert any(one.startswith("Problem: Left ventricle: not found") for one in found)


def test_the_gravest_notice_stands_first_with_its_icon(desk, panel):
    from PySide6.QtWidgets import QLabel

    from DINSegmentLib.panel.notice_rows import NoticeRows, lines_of

    rows = NoticeRows(panel.ui.inputNotices)
    rows.show(lines_of([Notice("device", "A note."), Notice("border", "Look."), Notice("missing", "It is missing.")]))
    assert notices(panel.ui.inputNotices) == ["Problem: It is missing.", "Warning: Look.", "Note: A note."]
    icons = [one for one in panel.ui.inputNotices.findChildren(QLabel) if not one.pixmap.isNull()]
    pictures = [icon.pixmap.toImage() for icon in icons]
    assert len(pictures) == 3 and pictures[0] != pictures[1] != pictures[2] != pictures[0]
    rows.show(())
    assert not panel.ui.inputNotices.visible


def test_every_kind_of_notice_has_a_severity():
    assert {Notice(kind, "").severity for kind in KINDS} == set(Severity)


def export(desk, panel, monkeypatch, path):
    import qt

    monkeypatch.setattr(qt.QFileDialog, "getSaveFileName", lambda *_: str(path))
    desk.click(panel.ui.exportButton)


def test_export_writes_the_volumes_of_one_volume(desk, panel, heart, tmp_path, monkeypatch):
    assert not panel.ui.exportButton.enabled
    run(desk, panel)
    export(desk, panel, monkeypatch, tmp_path / "volumes")
    headings, *rows = csv.reader((tmp_path / "volumes.csv").read_text(encoding="utf-8").splitlines())
    assert headings == ["Structure", "Volume (ml)", "Mean intensity"] and rows == structures(panel)
    assert not panel.ui.functionGroup.visible


def test_export_asks_before_a_file_is_replaced_that_only_the_suffix_leads_to(desk, panel, heart, tmp_path, monkeypatch):
    run(desk, panel)
    for name in ("Smith.J", "Smith.K"):  # what follows a dot is not always a suffix
        export(desk, panel, monkeypatch, tmp_path / name)
    assert sorted(path.name for path in tmp_path.glob("*.csv")) == ["Smith.J.csv", "Smith.K.csv"]
    (tmp_path / "Smith.J.csv").write_text("of the user", encoding="utf-8")
    for answer, kept in (("Cancel", True), ("Replace", False)):
        desk.dialogs.choice = answer
        export(desk, panel, monkeypatch, tmp_path / "Smith.J")
        assert ((tmp_path / "Smith.J.csv").read_text(encoding="utf-8") == "of the user") is kept


def test_export_to_a_place_that_is_no_folder_is_told_and_a_closed_dialog_does_nothing(
    desk, panel, heart, tmp_path, monkeypatch
):
    run(desk, panel)
    (tmp_path / "file").touch()
    export(desk, panel, monkeypatch, tmp_path / "file" / "volumes.csv")
    assert "cannot be written" in panel.ui.statusLabel.text
    export(desk, panel, monkeypatch, "")
    assert "cannot be written" in panel.ui.statusLabel.text
