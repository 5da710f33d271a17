"""PySide6 that behaves as PythonQt does in Slicer: properties are attributes, signals are named by their signature.

What PythonQt does not have (Signal, Slot, Property) is not in the module `qt` that is made here.
"""

import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6 import QtCore, QtGui, QtUiTools, QtWidgets  # noqa: E402

NOT_IN_PYTHONQT = {"Signal", "Slot", "Property", "ClassInfo"}
# their getters are virtual: C++ calls them, and would come back here
_VIRTUAL = {("QWidget", "sizeHint"), ("QWidget", "minimumSizeHint"), ("QProgressBar", "text")}

faults: list[BaseException] = []  # raised in slots, where nobody can catch them
_wrapped: dict[tuple[int, str, Any], Callable[..., Any]] = {}


def _connect(sender: Any, signature: str, slot: Callable[..., Any]) -> bool:
    signal, count = _signal(sender, signature)

    def call(*arguments: Any) -> None:
        slot(*arguments[:count])

    _wrapped[id(sender), signature, slot] = call
    signal.connect(call)
    return True


def _disconnect(sender: Any, signature: str, slot: Callable[..., Any]) -> bool:
    call = _wrapped.pop((id(sender), signature, slot), None)
    if call is None:
        return False
    _signal(sender, signature)[0].disconnect(call)
    return True


def _signal(sender: Any, signature: str) -> tuple[Any, int]:
    """A bound signal, and how many values it hands over."""
    meta = sender.metaObject()
    normal = bytes(QtCore.QMetaObject.normalizedSignature(signature).data()).decode()
    known = normal in getattr(sender, "signatures", ()) or meta.indexOfSignal(normal) >= 0
    if not known:
        raise ValueError(f"{meta.className()} has no signal {signature}")
    name, _, values = normal.partition("(")
    return getattr(sender, name), len([value for value in values[:-1].split(",") if value])


def _patch_connections(kind: type) -> None:
    """Let ``connect`` and ``disconnect`` be those of PythonQt; a class attribute would not be looked at."""
    plain = kind.__getattribute__

    def attribute(self: Any, name: str) -> Any:
        if name == "connect":
            return lambda signature, slot: _connect(self, signature, slot)
        if name == "disconnect":
            return lambda signature, slot: _disconnect(self, signature, slot)
        return plain(self, name)

    kind.__getattribute__ = attribute


def _property(name: str) -> property:
    def read(self: Any) -> Any:
        return QtCore.QObject.property(self, name)

    def write(self: Any, value: Any) -> None:
        if not QtCore.QObject.setProperty(self, name, value):
            raise AttributeError(f"{type(self).__name__}.{name} cannot be {value!r}")

    return property(read, write)


def _patch_properties(kind: type) -> None:
    meta = kind.staticMetaObject
    for index in range(meta.propertyOffset(), meta.propertyCount()):
        name = meta.property(index).name()
        if (kind.__name__, name) not in _VIRTUAL:
            setattr(kind, name, _property(name))


def _patch() -> None:
    for module in (QtCore, QtGui, QtWidgets):
        for kind in (getattr(module, name) for name in dir(module)):  # PySide makes classes when they are asked for
            if isinstance(kind, type) and issubclass(kind, QtCore.QObject):
                _patch_properties(kind)
                if "__getattribute__" in vars(kind):
                    _patch_connections(kind)


class UiLoader(QtUiTools.QUiLoader):
    """Loads a `.ui` file with stand-ins for Slicer's widgets; `connections` of the file are made by `made`."""

    stand_ins: tuple[type, ...] = ()

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        for kind in self.stand_ins:
            self.registerCustomWidget(kind)

    def load(self, device: Any, parent: Any = None) -> Any:
        """The widget of a file; its connections (``mrmlSceneChanged``) are the stand-ins' own business."""
        text = bytes(device.readAll().data()).decode()
        before, _, rest = text.partition("<connections>")
        text = before + rest.partition("</connections>")[2] if rest else text
        buffer = QtCore.QBuffer()
        buffer.setData(text.encode())
        buffer.open(QtCore.QIODevice.OpenModeFlag.ReadOnly)
        return super().load(buffer, parent)


def _module(name: str, *sources: ModuleType) -> ModuleType:
    module = ModuleType(name)
    for source in sources:
        for key in dir(source):
            if not key.startswith("_") and key not in NOT_IN_PYTHONQT:
                setattr(module, key, getattr(source, key))
    return module


def _on_fault(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    faults.append(error)
    sys.__excepthook__(kind, error, trace)


def install() -> QtWidgets.QApplication:
    """Make ``qt`` and ``ctk`` importable, and the application; faults in slots are collected in `faults`."""
    application = QtWidgets.QApplication.instance() or QtWidgets.QApplication(["desk"])
    if "qt" not in sys.modules:
        _patch()
        QtCore.QObject.name = property(lambda self: QtCore.QObject.property(self, "objectName"))
        QtCore.QObject.className = lambda self: self.metaObject().className()
        QtCore.QObject.delete = QtCore.QObject.deleteLater
        sys.modules["qt"] = _module("qt", QtCore, QtGui, QtWidgets, QtUiTools)
        sys.modules["qt"].QUiLoader = UiLoader
        sys.modules["ctk"] = ModuleType("ctk")
        sys.excepthook = _on_fault
    return application
