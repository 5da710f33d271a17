"""Test doubles of the CTK and Slicer widgets in the panel's `.ui` file, simplified in appearance and behavior."""

from typing import Any

import slicer
import vtk
from PySide6.QtCore import Property, QEvent, QObject, Qt, Signal
from PySide6.QtGui import QPainter, QPalette
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QSlider,
    QWidget,
)

_STEPS = 1000  # of a slider
_AFTER_OTHERS = -10.0  # priority of the lists' observers, as Slicer's
_TITLE, _WIDEST = 24, 16777215  # pixels of a group's title; Qt's largest height


class qSlicerScriptedLoadableModule(QObject):
    """What Slicer makes of a module file before its Python runs."""


class qSlicerScriptedLoadableModuleWidget(QWidget):
    """What Slicer puts a module's panel into."""

    isEntered = True


class ctkCollapsibleButton(QWidget):
    """A titled group that folds: as CTK's, it hides its children then, and keeps what is said of them meanwhile."""

    contentsCollapsed = Signal(bool)
    signatures = {"contentsCollapsed(bool)"}

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._text, self._collapsed, self._collapsed_height, self._forcing = "", False, 10, False
        self._hidden: set[QWidget] = set()  # children that stay hidden when it unfolds
        self.setContentsMargins(0, _TITLE, 0, 0)

    def childEvent(self, event: Any) -> None:
        if isinstance(child := event.child(), QWidget):
            if event.added():
                child.installEventFilter(self)
            elif event.removed():
                self._hidden.discard(child)

    def eventFilter(self, child: Any, event: Any) -> bool:
        if not self._forcing and event.type() in (QEvent.Type.ShowToParent, QEvent.Type.HideToParent):
            if event.type() == QEvent.Type.HideToParent:
                self._hidden.add(child)
            else:
                self._hidden.discard(child)
                self._show(child)
        return False

    def mousePressEvent(self, event: Any) -> None:
        if event.position().y() < _TITLE:
            self.click()

    def click(self) -> None:
        """Fold or unfold, like clicking the title."""
        self._collapse(not self._collapsed)

    def _show(self, child: QWidget) -> None:
        self._forcing = True
        child.setVisible(not self._collapsed and child not in self._hidden)
        self._forcing = False

    def _read(self) -> str:
        return self._text

    def _write(self, text: str) -> None:
        self._text = text

    def _is_collapsed(self) -> bool:
        return self._collapsed

    def _collapse(self, collapsed: bool) -> None:
        if collapsed == self._collapsed:
            return
        self._collapsed = collapsed
        self._limit()
        for child in self.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly):
            self._show(child)
        self.contentsCollapsed.emit(collapsed)

    def _set_collapsed_height(self, height: int) -> None:
        self._collapsed_height = height
        self._limit()

    def _limit(self) -> None:
        self.setMaximumHeight(_TITLE + self._collapsed_height if self._collapsed else _WIDEST)
        self.update()

    text = Property(str, _read, _write)
    collapsed = Property(bool, _is_collapsed, _collapse)
    collapsedHeight = Property(int, lambda self: self._collapsed_height, _set_collapsed_height)

    def paintEvent(self, event: Any) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.palette.color(QPalette.ColorRole.Mid if _is_dark(self) else QPalette.ColorRole.Midlight))
        painter.drawRoundedRect(0, 1, self.size.width(), _TITLE - 2, 3, 3)
        painter.setPen(self.palette.color(self.foregroundRole()))
        painter.drawText(8, 17, f"{'▸' if self._collapsed else '▾'}  {self._text}")
        painter.end()


def _is_dark(widget: QWidget) -> bool:
    return widget.palette.color(QPalette.ColorRole.Window).lightness() < 128


class ctkSliderWidget(QWidget):
    """A slider with a spin box of the same value."""

    valueChanged = Signal(float)
    signatures = {"valueChanged(double)"}

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._slider, self._box = QSlider(Qt.Orientation.Horizontal), QDoubleSpinBox()
        self._slider.setMaximum(_STEPS)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._slider)
        row.addWidget(self._box)
        self._box.valueChanged.connect(self._on_box)
        self._slider.sliderMoved.connect(self._on_slider)

    def _on_box(self, value: float) -> None:
        span = self.maximum - self.minimum
        self._slider.setValue(round(_STEPS * (value - self.minimum) / span) if span else 0)
        self.valueChanged.emit(value)

    def _on_slider(self, place: int) -> None:
        self._box.setValue(self.minimum + place / _STEPS * (self.maximum - self.minimum))

    def setValue(self, value: float) -> None:
        self._box.setValue(value)

    def setMinimum(self, value: float) -> None:
        self._box.setMinimum(value)

    def setMaximum(self, value: float) -> None:
        self._box.setMaximum(value)

    def setDecimals(self, count: int) -> None:
        self._box.setDecimals(count)

    def setSingleStep(self, step: float) -> None:
        self._box.setSingleStep(step)

    value = Property(float, lambda self: self._box.property("value"), setValue)
    minimum = Property(float, lambda self: self._box.property("minimum"), setMinimum)
    maximum = Property(float, lambda self: self._box.property("maximum"), setMaximum)
    decimals = Property(int, lambda self: self._box.property("decimals"), setDecimals)
    singleStep = Property(float, lambda self: self._box.property("singleStep"), setSingleStep)


