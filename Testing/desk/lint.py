"""Static check of the module's code for what would fail in Slicer or could not be translated."""

import ast
import re
import xml.etree.ElementTree as ET
from pathlib import Path

from . import offer

UI = Path(__file__).resolve().parents[2] / "DINSegment" / "Resources" / "UI" / "DINSegment.ui"

FORBIDDEN = {"Signal", "Slot", "Property"}
# what the code calls a widget that it was handed, and what gives an object that was measured as one
NAMES = {
    "action": "QAction", "button": "QPushButton", "editor": "qMRMLSegmentEditorWidget", "nodes": "qMRMLNodeComboBox",
    "selector": "QComboBox",
    "settings": "slicer.app.userSettings()", "table": "QTableWidget", "uiWidget": "qMRMLWidget", "widget": "QWidget",
}  # fmt: skip
MODULES = {
    "app",
    "i18n",
    "modules",
    "mrmlScene",
    "packaging",
    "parameterNodeWrapper",
    "ScriptedLoadableModule",
    "util",
}  # of slicer
SHOWN = {"text", "toolTip", "title", "windowTitle", "placeholderText"}
SHOWS = {
    "addItem", "confirmOkCancelDisplay", "confirmYesNoDisplay", "errorDisplay", "infoDisplay", "say", "setText",
    "setToolTip", "setWindowTitle", "tryWithErrorDisplay", "warningDisplay",
}  # fmt: skip


def widgets_of(path: Path) -> dict[str, str]:
    """Name to class of all widgets of a `.ui` file."""
    return {widget.get("name"): widget.get("class") for widget in ET.parse(path).iter("widget")}


def faults(source: str, names: dict[str, str] = NAMES) -> list[str]:
    """What is wrong with the code of a file, as ``line: sentence``; ``names`` of objects whose class is known."""
    lint = Lint(widgets_of(UI), names)
    lint.visit(ast.parse(source))
    return lint.faults


def has_signal(name: str, signature: str) -> bool:
    """Whether a class of the simulated interface, which knows the types of its signals, has this signal."""
    from . import Desk

    Desk.start()
    import qt

    from .widgets import STAND_INS

    kind = {one.__name__: one for one in STAND_INS}.get(name) or getattr(qt, name, None)
    if kind is None:
        return True
    normal = bytes(qt.QMetaObject.normalizedSignature(signature).data()).decode()
    return normal in getattr(kind, "signatures", ()) or kind.staticMetaObject.indexOfSignal(normal) >= 0


class Lint(ast.NodeVisitor):
    """Collects faults."""

    def __init__(self, widgets: dict[str, str], names: dict[str, str]) -> None:
        self.widgets, self.made, self.faults = widgets, dict(names), []
        self._called: set[ast.AST] = set()

    def fault(self, node: ast.AST, text: str) -> None:
        self.faults.append(f"{node.lineno}: {text}")

    def class_of(self, node: ast.AST) -> str | None:
        """The class of the object that an expression names, if that is known."""
        text = ast.unparse(node)
        widget = re.fullmatch(r"(?:\w+\.)*ui\.(\w+)", text)
        name = self.widgets.get(widget[1]) if widget else self.made.get(text)
        return name or (text if text in offer.classes() else None)

    def check(self, node: ast.AST, name: str, attribute: str, use: str) -> None:
        try:
            reason = offer.refusal(name, attribute, use)
        except AttributeError as error:
            reason = str(error)
        if reason:
            self.fault(node, reason)

    def check_class(self, node: ast.AST, name: str) -> None:
        try:
            offer.find(name)
        except AttributeError as error:
            self.fault(node, str(error))

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.check_import(node, alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self.check_import(node, node.module or "")

    def check_import(self, node: ast.AST, module: str) -> None:
        if re.match(r"PySide|PyQt", module):
            self.fault(node, f"{module} is not in Slicer")

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            if isinstance(node.value, ast.Call) and (name := attribute_of(node.value.func, "qt")):
                self.made[ast.unparse(target)] = name
            if isinstance(target, ast.Attribute) and target.attr in SHOWN:
                self.check_text(node.value)
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if re.fullmatch(r"(?:\w+\.)*ui", ast.unparse(node.value)) and node.attr not in self.widgets:
            self.fault(node, f"the .ui file has no widget {node.attr}")
        elif (kind := attribute_of(node, "qt")) is not None:
            if kind in FORBIDDEN:
                self.fault(node, f"qt.{kind} is not in PythonQt")
            else:
                self.check_class(node, f"qt.{kind}")
        elif (kind := attribute_of(node, "slicer")) is not None:
            if not kind.startswith("vtk") and kind not in MODULES:
                self.check_class(node, f"slicer.{kind}")
        elif name := attribute_of(node.value, "qt") or self.class_of(node.value):
            if node.attr not in ("connect", "disconnect"):
                use = "assign" if isinstance(node.ctx, ast.Store) else "call" if node in self._called else "read"
                self.check(node, name, node.attr, use)
        self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        if isinstance(node.exc, ast.Call):
            for argument in node.exc.args:
                self.check_text(argument)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        self._called.add(node.func)
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if node.keywords and attribute_of(node.func, "qt"):
            self.fault(node, f"PythonQt takes no keyword arguments: qt.{name}")
        if isinstance(node.func, ast.Attribute):
            self.check_method(node, name, self.class_of(node.func.value))
        if name in SHOWS:
            for argument in node.args:
                self.check_text(argument)
        if name == "_" and not isinstance(node.args[0], ast.Constant):
            self.fault(node, "what is translated must be a plain string")
        self.generic_visit(node)

    def check_method(self, node: ast.Call, name: str, kind: str | None) -> None:
        if node.keywords and (kind is not None or re.match(r"set[A-Z]", name)):
            self.fault(node, f"PythonQt takes no keyword arguments: {name}")
        if name in ("connect", "disconnect"):
            self.check_signal(node, kind)

    def check_signal(self, node: ast.Call, kind: str | None) -> None:
        receiver, signal = ast.unparse(node.func.value), node.args[0]
        if not isinstance(signal, ast.Constant):
            self.fault(node, "the signal is no plain string")
        elif kind is None:
            self.fault(node, f"the class of {receiver} is not known")
        elif not has_signal(kind, signal.value):
            self.fault(node, f"{kind} has no signal {signal.value}")
        else:
            self.check(node, kind, signal.value, "connect")

    def check_text(self, node: ast.AST) -> None:
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


def attribute_of(node: ast.AST, module: str) -> str | None:
    """``X`` of ``module.X``, else None."""
    known = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == module
    return node.attr if known else None
