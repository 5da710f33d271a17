"""The list of slices to review, with the real worker and the bundled weights."""

import numpy as np
import pytest
from clicks import notices, run
from greek import english, greek

from DINSegmentLib.engine.segmenter import Segmenter
from DINSegmentLib.measure import frames_to_review, slices_to_review
from DINSegmentLib.model import find_model


def table_of(table):
    return [[table.item(row, column).text() for column in range(table.columnCount)] for row in range(table.rowCount)]


def noisy(heart, seed=0):
    """Noise over the phantom, for low confidence in several slices; it is twice as deep, 18 slices."""
    import slicer

    array = np.repeat(slicer.util.arrayFromVolume(heart), 2, axis=0).astype(np.int16)
    array += np.random.default_rng(seed).integers(0, 400, array.shape).astype(np.int16)
    return array


def choose_noisy(panel, heart):
    import slicer

    node = slicer.util.addVolumeFromArray(noisy(heart)[6:], np.diag([-1.4, -1.4, 5.0, 1.0]), name="Doe^Jane")
    panel.ui.inputSelector.setCurrentNode(node)
    return node


def expected(volume):
    from DINSegmentLib import scene

    model, seen = find_model("cardiac-mr"), scene.read_volume(volume)
    result = Segmenter(model, "cpu").segment(seen.array, seen.geometry)
    return slices_to_review(result.confidence, model.labels)


def test_the_doubtful_slices_are_listed_and_a_click_or_key_shows_them_in_both_views(desk, panel, heart):
    from DINSegmentLib import scene

    volume, ui = choose_noisy(panel, heart), panel.ui
    assert not ui.reviewTable.visible and "listed here after a run" in ui.reviewLabel.text
    run(desk, panel)
    doubts = expected(volume)
    assert len(doubts) == 2
    assert table_of(ui.reviewTable) == [
        [str(one.slice + 1), one.structure, f"{one.expected_errors:.0f}"] for one in doubts
    ]
    assert ui.reviewTable.visible and ui.reviewLabel.text.startswith("Click") and not ui.reviewGroup.collapsed

    desk.click(ui.compareButton)
    enhanced = panel.panel.parameters.enhancedVolume
    seen = []
    for row in (1, 0):
        ui.reviewTable.setCurrentCell(row, 0)  # as the arrow keys do
        assert ui.reviewLabel.text == doubts[row].text
        seen.append([scene.visible_slice(volume), scene.visible_slice(enhanced)])
    ui.reviewTable.setCurrentCell(0, 0)
    scene.show_slice(volume, 0, 0, enhanced)
    ui.reviewTable.cellClicked.emit(0, 0)  # the row that is current already
    seen.append([scene.visible_slice(volume), scene.visible_slice(enhanced)])
    assert seen == [[(0, doubts[row].slice)] * 2 for row in (1, 0, 0)]


def test_the_list_goes_with_its_volume_its_output_and_its_scene(desk, panel, heart):
    volume, ui = choose_noisy(panel, heart), panel.ui
    doubts = [
        {
            "slice": 3,
            "axis": 0,
            "structure": "Left ventricle",
            "expected_errors": 20.4,
            "text": "Look at it.",
            "frame": None,
        }
    ]

    def show():
        panel.panel.review.show(doubts)
        assert table_of(ui.reviewTable) == [["4", "Left ventricle", "20"]]

    show()
    ui.inputSelector.setCurrentNode(heart)
    assert ui.reviewTable.rowCount == 0 and "listed here after a run" in ui.reviewLabel.text
    ui.inputSelector.setCurrentNode(volume)
    show()
    ui.outputSelector.addNode()
    assert ui.reviewTable.rowCount == 0
    show()
    panel.exit()
    desk.window.isEntered = False
    desk.clear_scene()
    assert ui.reviewTable.rowCount == 0 and not ui.reviewTable.visible
    panel.panel.review.show([])
    assert "No slices to review" in ui.reviewLabel.text


