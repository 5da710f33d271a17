"""Slicer without its window: application object, layouts with slice views, recorded dialogs."""

import sys
import tempfile
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import slicer
import slicer.util
import vtk
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from DINSegmentLib.scene.application import Application, Module
from DINSegmentLib.scene.boot import boot, quiet

from .pythonqt import Checked, faults
from .views import View

_LOGICS = {
    "Data": "vtkSlicerDataModuleLogic",  # takes a node's display and storage nodes out of the scene together with it
    "Models": "vtkSlicerModelsLogic",
    "Plots": "vtkSlicerPlotsLogic",
    "Sequences": "vtkSlicerSequencesLogic",
}


# pixels of a slice view in Slicer's default window, beside two others: at first, and when the event loop has run
_FIRST_SIZE, _SIZE = (595, 320), (376, 921)


class SliceWidget(Checked):
    """A slice view of the layout manager's."""

    measured_as = "sliceWidget"

    def __init__(self, logic: Any) -> None:
        self._logic = logic

    def sliceLogic(self) -> Any:
        return self._logic

    def mrmlSliceNode(self) -> Any:
        return self._logic.GetSliceNode()

    def mrmlSliceCompositeNode(self) -> Any:
        return self._logic.GetSliceCompositeNode()


class Layouts(Checked):
    """What Slicer's layout manager does: makes the views of the layout, slice views with their logics, and maps them.

    A view that comes into the layout has its real size only when the event loop has run.
    """

    measured_as = "slicer.app.layoutManager()"

    def __init__(self, scene: Any) -> None:
        self.scene, self.logics = scene, {}
        self._views: dict[Any, View] = {}
        slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, True)
        slicer.app.applicationLogic().SetSliceLogics(vtk.vtkCollection())
        slicer.app.applicationLogic().SetViewLogics(vtk.vtkCollection())
        self.logic = slicer.vtkMRMLLayoutLogic()
        self.logic.SetMRMLScene(scene)
        self._observe()
        scene.AddObserver(scene.EndCloseEvent, lambda *_: self._observe())

    @property
    def layout(self) -> int:
        return self.node.GetViewArrangement()

    def setLayout(self, layout: int) -> None:
        self.node.SetViewArrangement(layout)

    def sliceViewNames(self) -> list[str]:
        """Of the views in the present layout."""
        return [name for name, logic in self.logics.items() if logic.GetSliceNode().IsMappedInLayout()]

    def view(self, name: str) -> View:
        """What is behind a slice widget."""
        return self._views[self.logics[name].GetSliceNode()]

    def sliceWidget(self, name: str) -> SliceWidget:
        return SliceWidget(self.logics[name])

    def _observe(self) -> None:
        """A closed scene keeps the layout node, and Slicer brings its arrangement back."""
        node = self.scene.GetFirstNodeByClass("vtkMRMLLayoutNode")
        if getattr(self, "node", None) is not node:
            self.node = node
            node.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: self._arrange())
        self.node.SetViewArrangement(self.node.SlicerLayoutFourUpView)
        self._arrange()

    def _arrange(self) -> None:
        inside = self.logic.GetViewNodes()
        for view in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
            name = view.GetLayoutName()
            if name not in self.logics or self.logics[name].GetSliceNode() is not view:
                logic = self.logics[name] = slicer.vtkMRMLSliceLogic()
                logic.SetMRMLApplicationLogic(slicer.app.applicationLogic())
                slicer.app.applicationLogic().GetSliceLogics().AddItem(logic)
                logic.SetMRMLScene(self.scene)
                logic.SetSliceNode(view)
            if (mapped := inside.IsItemPresent(view) > 0) and not view.IsMappedInLayout():
                self.logics[name].ResizeSliceNode(*_FIRST_SIZE)
                QTimer.singleShot(0, lambda logic=self.logics[name]: logic.ResizeSliceNode(*_SIZE))
            view.SetMappedInLayout(int(mapped))
        for node in (*slicer.util.getNodesByClass("vtkMRMLSliceNode"), *slicer.util.getNodesByClass("vtkMRMLViewNode")):
            if node not in self._views:
                self._views[node] = View(node)


