"""The module's code uses only what PythonQt in Slicer supports, and shows only translatable text."""

from pathlib import Path

import pytest
from desk.lint import NAMES, faults

REPOSITORY = Path(__file__).resolve().parents[2]
FILES = [
    REPOSITORY / "DINSegment" / "DINSegment.py",
    *sorted(path for room in ("panel", "scene") for path in (REPOSITORY / "DINSegmentLib" / room).rglob("*.py")),
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_modules_code_runs_on_pythonqt_and_can_be_translated(path):
    names = NAMES if path.parent.name != "scene" else {}  # where a table is a node
    assert faults(path.read_text(encoding="utf-8"), names) == []


BAD = [
    ("changed = qt.Signal(int)", "1: qt.Signal is not in PythonQt"),
    ("import PySide6.QtWidgets", "1: PySide6.QtWidgets is not in Slicer"),
    ("from PyQt5 import QtCore", "1: PyQt5 is not in Slicer"),
    ("qt.QTimer(parent=x)", "1: PythonQt takes no keyword arguments: qt.QTimer"),
    ("box.setRange(minimum=1)", "1: PythonQt takes no keyword arguments: setRange"),
    ("ui.modelSelector.findData(value='x')", "1: PythonQt takes no keyword arguments: findData"),
    ("self.ui.segmentButton.text()", "1: text of QPushButton is a property, which cannot be called"),
    ("self.ui.modelSelector.currentData()", "1: currentData of QComboBox is a property, which cannot be called"),
    ("self.panel.ui.strengthSlider.value()", "1: value of ctkSliderWidget is a property, which cannot be called"),
    ("ui.structuresTable.rowCount()", "1: rowCount of QTableWidget is a property, which cannot be called"),
    (
        "self.t = qt.QTimer(x)\nself.t.interval()",
        "2: interval of QTimer is a property, which cannot be called",
    ),
    ("box = qt.QCheckBox(x)\nbox.checked()", "2: checked of QCheckBox is a property, which cannot be called"),
    ("def fill(selector):\n    selector.count()", "2: count of QComboBox is a property, which cannot be called"),
    ("panel.ui.noSuchButton.enabled = True", "1: the .ui file has no widget noSuchButton"),
    ("ui.segmentButton.connect('click()', f)", "1: QPushButton has no signal click()"),
    ("ui.segmentButton.connect('clicked(int)', f)", "1: QPushButton has no signal clicked(int)"),
    (
        "ui.inputSelector.connect('nodeAdded(int)', f)",
        "1: qMRMLNodeComboBox has no signal nodeAdded(int)",
    ),
    ("p = qt.QProcess(x)\np.disconnect('finished()', f)", "2: QProcess has no signal finished()"),
    ("slicer.app.connect('quits()', f)", "1: slicer.app has no signal quits()"),
    ("thing.connect('clicked()', f)", "1: the class of thing is not known"),
    ("ui.segmentButton.connect(name, f)", "1: the signal is no plain string"),
    ("ui.statusLabel.text = 'All went well.'", "1: not translated: All went well."),
    ("label.toolTip = '' if x else 'Try again'", "1: not translated: Try again"),
    ("ui.statusLabel.text = f'{n} of {m} slices'", "1: not translated:  of  slices"),
    ("self.panel.say('Not a volume: ' + name)", "1: not translated: Not a volume: "),
    ("raise InputError(f'{name} has no image.')", "1: not translated:  has no image."),
    ("_(f'{n} slices')", "1: what is translated must be a plain string"),
]


@pytest.mark.parametrize(("source", "fault"), BAD)
def test_the_lint_finds(source, fault):
    assert faults(source) == [fault]


GOOD = [
    "self.ui.segmentButton.setText(_('&Segment'))",
    "self.ui.segmentButton.text = _('Done in {s} s').format(s=seconds)",
    "ui.statusLabel.text = ''",
    "volume.text()\nvolume.GetID()\nnode.size()",
    "timer = qt.QTimer(x)\ntimer.start(0)\ntimer.connect('timeout()', f)",
    "ui.strengthSlider.connect('valueChanged(double)', f)",
    "ui.inputSelector.currentNode().GetName()",
    "raise InputError(_('{name} has no image.').format(name=name)) from error",
    "raise ValueError(name)",
    "logging.info('a line for the log')",
    "slicer.util.loadVolume(path, properties={})",
]


@pytest.mark.parametrize("source", GOOD)
def test_the_lint_lets_pass(source):
    assert faults(source) == []