class qMRMLWidget(QWidget):
    """Hands its scene to the widgets in it, as the connections of the `.ui` file do."""

    mrmlSceneChanged = Signal(object)
    signatures = {"mrmlSceneChanged(vtkMRMLScene*)"}

    def setMRMLScene(self, scene: Any) -> None:
        for child in self.findChildren(QWidget):
            if isinstance(child, qMRMLNodeComboBox):
                child.setMRMLScene(scene)
        self.mrmlSceneChanged.emit(scene)


def _flag(name: str) -> Property:
    def write(self: Any, value: bool) -> None:
        self._flags[name] = value
        self._fill()

    return Property(bool, lambda self: self._flags.get(name, False), write)


class qMRMLNodeComboBox(QWidget):
    """A list of the scene's nodes of some types, which follows the scene.

    As in Slicer, a node leaves it before it leaves the scene, and the list falls to the neighboring one. It reports the
    current node again when that is renamed.
    """

    currentNodeChanged = Signal(object)
    signatures = {"currentNodeChanged(vtkMRMLNode*)"}

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._box = QComboBox()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._box)
        self._scene, self._tags, self._types, self._flags = None, [], [], {}
        self._base_name = ""
        self._shown: Any = None
        self._leaving: Any = None  # a node that is about to leave the scene
        self._named: list[tuple[Any, int]] = []  # nodes in the list with the tags of their observers
        self._box.currentIndexChanged.connect(self._on_index)

    def setMRMLScene(self, scene: Any) -> None:
        for tag in self._tags:
            self._scene.RemoveObserver(tag)
        self._scene, self._tags = scene, []
        if scene is not None:
            for event in (scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.EndCloseEvent, scene.EndImportEvent):
                self._tags.append(scene.AddObserver(event, lambda *_: self._fill()))
            self._tags.append(scene.AddObserver(scene.NodeAboutToBeRemovedEvent, self._leave, _AFTER_OTHERS))
        self._fill()

    def currentNode(self) -> Any:
        return self._shown if self._shown is not None and self._scene.IsNodePresent(self._shown) else None

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _leave(self, scene: Any, event: Any, node: Any) -> None:
        self._leaving = node
        self._fill()
        self._leaving = None

    def _rename(self, node: Any, event: Any) -> None:
        row = self._box.findData(node.GetID())
        if row >= 0 and self._box.itemText(row) != node.GetName():
            self._box.setItemText(row, node.GetName())
            if node is self._shown:
                self.currentNodeChanged.emit(node)

    def setCurrentNode(self, node: Any) -> None:
        self.setCurrentNodeID(node.GetID() if node is not None else "")

    def setCurrentNodeID(self, identity: str) -> None:
        self._box.setCurrentIndex(self._box.findData(identity or ""))

    def addNode(self) -> Any:
        """What "Create new" of the list does."""
        node = self._scene.AddNewNodeByClass(self._types[0], self._base_name)
        self.setCurrentNode(node)
        return node

    def nodeCount(self) -> int:
        return len(self._nodes())

    def _nodes(self) -> list[Any]:
        kinds = [slicer.util.getNodesByClass(kind) for kind in self._types] if self._scene is not None else []
        return [
            node
            for nodes in kinds
            for node in nodes
            if node.GetClassName() in self._types and not node.GetHideFromEditors() and node is not self._leaving
        ]

    def _fill(self) -> None:
        if self._scene is not None and self._scene.IsClosing():
            return
        chosen, before = self.currentNode(), self._box.property("currentIndex")
        for node, tag in self._named:
            node.RemoveObserver(tag)
        self._named = [(node, node.AddObserver(vtk.vtkCommand.ModifiedEvent, self._rename)) for node in self._nodes()]
        self._box.blockSignals(True)
        self._box.clear()
        if self._flags.get("noneEnabled", False):
            self._box.addItem("None", "")
        for node, _tag in self._named:
            self._box.addItem(node.GetName(), node.GetID())
        row = self._box.findData(chosen.GetID() if chosen is not None else "")
        if row < 0:
            row = min(before, self._box.count - 1) if chosen is not None else 0 if self._box.count else -1
        self._box.setCurrentIndex(row)
        self._box.blockSignals(False)
        self._on_index(row)

    def _on_index(self, row: int) -> None:
        node = self._scene.GetNodeByID(self._box.itemData(row)) if self._scene is not None and row >= 0 else None
        if node is not self._shown:
            self._shown = node
            self.currentNodeChanged.emit(node)

    def _set_types(self, types: Any) -> None:
        self._types = list(types)
        self._fill()

    def _set_base_name(self, name: str) -> None:
        self._base_name = name

    nodeTypes = Property("QStringList", lambda self: self._types, _set_types)
    noneEnabled, addEnabled = _flag("noneEnabled"), _flag("addEnabled")
    removeEnabled, renameEnabled = _flag("removeEnabled"), _flag("renameEnabled")
    showHidden, selectNodeUponCreation = _flag("showHidden"), _flag("selectNodeUponCreation")
    baseName = Property(str, lambda self: self._base_name, _set_base_name)
    currentNodeID = Property(str, lambda self: self._box.property("currentData") or "", setCurrentNodeID)


STAND_INS = (ctkCollapsibleButton, ctkSliderWidget, qMRMLWidget, qMRMLNodeComboBox)