class Settings(Checked):
    """QSettings that live as long as the desk."""

    measured_as = "slicer.app.userSettings()"

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}

    def value(self, key: str, default: Any = None) -> Any:
        return self._values.get(key, default)

    def setValue(self, key: str, value: Any) -> None:
        self._values[key] = value

    def contains(self, key: str) -> bool:
        return key in self._values

    def remove(self, key: str) -> None:
        self._values.pop(key, None)

    def clear(self) -> None:
        self._values.clear()


class DeskApplication(Checked, Application):
    """``slicer.app`` with settings, layouts and its own signals."""

    measured_as = "slicer.app"
    applicationVersion = "stand-in desk"
    launcherExecutableFilePath = "Slicer"

    def __init__(self, plain: Application) -> None:
        self.__dict__.update(plain.__dict__)
        self.settings, self.layouts = Settings(), None
        self._slots: dict[str, list[Callable[[], Any]]] = {"aboutToQuit()": [], "startupCompleted()": []}

    def userSettings(self) -> Settings:
        return self.settings

    def layoutManager(self) -> Layouts:
        return self.layouts

    def processEvents(self) -> None:
        QApplication.processEvents()

    def testingEnabled(self) -> bool:
        return False

    def connect(self, signal: str, slot: Callable[[], Any]) -> None:
        self._slots[signal].append(slot)

    def disconnect(self, signal: str, slot: Callable[[], Any]) -> None:
        self._slots[signal].remove(slot)

    def emit(self, signal: str) -> None:
        """What Slicer does when it has started, or quits."""
        for slot in list(self._slots[signal]):
            slot()

    def observers(self) -> int:
        """How many slots are connected to ``aboutToQuit()``."""
        return len(self._slots["aboutToQuit()"])

    def setOverrideCursor(self, cursor: Any) -> None:
        """There is no cursor."""

    def restoreOverrideCursor(self) -> None:
        """There is no cursor."""


class Editor(Checked):
    """Segment Editor: remembers what it was given."""

    measured_as = "slicer.qMRMLSegmentEditorWidget"

    def __init__(self) -> None:
        self.segmentation = self.volume = None

    def setSegmentationNode(self, node: Any) -> None:
        self.segmentation = node

    def setSourceVolumeNode(self, node: Any) -> None:
        self.volume = node


class Question(Checked):
    """QMessageBox, answered by `Dialogs`."""

    measured_as = "qt.QMessageBox"
    AcceptRole, RejectRole, DestructiveRole = range(3)
    dialogs: "Dialogs"

    def __init__(self, parent: Any = None) -> None:
        self.text, self._buttons, self._clicked = "", [], None

    def addButton(self, text: str, role: int) -> Any:
        self._buttons.append(SimpleNamespace(text=text, role=role))
        return self._buttons[-1]

    def setDefaultButton(self, button: Any) -> None:
        """Enter would click it."""

    def setEscapeButton(self, button: Any) -> None:
        self._clicked = button

    def exec(self) -> None:
        self.dialogs.messages.append(("question", self.text))
        self._clicked = next((one for one in self._buttons if one.text == self.dialogs.choice), self._clicked)

    def clickedButton(self) -> Any:
        return self._clicked


class StatusBar(Checked):
    """Of Slicer's window."""

    measured_as = "statusBar"

    def __init__(self, dialogs: "Dialogs") -> None:
        self._dialogs = dialogs

    def showMessage(self, text: str, milliseconds: int = 0) -> None:
        self._dialogs.status = text


class MainWindow(Checked):
    """Slicer's own, of which only the status bar is there."""

    measured_as = "slicer.util.mainWindow()"

    def __init__(self, dialogs: "Dialogs") -> None:
        self._bar = StatusBar(dialogs)

    def statusBar(self) -> StatusBar:
        return self._bar