def test_of_a_cine_the_frame_is_listed_and_shown_and_abroad_nothing_is_english(desk, panel, heart, monkeypatch):
    import slicer
    from sequences import add_sequence

    from DINSegmentLib import scene
    from DINSegmentLib.engine.cine import segment_cine

    monkeypatch.setattr("desk.scripted.language", greek)
    frames, matrix = [noisy(heart, seed)[6:12] for seed in (1, 2)], np.diag([-1.4, -1.4, 5.0, 1.0])
    proxy = add_sequence(frames, matrix)
    slicer.mrmlScene.RemoveNode(heart)
    panel.ui.previewCheckBox.checked = False
    panel.ui.inputSelector.setCurrentNode(proxy)
    run(desk, panel)

    model, ui = find_model("cardiac-mr"), panel.ui
    cine = scene.find_cine(proxy)
    array, geometry = scene.read_frames(cine)
    doubts = frames_to_review(segment_cine(Segmenter(model, "cpu"), array, geometry).confidences, model.labels)
    rows = table_of(ui.reviewTable)
    assert len(rows) == 2
    assert [row[:3] for row in rows] == [
        [f"{one.frame + 1} / {one.slice + 1}", one.structure, f"{one.expected_errors:.0f}"] for one in doubts
    ]
    headings = [ui.reviewTable.horizontalHeaderItem(column).text() for column in range(3)]
    assert english(" ".join([*headings, ui.reviewLabel.text])) == []
    ui.reviewTable.setCurrentCell(0, 0)
    reason = ui.reviewLabel.text.replace(rows[0][1], "")
    assert reason and english(reason) == []

    desk.application.layouts.sliceWidget("Red").mrmlSliceCompositeNode().SetBackgroundVolumeID(proxy.GetID())
    for row in (1, 0):
        ui.reviewTable.setCurrentCell(row, 0)
        assert cine.browser.GetSelectedItemNumber() == doubts[row].frame
        assert scene.visible_slice(proxy) == (0, doubts[row].slice)


LAYOUTS = ("SlicerLayoutFourUpView", "SlicerLayoutOneUpRedSliceView", "SlicerLayoutOneUp3DView", "compare")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shown_in", ["all", "none"])
def test_a_click_shows_the_slice_in_every_layout_and_says_there_when_a_view_was_turned(
    desk, panel, heart, layout, shown_in
):
    import slicer

    from DINSegmentLib import scene

    ui, layouts = panel.ui, desk.application.layouts
    node = scene.write_segmentation(
        np.ones(slicer.util.arrayFromVolume(heart).shape, np.uint8), heart, find_model("cardiac-mr").labels
    )
    ui.outputSelector.setCurrentNode(node)
    if layout == "compare":
        desk.click(ui.compareButton)
    else:
        layouts.setLayout(getattr(slicer.vtkMRMLLayoutNode, layout))
        desk.turn(0.02)
        for name in layouts.sliceViewNames():
            widget = layouts.sliceWidget(name)
            widget.mrmlSliceNode().SetOrientation("Sagittal")  # the phantom's slices are oblique, near coronal
            widget.mrmlSliceCompositeNode().SetBackgroundVolumeID(heart.GetID() if shown_in == "all" else None)
    doubt = {
        "slice": 3, "axis": 0, "structure": "Left ventricle", "expected_errors": 9.0, "text": "Look.", "frame": None,
    }  # fmt: skip
    panel.panel.review.show([doubt])
    before = ui.statusLabel.text
    ui.reviewTable.setCurrentCell(0, 0)

    assert scene.visible_slice(heart) == (0, 3)
    said = notices(ui.reviewNotices)
    assert len(said) == (layout != "compare") and all(line.startswith("Note: ") for line in said)
    assert ("The layout was changed" in " ".join(said)) == (layout == "SlicerLayoutOneUp3DView")
    assert ui.statusLabel.text == before
    view = layouts.sliceWidget("Red").mrmlSliceNode() if layout != "compare" else None
    if view is not None:  # it cuts along the voxels, not near them
        across = slicer.util.arrayFromVTKMatrix(view.GetSliceToRAS())[:3, 2]
        normal = scene.read_volume(heart).geometry.ijk_to_ras[:3, 2]
        assert abs(across @ normal) / np.linalg.norm(normal) > 0.9999
