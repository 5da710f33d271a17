"""Stand-ins for the widgets of CTK and of Slicer that the panel's `.ui` file names, simplified in look and behavior."""

from typing import Any

import slicer
from PySide6.QtCore import Property, QObject, Qt, Signal
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QHeaderView,
    QSizePolicy,
    QSlider,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

_STEPS = 1000  # of a slider
_ROW = 20  # pixels of a row of segments


class qSlicerScriptedLoadableModule(QObject):
    """What Slicer makes of a module file before its Python runs."""


class qSlicerScriptedLoadableModuleWidget(QWidget):
    """What Slicer puts a module's panel into."""

    isEntered = True


class ctkCollapsibleButton(QWidget):
    """A titled group; here always open."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._text, self._collapsed = "", False
        self.setContentsMargins(0, 24, 0, 0)

    def _read(self) -> str:
        return self._text

    def _write(self, text: str) -> None:
        self._text = text

    def _is_collapsed(self) -> bool:
        return self._collapsed

    def _collapse(self, collapsed: bool) -> None:
        self._collapsed = collapsed

    text = Property(str, _read, _write)
    collapsed = Property(bool, _is_collapsed, _collapse)

    def paintEvent(self, event: Any) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor("#D3D9E1"))
        painter.drawRoundedRect(0, 1, self.size.width(), 22, 3, 3)
        painter.setPen(self.palette.color(self.foregroundRole()))
        painter.drawText(8, 17, f"▾  {self._text}")
        painter.end()


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
            if isinstance(child, qMRMLNodeComboBox | qMRMLSegmentsTableView):
                child.setMRMLScene(scene)
        self.mrmlSceneChanged.emit(scene)


def _flag(name: str) -> Property:
    def write(self: Any, value: bool) -> None:
        self._flags[name] = value
        self._fill()

    return Property(bool, lambda self: self._flags.get(name, False), write)


class qMRMLNodeComboBox(QWidget):
    """A list of the scene's nodes of some types, which follows the scene."""

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
        self._box.currentIndexChanged.connect(self._on_index)

    def setMRMLScene(self, scene: Any) -> None:
        for tag in self._tags:
            self._scene.RemoveObserver(tag)
        self._scene, self._tags = scene, []
        if scene is not None:
            for event in (scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.EndCloseEvent, scene.EndImportEvent):
                self._tags.append(scene.AddObserver(event, lambda *_: self._fill()))
        self._fill()

    def currentNode(self) -> Any:
        return self._shown if self._shown is not None and self._scene.IsNodePresent(self._shown) else None

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
            if node.GetClassName() in self._types and not node.GetHideFromEditors()
        ]

    def _fill(self) -> None:
        if self._scene is not None and self._scene.IsClosing():
            return
        chosen = self.currentNode()
        self._box.blockSignals(True)
        self._box.clear()
        if self._flags.get("noneEnabled", False):
            self._box.addItem("None", "")
        for node in self._nodes():
            self._box.addItem(node.GetName(), node.GetID())
        row = self._box.findData(chosen.GetID() if chosen is not None else "")
        if row < 0 and not self._flags.get("noneEnabled", False):
            row = 0 if self._box.count else -1
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


class qMRMLSegmentsTableView(QWidget):
    """The segments of a segmentation: visibility, color, name."""

    signatures: set[str] = set()

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._table = QTableWidget(0, 3)
        self._table.setHorizontalHeaderLabels(["Visible", "Color", "Name"])
        self._table.setAlternatingRowColors(True)
        self._table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self._table.horizontalHeader().setStretchLastSection(True)
        self._table.verticalHeader().hide()
        self._table.verticalHeader().setMinimumSectionSize(_ROW)
        self._table.verticalHeader().setDefaultSectionSize(_ROW)
        self._table.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.MinimumExpanding)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._table)
        self._node: Any = None
        self._tags: list[tuple[Any, int]] = []

    def setMRMLScene(self, scene: Any) -> None:
        """A table shows one node, whatever the scene."""

    def segmentationNode(self) -> Any:
        return self._node

    def setSegmentationNode(self, node: Any) -> None:
        for owner, tag in self._tags:
            owner.RemoveObserver(tag)
        self._tags, self._node = [], node
        if node is not None:
            segmentation = node.GetSegmentation()
            for event in (segmentation.SegmentAdded, segmentation.SegmentRemoved, segmentation.SegmentModified):
                self._tags.append((segmentation, segmentation.AddObserver(event, lambda *_: self._fill())))
        self._fill()

    def _fill(self) -> None:
        segmentation = self._node.GetSegmentation() if self._node is not None else None
        count = segmentation.GetNumberOfSegments() if segmentation is not None else 0
        self._table.setRowCount(count)
        display = self._node.GetDisplayNode() if self._node is not None else None
        for row in range(count):
            identity = segmentation.GetNthSegmentID(row)
            segment = segmentation.GetSegment(identity)
            shown, color, name = cells = [QTableWidgetItem() for _ in range(3)]
            shown.setText("✓" if display is not None and display.GetSegmentVisibility(identity) else "")
            shown.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
            color.setBackground(QColor.fromRgbF(*segment.GetColor()))
            name.setText(segment.GetName())
            for column, cell in enumerate(cells):
                self._table.setItem(row, column, cell)


STAND_INS = (ctkCollapsibleButton, ctkSliderWidget, qMRMLWidget, qMRMLNodeComboBox, qMRMLSegmentsTableView)
