"""Contents of the panel's lists (models, devices, enhancement methods), and labels that hide when empty."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import qt
from slicer.i18n import tr as _

from ..model import Model
from ..model.enhancement import METHODS
from .translation import told

AUTO = "auto"
_LONGEST = 30  # characters per row that fit into Slicer's narrowest panel


def follow_nodes(nodes: Any, slot: Callable[[Any], None]) -> None:
    """Connect a list of nodes with a slot, which is called when another node is chosen, or None; Slicer's lists also
    report the chosen node each time it is renamed, as the volume of some cines is for each frame.
    """
    reported: list[Any] = [nodes.currentNode()]

    def on_report(node: Any) -> None:
        if node is not reported[0]:
            reported[0] = node
            slot(node)

    nodes.connect("currentNodeChanged(vtkMRMLNode*)", on_report)


def fill_models(selector: Any, models: Mapping[str, Model]) -> None:
    """Fill a list with `AUTO` and all models of the catalog, with details in tooltips."""
    selector.clear()
    _add(selector, 0, _("Auto"), AUTO, "")
    for row, model in enumerate(models.values(), start=1):
        title = model.title if model.modality in model.title.split() else f"{model.title} ({model.modality})"
        _add(selector, row, title, model.id, _about(model))


def name_automatic(selector: Any, model: Model) -> None:
    """Name the model that `AUTO` selects for the volume."""
    row = selector.findData(AUTO)
    selector.setItemText(row, _short(_("Auto: {title}").format(title=model.title)))
    selector.setItemData(row, _about(model), qt.Qt.ToolTipRole)
    show_tip(selector)


def _about(model: Model) -> str:
    structures = ", ".join(label.name for label in model.labels)
    mean = model.validation.get("dice", {}).get("mean")
    lines = [f"{model.title}, {model.id} {model.version}", _("Structures: {names}").format(names=structures)]
    if mean is not None:
        data = model.validation.get("data", "")
        lines.append(_("Validation: mean Dice {mean:.3f} ({data})").format(mean=mean, data=data))
    return "\n".join([*lines, _("License: {licence}").format(licence=model.licence)])


def fill_devices(selector: Any, found: Sequence[Mapping[str, str]], chosen: str) -> None:
    """Fill a list with ``auto``, named after the device it selects, and all devices, with reasons as tooltips; before
    devices are known, with ``auto`` only."""
    selector.clear()
    unknown = _("Auto (not detected yet)")
    first, *others = found or [{"name": AUTO, "short": unknown, "reason": unknown}]
    _add(selector, 0, told(first["short"]), AUTO, told(first["reason"]))
    for row, one in enumerate(others, start=1):
        _add(selector, row, one["name"], one["name"], told(one["reason"]))
    choose(selector, chosen)


def show_tip(selector: Any) -> None:
    """Copy the tooltip of the selected item to the list itself, for when it is closed."""
    selector.toolTip = selector.itemData(selector.currentIndex, qt.Qt.ToolTipRole) or ""


def _add(selector: Any, row: int, text: str, data: str, tip: str) -> None:
    """Add a row whose text is shortened to fit the panel; its tooltip has the full text."""
    selector.addItem(_short(text), data)
    selector.setItemData(row, tip, qt.Qt.ToolTipRole)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1].rstrip()}…"


def fill_methods(selector: Any, model: Model) -> None:
    """Fill a list with all methods and their descriptions as tooltips; mark those outside the model's training."""
    selector.clear()
    for row, (name, method) in enumerate(METHODS.items()):
        known = name in model.enhancement.trained_methods
        selector.addItem(name if known else _("{method} (not trained)").format(method=name), name)
        selector.setItemData(row, told(method.summary), qt.Qt.ToolTipRole)


def tell(label: Any, text: str) -> None:
    """Show a text; hide the label if the text is empty."""
    label.text = text
    label.visible = bool(text)


def choose(selector: Any, value: str) -> bool:
    """Select the row with this data; if there is none, select the first row, `AUTO`, and return False."""
    row = selector.findData(value)
    selector.currentIndex = max(row, 0)
    return row >= 0
