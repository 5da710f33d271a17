"""The module's own code keeps to what PythonQt in Slicer can do, and shows no text that cannot be translated."""

import ast
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
FILES = [REPOSITORY / "DINSegment" / "DINSegment.py", *sorted((REPOSITORY / "DINSegmentLib" / "panel").glob("*.py"))]
UI = REPOSITORY / "DINSegment" / "Resources" / "UI" / "DINSegment.ui"

FORBIDDEN = {"Signal", "Slot", "Property"}
# what the code calls a widget that it was handed
NAMES = {
    "button": "QPushButton", "selector": "QComboBox", "table": "QTableWidget", "uiWidget": "qMRMLWidget",
    "widget": "QWidget",
}  # fmt: skip
APPLICATION = {"aboutToQuit()", "startupCompleted()"}  # signals of qSlicerApplication that we use
SHOWN = {"text", "toolTip", "title", "windowTitle", "placeholderText"}
SHOWS = {
    "addItem", "confirmOkCancelDisplay", "confirmYesNoDisplay", "errorDisplay", "infoDisplay", "say", "setText",
    "setToolTip", "setWindowTitle", "tryWithErrorDisplay", "warningDisplay",
}  # fmt: skip


def widgets_of(path):
    """Name to class of all widgets of a `.ui` file."""
    return {widget.get("name"): widget.get("class") for widget in ET.parse(path).iter("widget")}


def find_class(name):
    """A class of Qt, or its stand-in; None for what is no QObject."""
    from desk import Desk

    Desk.start()
    import qt
    from desk.widgets import STAND_INS

    found = {kind.__name__: kind for kind in STAND_INS}.get(name) or getattr(qt, name, None)
    return found if hasattr(found, "staticMetaObject") else None


def properties(kind):
    meta = kind.staticMetaObject
    return {meta.property(index).name() for index in range(meta.propertyCount())}


def has_signal(kind, signature):
    from PySide6.QtCore import QMetaObject

    normal = bytes(QMetaObject.normalizedSignature(signature).data()).decode()
    return normal in getattr(kind, "signatures", ()) or kind.staticMetaObject.indexOfSignal(normal) >= 0


class Lint(ast.NodeVisitor):
    """Collects what would fail in Slicer, and what could not be translated, as ``line: sentence``."""

    def __init__(self, widgets):
        self.widgets, self.made, self.faults = widgets, {}, []

    def fault(self, node, text):
        self.faults.append(f"{node.lineno}: {text}")

    def class_of(self, node):
        """The class of the Qt object that an expression names, if that is known."""
        text = ast.unparse(node)
        widget = re.fullmatch(r"(?:\w+\.)*ui\.(\w+)", text)
        name = self.widgets.get(widget[1]) if widget else self.made.get(text) or NAMES.get(text)
        return find_class(name) if name else None

    def visit_Import(self, node):
        for alias in node.names:
            self.check_import(node, alias.name)

    def visit_ImportFrom(self, node):
        self.check_import(node, node.module or "")

    def check_import(self, node, module):
        if re.match(r"PySide|PyQt", module):
            self.fault(node, f"{module} is not in Slicer")

    def visit_Assign(self, node):
        for target in node.targets:
            if isinstance(node.value, ast.Call) and (name := attribute_of_qt(node.value.func)):
                self.made[ast.unparse(target)] = name
            if isinstance(target, ast.Attribute) and target.attr in SHOWN:
                self.check_text(node.value)
        self.generic_visit(node)

    def visit_Attribute(self, node):
        if attribute_of_qt(node) in FORBIDDEN:
            self.fault(node, f"qt.{node.attr} is not in PythonQt")
        if re.fullmatch(r"(?:\w+\.)*ui", ast.unparse(node.value)) and node.attr not in self.widgets:
            self.fault(node, f"the .ui file has no widget {node.attr}")
        self.generic_visit(node)

    def visit_Raise(self, node):
        if isinstance(node.exc, ast.Call):
            for argument in node.exc.args:
                self.check_text(argument)
        self.generic_visit(node)

    def visit_Call(self, node):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if node.keywords and attribute_of_qt(node.func):
            self.fault(node, f"PythonQt takes no keyword arguments: qt.{name}")
        if isinstance(node.func, ast.Attribute):
            self.check_method(node, name, self.class_of(node.func.value))
        if name in SHOWS:
            for argument in node.args:
                self.check_text(argument)
        if name == "_" and not isinstance(node.args[0], ast.Constant):
            self.fault(node, "what is translated must be a plain string")
        self.generic_visit(node)

    def check_method(self, node, name, kind):
        if node.keywords and (kind is not None or re.match(r"set[A-Z]", name)):
            self.fault(node, f"PythonQt takes no keyword arguments: {name}")
        if kind is not None and name in properties(kind):
            self.fault(node, f"{name} of {kind.__name__} is a property, which cannot be called")
        if name in ("connect", "disconnect"):
            self.check_signal(node, kind)

    def check_signal(self, node, kind):
        receiver, signal = ast.unparse(node.func.value), node.args[0]
        if not isinstance(signal, ast.Constant):
            self.fault(node, "the signal is no plain string")
        elif receiver == "slicer.app":
            if signal.value not in APPLICATION:
                self.fault(node, f"slicer.app has no signal {signal.value}")
        elif kind is None:
            self.fault(node, f"the class of {receiver} is not known")
        elif not has_signal(kind, signal.value):
            self.fault(node, f"{kind.__name__} has no signal {signal.value}")

    def check_text(self, node):
        """Words for people are in ``_()``."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_":
            return
        if isinstance(node, ast.Constant | ast.JoinedStr):
            parts = node.values if isinstance(node, ast.JoinedStr) else [node]
            text = "".join(part.value for part in parts if isinstance(getattr(part, "value", None), str))
            if " " in text and re.search(r"\b[a-z]{2,}\b", text):
                self.fault(node, f"not translated: {text}")
        for child in ast.iter_child_nodes(node):
            if not (isinstance(node, ast.JoinedStr) and isinstance(child, ast.Constant)):
                self.check_text(child)


def attribute_of_qt(node):
    """``X`` of ``qt.X``, else None."""
    is_qt = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "qt"
    return node.attr if is_qt else None


def faults(source, widgets=None):
    lint = Lint(widgets_of(UI) if widgets is None else widgets)
    lint.visit(ast.parse(source))
    return lint.faults


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_modules_code_runs_on_pythonqt_and_can_be_translated(path):
    assert faults(path.read_text(encoding="utf-8")) == []


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
    ("ui.statisticsTable.rowCount()", "1: rowCount of QTableWidget is a property, which cannot be called"),
    (
        "self.t = qt.QTimer(x)\nself.t.interval()",
        "2: interval of QTimer is a property, which cannot be called",
    ),
    ("act = qt.QAction(x)\nact.checked()", "2: checked of QAction is a property, which cannot be called"),
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
