"""PySide6 that behaves like PythonQt in Slicer: properties are attributes, signals are named by their signature.

What PythonQt does not have (Signal, Slot, Property) is not in the module `qt` that is made here. What the product's own
code reads, assigns, calls and connects is checked against what was measured in Slicer, see `offer`.
"""

import os
import re
import sys
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6 import QtCore, QtGui, QtUiTools, QtWidgets  # noqa: E402

from . import offer  # noqa: E402

NOT_IN_PYTHONQT = {"Signal", "Slot", "Property", "ClassInfo"}
# their getters are virtual: C++ calls them, and would come back here
_VIRTUAL = {("QWidget", "sizeHint"), ("QWidget", "minimumSizeHint"), ("QProgressBar", "text")}

_PRODUCT = re.compile(r"[/\\](DINSegmentLib[/\\]|DINSegment\.py$)")  # the files whose names are checked

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
    meta = type(sender).staticMetaObject  # what `metaObject` gives is deleted together with the sender
    normal = bytes(QtCore.QMetaObject.normalizedSignature(signature).data()).decode()
    known = normal in getattr(sender, "signatures", ()) or meta.indexOfSignal(normal) >= 0
    if not known:
        raise ValueError(f"{meta.className()} has no signal {signature}")
    name, _, values = normal.partition("(")
    return getattr(sender, name), len([value for value in values[:-1].split(",") if value])


def by_product() -> bool:
    """Whether the caller of the function that asks is the module's own code."""
    return _is_product(sys._getframe(2).f_code.co_filename)


@cache
def _is_product(file: str) -> bool:
    return _PRODUCT.search(file) is not None


def check(name: str, attribute: str, use: str) -> None:
    """See `offer.refusal`.

    Raises:
        AttributeError: as PythonQt does.
    """
    if reason := offer.refusal(name, attribute, use):
        raise AttributeError(reason)


def _patch_reading(kind: type) -> None:
    """Let objects offer what they offer in Slicer, ``connect`` and ``disconnect`` as PythonQt has them."""
    plain = kind.__getattribute__

    def read(self: Any, name: str) -> Any:
        own = type(self).__name__
        # while a method of an object that Python made runs, Qt itself looks for overrides of virtual ones
        mine = by_product() and name[0] != "_" and name in sys._getframe(1).f_code.co_names
        if mine:
            check(own, name, "read")
        if name in ("connect", "disconnect") and isinstance(self, QtCore.QObject):
            way = _connect if name == "connect" else _disconnect
            return lambda signature, slot: (mine and check(own, signature, "connect"), way(self, signature, slot))[1]
        value = plain(self, name)
        if mine and callable(value) and (offered := offer.find(own)) and name in _properties(offered):
            return value()  # no property of Qt's meta-object, or one with a virtual getter
        return value

    kind.__getattribute__ = read


def _properties(offered: offer.Offer) -> frozenset[str]:
    virtual = {name for _kind, name in _VIRTUAL}
    return offered.rw | offered.ro | offered.other & virtual


def _write(self: Any, name: str, value: Any) -> None:
    """Replace PySide's ``__setattr__``, which each class defines and which cannot be called from here."""
    if by_product():
        check(type(self).__name__, name, "assign")
    found = next((vars(kind)[name] for kind in type(self).__mro__ if name in vars(kind)), None)
    if isinstance(found, QtCore.Property):  # of a stand-in
        QtCore.QObject.setProperty(self, name, value)
    elif hasattr(found, "__set__"):
        found.__set__(self, value)
    else:
        vars(self)[name] = value


class Checked:
    """A test double that is not a QObject: the product finds the names that Slicer's own has, by ``measured_as``."""

    measured_as = ""

    def __getattribute__(self, name: str) -> Any:
        if by_product() and name[0] != "_":
            check(type(self).measured_as, name, "read")
        return super().__getattribute__(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if by_product():
            check(type(self).measured_as, name, "assign")
        super().__setattr__(name, value)


def _property(name: str) -> property:
    def read(self: Any) -> Any:
        return QtCore.QObject.property(self, name)

    def write(self: Any, value: Any) -> None:
        if not QtCore.QObject.setProperty(self, name, value):
            raise AttributeError(f"{type(self).__name__}.{name} cannot be {value!r}")

    return property(read, write)


def _patch_properties(kind: type) -> None:
    meta, known = kind.staticMetaObject, offer.classes().get(f"qt.{kind.__name__}")
    for index in range(meta.propertyOffset(), meta.propertyCount()):
        name = meta.property(index).name()
        if (kind.__name__, name) not in _VIRTUAL and (known is None or name not in known.slots):
            setattr(kind, name, _property(name))


def _patch() -> None:
    for module in (QtCore, QtGui, QtWidgets):
        for kind in (getattr(module, name) for name in dir(module)):  # PySide makes classes when they are asked for
            if isinstance(kind, type) and issubclass(kind, QtCore.QObject):
                _patch_properties(kind)
                kind.__setattr__ = _write
                if "__getattribute__" in vars(kind):
                    _patch_reading(kind)
            elif isinstance(kind, type) and f"qt.{kind.__name__}" in offer.classes():
                kind.__setattr__ = _write
                _patch_reading(kind)


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


class _Qt(ModuleType):
    """Its classes are there for the product when they were measured."""

    def __getattribute__(self, name: str) -> Any:
        if name[0] != "_" and by_product():
            offer.find(f"qt.{name}")
        return super().__getattribute__(name)


def _module(name: str, *sources: ModuleType) -> ModuleType:
    module = _Qt(name)
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
        QtCore.QObject.className = lambda self: type(self).staticMetaObject.className()
        QtCore.QObject.delete = QtCore.QObject.deleteLater
        sys.modules["qt"] = _module("qt", QtCore, QtGui, QtWidgets, QtUiTools)
        sys.modules["qt"].QUiLoader = UiLoader
        sys.modules["ctk"] = ModuleType("ctk")
        sys.excepthook = _on_fault
    return application
