"""Notices in the panel, listed where they apply, with an icon for severity."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from ..notices import Notice, Severity
from .translation import told

_ICON = 16  # pixels

Line = tuple[Severity, str]


def lines_of(notices: Iterable[Notice]) -> list[Line]:
    """Return severity and translated text of notices."""
    return [(one.severity, told(one.text)) for one in notices]


class NoticeRows:
    """Rows of notices in a widget, which is hidden if there are none.

    Args:
        container: a QWidget with a vertical layout.
    """

    def __init__(self, container: Any) -> None:
        self._container = container
        self._rows: list[tuple[Any, Any, Any]] = []  # widgets of each row: the row, its icon, its text
        self.show(())

    def show(self, lines: Iterable[Line]) -> None:
        """Show only these lines, most severe first, without repeating a text."""
        gravest = list(reversed(Severity))
        found = sorted(dict.fromkeys(lines), key=lambda line: gravest.index(line[0]))
        words = {Severity.NOTE: _("Note"), Severity.WARNING: _("Warning"), Severity.PROBLEM: _("Problem")}
        while len(self._rows) < len(found):
            self._rows.append(self._new_row())
        for (row, icon, label), (severity, text) in zip(self._rows, found, strict=False):
            icon.setPixmap(qt.QIcon(str(_icons() / f"{severity.capitalize()}.png")).pixmap(_ICON, _ICON))
            icon.toolTip, label.text = words[severity], text
            row.visible = True
        for row, _icon, _label in self._rows[len(found) :]:
            row.visible = False
        self._container.visible = bool(found)

    def _new_row(self) -> tuple[Any, Any, Any]:
        row = qt.QWidget(self._container)
        layout = qt.QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        icon, label = qt.QLabel(row), qt.QLabel(row)
        icon.setAlignment(qt.Qt.AlignTop)
        label.setTextFormat(qt.Qt.PlainText)
        label.wordWrap = True
        layout.addWidget(icon)
        layout.addWidget(label, 1)
        self._container.layout().addWidget(row)
        return row, icon, label


def _icons() -> Path:
    return Path(slicer.modules.dinsegment.path).parent / "Resources" / "Icons"
