"""Layout of the panel: order and size of its parts, and that nothing is clipped."""

import numpy as np
import pytest
from desk import NARROWEST, WIDTH

from DINSegmentLib.geometry import Geometry
from DINSegmentLib.model import find_model

HIGHEST = {"start": 700, "heart": 1000, "cine": 1250}  # pixels, at Slicer's usual width
ORDER = [
    "inputGroup", "segmentFrame", "enhancementGroup", "functionGroup", "resultGroup", "reviewGroup", "advancedGroup",
    "scriptGroup",
]  # fmt: skip


def groups(desk):
    """The parts of the panel that are shown, from the top."""
    from PySide6.QtWidgets import QWidget

    shown = [widget for name in ORDER if (widget := desk.window.findChild(QWidget, name)).visible]
    return [widget.name for widget in sorted(shown, key=lambda one: one.pos.y())]


def test_the_first_screen_shows_what_a_first_run_needs_and_folds_the_rest(desk, panel):
    ui = panel.ui
    assert groups(desk) == ["inputGroup", "segmentFrame", "enhancementGroup", "advancedGroup", "scriptGroup"]
    assert ui.advancedGroup.collapsed and ui.scriptGroup.collapsed
    assert not ui.deviceSelector.visible and not ui.logTextEdit.visible
    desk.unfold(ui.advancedGroup)
    assert ui.deviceSelector.visible and ui.opacitySlider.visible and not ui.logTextEdit.visible


def test_segment_is_as_wide_as_the_panel_and_the_only_button_in_the_accent_color(desk, panel, heart):
    from PySide6.QtWidgets import QPushButton

    widths = {one.name: one.width for one in desk.window.findChildren(QPushButton) if one.visible}
    assert max(widths, key=widths.get) == "segmentButton"
    accent = desk.window.palette.highlight().color()

    def share(button):
        image = button.grab().toImage()
        points = [(x, y) for x in range(4, image.width() - 4, 3) for y in range(4, image.height() - 4, 3)]
        return sum(image.pixelColor(*point) == accent for point in points) / len(points)

    found = {one.name: share(one) for one in desk.window.findChildren(QPushButton) if one.visible}
    assert found.pop("segmentButton") > 0.8 and max(found.values()) < 0.05


def test_results_are_not_there_before_a_result_and_stand_in_order_after_it(desk, panel, heart):
    from clicks import run

    run(desk, panel)
    assert groups(desk) == [name for name in ORDER if name != "functionGroup"]
    panel.ui.outputSelector.setCurrentNode(None)
    assert "resultGroup" not in groups(desk) and "reviewGroup" not in groups(desk)


def test_progress_stands_under_segment_and_in_the_status_bar_while_another_module_is_shown(desk, panel, heart):
    ui = panel.ui
    texts = []
    shown = panel.panel.segmentation.progressed

    def listen(text, done, total):
        shown(text, done, total)
        texts.append((ui.statusLabel.text, desk.dialogs.status))

    panel.panel.segmentation.progressed = listen
    desk.click(ui.segmentButton)
    assert ui.progressBar.visible and ui.progressBar.pos.y() > ui.segmentButton.pos.y()
    desk.run_until(lambda: any("s left" in text for text, _ in texts) or not panel.panel.runner.busy, 60, "a slice")
    assert "s left" in texts[-1][0] and not any(status for _, status in texts)
    panel.exit()
    desk.run_until(lambda: not panel.panel.runner.busy, 60, "the end")
    assert desk.dialogs.status == f"DINSegment: {ui.statusLabel.text}" and "Done in" in desk.dialogs.status


@pytest.fixture(autouse=True)
def usual(desk, panel):
    desk.fit(WIDTH)


def beats(desk, panel, heart):
    """A cine of 25 frames with all that can be known of it, and as many slices to review as the panel lists."""
    from DINSegmentLib import scene

    ui, grid = panel.ui, Geometry((6, 30, 30), np.diag([-1.4, -1.4, 8.0, 1.0]))
    labels = np.zeros((25, *grid.shape), np.uint8)
    labels[:, 1:5, 4:22, 4:22], labels[:, 1:5, 7:18, 7:18], labels[:, 1:5, 22:28, 4:22] = 2, 3, 1
    labels[8:11, 1:5, 7:12, 7:18], labels[8:11, 1:5, 22:24, 4:22], labels[:, 0, 9:12, 9:12] = 2, 0, 3
    proxy = scene.add_cine(np.zeros(labels.shape, np.int16), grid, [36.0 * n for n in range(25)], "Cine")
    node = scene.write_cine(labels, scene.find_cine(proxy), find_model("cardiac-mr").labels)
    doubt = {"slice": 8, "axis": 0, "structure": "Right ventricle", "expected_errors": 702.0, "text": "Look."}
    base = {
        "kind": "base", "text": "Basal slice 1, frame 3: labels removed (up to 14.0 ml, low myocardium confidence). "
        "Check whether the ventricles extend to this slice.",
    }  # fmt: skip
    review = [{**doubt, "frame": frame} for frame in range(23)]
    scene.note(node, scene.RUN, {"model": "cardiac-mr", "review": review, "notices": [base]})
    ui.inputSelector.setCurrentNode(proxy)
    desk.turn(0.05)
    for box, value in ((ui.heartRateSpinBox, 67), (ui.heightSpinBox, 180), (ui.weightSpinBox, 80.5)):
        box.value = value


