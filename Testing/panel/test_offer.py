"""The simulated interface rejects what PythonQt, CTK and Slicer reject, as measured in `pythonqt-api.json`."""

from pathlib import Path

import pytest
from desk import offer
from desk.lint import faults

# code as it might stand in the panel, and why Slicer refuses it
PLANTED = [
    ("timer = qt.QTimer()\ntimer.singleShot = True", "Slot 'singleShot' can not be overwritten on QTimer object"),
    ("box = qt.QCheckBox()\nbox.isChecked = True", "Slot 'isChecked' can not be overwritten on QCheckBox object"),
    ("timer = qt.QTimer()\ntimer.active = True", "active of QTimer cannot be written"),
    ("timer = qt.QTimer()\ntimer.isactive", "QTimer has no isactive"),
    ("box = qt.QCheckBox()\nbox.tristat = True", "QCheckBox has no tristat"),
    ("bar = qt.QProgressBar()\nbar.percent", "QProgressBar has no percent"),
    ("box = qt.QComboBox()\nbox.currentValue", "QComboBox has no currentValue"),
    ("button = qt.QPushButton()\nbutton.connect('activated()', f)", "QPushButton has no signal activated()"),
    ("timer = qt.QTimer()\ntimer.disconnect('timedOut()', f)", "QTimer has no signal timedOut()"),
    ("item = qt.QTableWidgetItem('x')\nitem.tooltip = 'x'", "QTableWidgetItem has no tooltip"),
    ("item = qt.QTableWidgetItem('x')\nitem.isEditable()", "QTableWidgetItem has no isEditable"),
    ("environment = qt.QProcessEnvironment()\nenvironment.set('a', 'b')", "QProcessEnvironment has no set"),
    ("style = qt.QStyle", "qt.QStyle was not measured in Slicer"),
    ("slicer.app.version", "slicer.app has no version"),
    ("slicer.app.temporaryPath = ''", "temporaryPath of slicer.app cannot be written"),
    ("slicer.app.layoutManager().layouts", "slicer.app.layoutManager() has no layouts"),
    ("slicer.app.layoutManager().setLayout = f", "can not be overwritten on slicer.app.layoutManager() object"),
    ("slicer.app.userSettings().get('a')", "slicer.app.userSettings() has no get"),
    ("slicer.app.layoutManager().sliceWidget('Red').compositeNode()", "sliceWidget has no compositeNode"),
    ("selector = slicer.qMRMLNodeComboBox()\nselector.currentNode = None", "Slot 'currentNode' can not be overwritten"),
    ("selector = slicer.qMRMLNodeComboBox()\nselector.setNode(None)", "qMRMLNodeComboBox has no setNode"),
    ("editor.setSegmentation(None)", "qMRMLSegmentEditorWidget has no setSegmentation"),
]
# found only by reading the code: a class works in PySide but not in PythonQt
READ = [
    ("qt.QProcess.Crashed2", "1: QProcess has no Crashed2"),
    ("qt.Qt.AlignCentre", "1: Qt has no AlignCentre"),
    ("ui.segmentButton.isChecked = True", "1: Slot 'isChecked' can not be overwritten on QPushButton object"),
    ("ui.progressBar.percent", "1: QProgressBar has no percent"),
    ("slicer.app.version", "1: slicer.app has no version"),
    ("slicer.qMRMLPlotWidget()", "1: slicer.qMRMLPlotWidget was not measured in Slicer"),
]


def run(source, desk):
    """Run it as if it stood in a file of the panel."""
    import qt
    import slicer

    code = compile(source, str(Path("/", "DINSegmentLib", "panel", "planted.py")), "exec")
    exec(code, {"qt": qt, "slicer": slicer, "editor": desk.dialogs.editor, "f": lambda *_: None})


@pytest.mark.parametrize(("source", "reason"), PLANTED)
def test_the_desk_refuses(desk, source, reason):
    with pytest.raises(AttributeError) as refused:
        run(source, desk)
    assert reason in str(refused.value)


@pytest.mark.parametrize(("source", "reason"), READ)
def test_a_look_at_the_code_finds(source, reason):
    (fault,) = faults(source)
    assert fault.startswith(reason)


@pytest.mark.parametrize(
    "source",
    [
        "timer = qt.QTimer()\ntimer.setSingleShot(True)\ntimer.connect('timeout()', f)\ntimer.active, timer.isActive()",
        "qt.QTimer.singleShot(0, f)",
        "bar = qt.QProgressBar()\nassert isinstance(bar.text, str) and bar.sizeHint.width() > 0",  # virtual in PySide
        "assert slicer.app.layoutManager().layout > 0 and slicer.app.applicationVersion",
        "assert isinstance(slicer.qMRMLNodeComboBox().visible, bool)",
    ],
)
def test_the_desk_lets_pass_what_slicer_offers(desk, source):
    run(source, desk)


def test_every_class_that_was_not_measured_has_a_reason_and_is_in_no_table():
    assert all(len(reason) > 20 for reason in offer.unmeasured().values())
    assert not set(offer.unmeasured()) & set(offer.classes())


def test_a_trimmed_table_says_the_same_as_the_measured_one(tmp_path):
    measured = {
        "qt.A": {"rw": ["a"], "slots": ["f", "g"], "signals": ["s"]},
        "qt.B": {"rw": ["a", "b"], "slots": ["f", "g"], "signals": ["s"], "ro": ["x"]},
        "qt.C": {"slots": ["f"], "constants": {"ONE": 1}},
    }
    trimmed = offer.trim(measured, ["qt.A", "qt.B", "qt.C"])
    assert trimmed["qt.B"] == {"as": "qt.A", "rw": "b", "ro": "x"}
    assert trimmed["qt.C"] == {"slots": "f", "constants": "ONE"}
