"""Keys while the module is shown, and the remembered choice to show every result in 3D."""

import numpy as np
import slicer.util
from clicks import run
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from DINSegmentLib.model import find_model

CONTROL = Qt.KeyboardModifier.ControlModifier
BOTH = CONTROL | Qt.KeyboardModifier.ShiftModifier
# of Slicer's user guide and menus, and of its Sequences toolbar
SLICERS = {f"Ctrl+{key}" for key in "FOSWHBGV0123456`"} | {
    f"Ctrl+Shift+{key}" for key in ("Left", "Right", "Up", "Down")
}


def press(desk, key, modifiers):
    desk.window.activateWindow()
    QTest.keyClick(desk.window, key, modifiers)
    desk.turn(0.02)


def add_result(volume):
    """A result with three slices to review."""
    from DINSegmentLib import scene

    labels = np.zeros(slicer.util.arrayFromVolume(volume).shape, np.uint8)
    labels[2:7, 100:130, 100:130] = 3
    node = scene.write_segmentation(labels, volume, find_model("cardiac-mr").labels)
    review = [
        {"kind": "review", "slice": k, "axis": 0, "frame": None, "structure": "Left ventricle",
         "expected_errors": 9.0, "text": f"Look at {k}."}
        for k in (3, 6, 2)
    ]  # fmt: skip
    scene.note(node, scene.RUN, {"model": "cardiac-mr", "review": review})
    return node


def test_keys_step_through_the_slices_to_review_and_compare(desk, panel, heart):
    panel.ui.outputSelector.setCurrentNode(add_result(heart))
    seen = []
    for key in (Qt.Key.Key_N, Qt.Key.Key_N, Qt.Key.Key_N, Qt.Key.Key_N, Qt.Key.Key_P, Qt.Key.Key_P, Qt.Key.Key_P):
        press(desk, key, BOTH)
        seen.append(panel.ui.reviewLabel.text)
    assert seen == [f"Look at {k}." for k in (3, 6, 2, 2, 6, 3, 3)]
    press(desk, Qt.Key.Key_C, BOTH)
    assert panel.ui.compareButton.checked
    press(desk, Qt.Key.Key_C, BOTH)
    assert not panel.ui.compareButton.checked


def test_a_key_segments_and_none_does_anything_in_another_module(desk, panel, heart):
    panel.exit()
    press(desk, Qt.Key.Key_Return, CONTROL)
    press(desk, Qt.Key.Key_C, BOTH)
    assert not panel.panel.runner.busy and not panel.ui.compareButton.checked

    panel.enter()
    press(desk, Qt.Key.Key_Return, CONTROL)
    assert panel.panel.runner.busy
    desk.run_until(lambda: not panel.panel.runner.busy, 100, "the run")
    assert panel.panel.parameters.outputSegmentation is not None


def test_none_is_one_of_slicers_own(desk):
    from DINSegmentLib.panel import shortcuts

    mine = {shortcuts.SEGMENT, shortcuts.COMPARE, shortcuts.NEXT_SLICE, shortcuts.PREVIOUS_SLICE}
    assert len(mine) == 4 and not mine & SLICERS


def test_every_result_is_shown_in_3d_where_the_user_wants_it_also_after_a_restart(desk, panel, heart):
    from DINSegmentLib.panel import drawing

    run(desk, panel)
    assert not panel.ui.show3DButton.checked
    desk.unfold(panel.ui.advancedGroup)
    desk.click(panel.ui.show3DAfterCheckBox)
    panel = desk.reload_module()
    assert panel.ui.show3DAfterCheckBox.checked
    panel.ui.inputSelector.setCurrentNode(heart)
    run(desk, panel)
    desk.run_until(lambda: drawing.is_in_3d(panel.panel.parameters.outputSegmentation), 30, "the surfaces")
    assert panel.ui.show3DButton.checked