def show(desk, panel, heart, state):
    from clicks import run

    if state == "start":
        panel.ui.inputSelector.setCurrentNode(None)
    elif state == "heart":
        panel.ui.inputSelector.setCurrentNode(heart)
        run(desk, panel)
    else:
        beats(desk, panel, heart)
        assert panel.ui.functionTable.rowCount == 8 and panel.ui.reviewTable.rowCount == 23
        assert panel.ui.functionNotices.visible


@pytest.mark.parametrize("state", HIGHEST)
def test_the_panel_is_no_higher_than_it_may_be_and_nothing_is_cut_off_where_it_is_narrow(desk, panel, heart, state):
    show(desk, panel, heart, state)
    assert desk.fit(WIDTH) <= HIGHEST[state]
    desk.unfold(panel.ui.advancedGroup, panel.ui.scriptGroup)
    if state == "cine":
        desk.unfold(panel.ui.framesGroup)
    for width in (NARROWEST, WIDTH):
        desk.fit(width)
        assert desk.window.width == width and cut_off(desk) == [] == overlapping(desk)


def test_a_cine_after_a_heart_finds_room_for_all_that_it_shows(desk, panel, heart):
    """In a form, Qt gave a table and the notices below it the same place."""
    from clicks import run

    from DINSegmentLib import scene

    show(desk, panel, heart, "heart")
    desk.fit(WIDTH)
    volume = scene.read_volume(heart)
    array = np.array(volume.array)
    frames = np.stack([array, np.roll(array, 9, axis=2), (array * 0.7).astype(array.dtype)])
    panel.ui.inputSelector.setCurrentNode(scene.add_cine(frames, volume.geometry, [0.0, 300.0, 600.0], "cine"))
    run(desk, panel)
    desk.fit(WIDTH)
    assert panel.ui.functionNotices.visible and overlapping(desk) == []


def overlapping(desk):
    """Pairs of widgets of one parent that lie over each other."""
    from PySide6.QtWidgets import QComboBox, QTableWidget, QWidget

    found = []
    for parent in desk.window.findChildren(QWidget):
        if not parent.name or isinstance(parent, QComboBox | QTableWidget):
            continue
        inside = [one for one in parent.children() if one.isWidgetType() and one.visible and not one.isWindow()]
        found += [
            (one.name or one.className(), other.name or other.className())
            for number, one in enumerate(inside)
            for other in inside[:number]
            if parent.layout() is not None and one.geometry.intersects(other.geometry)
        ]
    return found


def cut_off(desk):
    """The widgets whose text does not fit, or that reach beyond the window."""
    from PySide6.QtCore import QPoint
    from PySide6.QtWidgets import QAbstractButton, QComboBox, QLabel, QTableWidget, QWidget

    found = []
    for widget in desk.window.findChildren(QWidget):
        if not widget.visible:
            continue
        name, wide = widget.name or widget.className(), widget.fontMetrics().horizontalAdvance
        if isinstance(widget, QLabel):
            if widget.wordWrap:
                fits = widget.heightForWidth(widget.width) <= widget.height
            else:
                fits = widget.sizeHint().width() <= widget.width
        elif isinstance(widget, QAbstractButton):
            fits = widget.sizeHint().width() <= widget.width or not widget.text
        elif isinstance(widget, QComboBox):
            fits = wide(widget.currentText) + 26 <= widget.width  # the arrow and a frame
        elif isinstance(widget, QTableWidget):
            fits = widget.horizontalScrollBar().maximum == 0 and _cells_fit(widget, wide)
        else:
            fits = widget.minimumSizeHint().width() <= widget.width or not widget.name
        right = widget.mapTo(desk.window, QPoint(widget.width, 0)).x()
        if not fits or right > desk.window.width:
            found.append(name)
    return found


def _cells_fit(table, wide):
    header = table.horizontalHeader()
    for column in range(table.columnCount):
        if table.isColumnHidden(column):
            continue
        texts = [item.text() for row in range(table.rowCount) if (item := table.item(row, column)) is not None]
        words = [word for text in texts for word in text.split()]  # a row is as high as its lines
        if max(map(wide, words), default=0) + 4 > table.columnWidth(column):
            return False
        heading = table.horizontalHeaderItem(column).text()
        if header.fontMetrics().horizontalAdvance(heading) + 4 > table.columnWidth(column):
            return False
    return all(table.rowHeight(row) >= table.sizeHintForRow(row) for row in range(table.rowCount))


def test_the_table_of_structures_has_no_scroll_bar_of_its_own(desk, panel, heart):
    import slicer

    for count in (3, 8, 13):
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
        node.CreateDefaultDisplayNodes()
        for number in range(count):
            node.GetSegmentation().AddEmptySegment(f"s{number}", f"Structure {number}", (1.0, 0.0, 0.0))
        panel.ui.outputSelector.setCurrentNode(node)
        desk.fit()
        table = panel.ui.structuresTable
        assert table.rowCount == count and table.verticalScrollBar().maximum == 0
        assert table.rowViewportPosition(count - 1) + table.rowHeight(count - 1) <= table.viewport().height
