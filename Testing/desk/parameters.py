"""Test double of Slicer's parameterNodeWrapper, as far as the panel uses it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import vtk


@dataclass(frozen=True)
class WithinRange:
    """A validator: numbers from ``minimum`` to ``maximum``."""

    minimum: float
    maximum: float

    def validate(self, value: float) -> None:
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"{value} is outside [{self.minimum}, {self.maximum}]")


@dataclass(frozen=True)
class _Kind:
    """The type of a parameter: how it is kept in a node."""

    type: type
    validators: tuple[Any, ...]
    default: Any

    @property
    def is_node(self) -> bool:
        return issubclass(self.type, vtk.vtkObject)


def parameterNodeWrapper(wrapped: type) -> type:
    """Make typed attributes of a ``vtkMRMLScriptedModuleNode`` of a class's annotations."""
    kinds = {}
    for name, hint in get_type_hints(wrapped, include_extras=True).items():
        plain, *validators = get_args(hint) if get_origin(hint) is Annotated else (hint,)
        kinds[name] = _Kind(plain, tuple(validators), getattr(wrapped, name, None))

    def begin(self: Any, parameterNode: Any) -> None:
        self.parameterNode = parameterNode
        self._bindings = {}
        for name, kind in kinds.items():
            if not kind.is_node and not parameterNode.GetParameter(name):
                setattr(self, name, kind.default)

    wrapped.__init__ = begin
    wrapped.connectParametersToGui, wrapped.disconnectGui = _connect, _disconnect
    for name, kind in kinds.items():
        setattr(wrapped, name, _attribute(name, kind))
    return wrapped


def _attribute(name: str, kind: _Kind) -> property:
    def read(self: Any) -> Any:
        if kind.is_node:
            return self.parameterNode.GetNodeReference(name)
        text = self.parameterNode.GetParameter(name)
        return text == "true" if kind.type is bool else kind.type(text)

    def write(self: Any, value: Any) -> None:
        if kind.is_node:
            if value is not None and not isinstance(value, kind.type):
                raise ValueError(f"{name} is no {kind.type.__name__}")
            self.parameterNode.SetNodeReferenceID(name, value.GetID() if value is not None else None)
            return
        if not isinstance(value, (int, float) if kind.type is float else kind.type):
            raise TypeError(f"{name} is no {kind.type.__name__}")
        for validator in kind.validators:
            validator.validate(value)
        self.parameterNode.SetParameter(name, str(value).lower() if kind.type is bool else str(value))

    return property(read, write)


_BY_WIDGET: dict[str, tuple[str, Callable[[Any], Any], Callable[[Any, Any], None]]] = {
    "QCheckBox": ("toggled(bool)", lambda w: w.checked, lambda w, v: setattr(w, "checked", v)),
    "QSpinBox": ("valueChanged(int)", lambda w: w.value, lambda w, v: setattr(w, "value", v)),
    "QDoubleSpinBox": ("valueChanged(double)", lambda w: w.value, lambda w, v: setattr(w, "value", v)),
    "ctkSliderWidget": ("valueChanged(double)", lambda w: w.value, lambda w, v: setattr(w, "value", v)),
    "qMRMLNodeComboBox": (
        "currentNodeChanged(vtkMRMLNode*)", lambda w: w.currentNode(), lambda w, v: w.setCurrentNode(v),
    ),
}  # fmt: skip


def _connect(self: Any, widgets: dict[str, Any]) -> int:
    """Bind a widget to each parameter, both ways; the node's value is shown first."""
    tag = len(self._bindings) + 1
    self._bindings[tag] = [_bind(self, widget, name) for name, widget in widgets.items()]
    return tag


def _bind(self: Any, widget: Any, name: str) -> Callable[[], Any]:
    signal, read, write = _BY_WIDGET[widget.className()]

    def to_node(*values: Any) -> None:
        if getattr(self, name) != read(widget):
            setattr(self, name, read(widget))

    def to_widget(*_: Any) -> None:
        if getattr(self, name) != read(widget):
            write(widget, getattr(self, name))

    to_widget()
    widget.connect(signal, to_node)
    node = self.parameterNode
    tag = node.AddObserver(vtk.vtkCommand.ModifiedEvent, to_widget)

    def undo() -> None:
        widget.disconnect(signal, to_node)
        node.RemoveObserver(tag)

    return undo


def _disconnect(self: Any, tag: int) -> None:
    for undo in self._bindings.pop(tag):
        undo()