class Dialogs:
    """What the user would have been shown, and what the user answers."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.messages: list[tuple[str, str]] = []
        self.answer = True
        self.choice = ""  # the button of a question that the user clicks; empty: Cancel
        self.module = self.status = ""
        self.editor = Editor()
        self.samples: list[dict[str, Any]] = []
        self.download: Callable[[str], Any] | None = None

    def install(self) -> None:
        util = slicer.util
        for kind in ("error", "warning", "info"):
            setattr(util, f"{kind}Display", lambda text, *_, kind=kind, **__: self.messages.append((kind, text)))
        for name in ("confirmOkCancelDisplay", "confirmYesNoDisplay"):
            setattr(util, name, self._confirm)
        sys.modules["qt"].QMessageBox = type("QMessageBox", (Question,), {"dialogs": self})
        window = MainWindow(self)
        util.mainWindow = lambda *_, **__: window
        util.selectModule = self._select
        widget = SimpleNamespace(self=lambda: SimpleNamespace(editor=self.editor))
        slicer.modules.segmenteditor = SimpleNamespace(widgetRepresentation=lambda: widget)
        sys.modules["SampleData"] = self._sample_data()

    def _confirm(self, text: str, *_: Any, **__: Any) -> bool:
        self.messages.append(("confirm", text))
        return self.answer

    def _select(self, name: str) -> None:
        self.module = name

    def _sample_data(self) -> ModuleType:
        dialogs = self

        class SampleDataLogic:
            @staticmethod
            def registerCustomSampleDataSource(**about: Any) -> None:
                dialogs.samples.append(about)

            def downloadSamples(self, name: str) -> list[Any]:
                return [] if dialogs.download is None else [dialogs.download(name)]

        module = ModuleType("SampleData")
        module.SampleDataLogic = SampleDataLogic
        return module


def _data_io(logic: Any) -> tuple[Any, ...]:
    """What a scene needs to read a `.mrb`; all of it must be kept."""
    remote, data = slicer.vtkMRMLRemoteIOLogic(), slicer.vtkDataIOManagerLogic()
    data.SetMRMLApplicationLogic(logic)
    cache = tempfile.TemporaryDirectory(prefix="desk-cache-")
    with quiet():
        remote.GetCacheManager().SetRemoteCacheDirectory(cache.name)
        logic.SetMRMLSceneDataIO(slicer.mrmlScene, remote, data)
    return remote, data, cache


def _note_errors() -> None:
    """What Slicer marks with its red icon is a fault of the product, see `pythonqt.faults`: errors of VTK and MRML, and
    a node that is removed from the scene a second time, at which Slicer's tree of nodes logs critical errors."""

    @vtk.calldata_type(vtk.VTK_STRING)
    def note(window: Any, event: str, text: str) -> None:
        faults.append(RuntimeError(text))

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def look(scene: Any, event: str, node: Any) -> None:
        if not scene.IsNodePresent(node):
            faults.append(RuntimeError(f"{node.GetClassName()} {node.GetName()} is removed and not in the scene"))

    vtk.vtkOutputWindow.GetInstance().AddObserver("ErrorEvent", note)
    slicer.mrmlScene.AddObserver(slicer.mrmlScene.NodeAboutToBeRemovedEvent, look)


def start() -> tuple[DeskApplication, Dialogs]:
    """The application over `scene.boot`, with everything that the panel asks of it."""
    boot()
    _note_errors()
    logic = slicer.app.applicationLogic()
    with quiet():
        for name, class_name in _LOGICS.items():
            module_logic = getattr(slicer, class_name)()
            module_logic.SetMRMLApplicationLogic(logic)
            module_logic.SetMRMLScene(slicer.mrmlScene)
            logic.SetModuleLogic(name, module_logic)
            setattr(slicer.modules, name.lower(), Module(module_logic))
    slicer.app = DeskApplication(slicer.app)
    slicer.app.data_io = _data_io(logic)
    slicer.app.layouts = Layouts(slicer.mrmlScene)
    dialogs = Dialogs()
    dialogs.install()
    return slicer.app, dialogs
