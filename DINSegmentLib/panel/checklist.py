"""A modeless window with a list of checkboxes, a progress bar and buttons."""

from collections.abc import Callable, Sequence
from typing import Any

import qt
from slicer.i18n import tr as _

from .tables import Column

_SIZE = 760, 440  # pixels


class Checklist:
    """A list of rows with a checkbox in the first column.

    Args:
        parent: QWidget above which the window opens.
        title: title of the window.
        columns: headings; the last column takes the remaining width.
        actions: texts of the buttons; the last is the default. They are disabled while no row is checked.
        on_action: called with the index of the button and the keys of the checked rows, in order.
        on_closed: called when the user has closed or canceled the window.
    """

    def __init__(
        self,
        parent: Any,
        title: str,
        columns: Sequence[Column],
        actions: Sequence[str],
        on_action: Callable[[int, list[Any]], None],
        on_closed: Callable[[], None],
    ) -> None:
        self._on_action, self._on_closed, self._keys, self._locked = on_action, on_closed, list[Any](), False
        self._dialog = qt.QDialog(parent)
        self._dialog.windowTitle = title
        self._dialog.setModal(True)
        self._dialog.resize(*_SIZE)
        layout = qt.QVBoxLayout(self._dialog)
        self.label, self.table, self.progress = qt.QLabel(), qt.QTableWidget(), qt.QProgressBar()
        self.label.wordWrap = True
        self._lay_out_table(columns)
        for widget in (self.label, self.table, self.progress):
            layout.addWidget(widget)
        row = qt.QHBoxLayout()
        row.addStretch(1)
        self.buttons = [self._button(row, text, index) for index, text in enumerate(actions)]
        self.buttons[-1].setDefault(True)
        self.cancel_button = self._button(row, _("Cancel"), None)
        layout.addLayout(row)
        self._dialog.connect("rejected()", self.on_rejected)
        self.show_progress(None)

    def show(self) -> None:
        """Open the window without waiting."""
        self._enable()
        self._dialog.show()

    def close(self) -> None:
        """Close the window without calling ``on_closed``."""
        self._on_closed = lambda: None
        self._dialog.reject()
        self._dialog.deleteLater()

    def add(self, key: Any, texts: Sequence[str], checked: bool | None) -> None:
        """Add a row.

        Args:
            key: passed to ``on_action``.
            texts: one for each column.
            checked: initial state; None if the row cannot be checked.
        """
        row = len(self._keys)
        self._keys.append(key)
        self.table.blockSignals(True)
        self.table.insertRow(row)
        for column, text in enumerate(texts):
            item = qt.QTableWidgetItem(text)
            item.setToolTip(text)
            if checked is None:
                item.setFlags(qt.Qt.ItemIsSelectable)
            elif column == 0:
                item.setFlags(qt.Qt.ItemIsSelectable | qt.Qt.ItemIsEnabled | qt.Qt.ItemIsUserCheckable)
                item.setCheckState(qt.Qt.Checked if checked else qt.Qt.Unchecked)
            else:
                item.setFlags(qt.Qt.ItemIsSelectable | qt.Qt.ItemIsEnabled)
            self.table.setItem(row, column, item)
        self.table.blockSignals(False)
        self._enable()

    def say(self, text: str) -> None:
        """Show a sentence above the list."""
        self.label.text = text

    def lock(self) -> None:
        """Disable everything except Cancel, while the request is carried out."""
        self._locked = True
        self.table.enabled = False
        self._enable()

    def show_progress(self, done: float | None) -> None:
        """Show progress from 0 to 1; below 0: unknown; None: no work in progress."""
        self.progress.visible = done is not None
        self.progress.maximum = 0 if done is None or done < 0 else 1000
        self.progress.value = round(1000 * max(0.0, done or 0.0))

    def checked(self) -> list[Any]:
        """The keys of the checked rows, in order."""
        return [key for row, key in enumerate(self._keys) if self.table.item(row, 0).checkState() == qt.Qt.Checked]

    def on_rejected(self) -> None:
        self._on_closed()

    def _lay_out_table(self, columns: Sequence[Column]) -> None:
        table = self.table
        table.setColumnCount(len(columns))
        table.setHorizontalHeaderLabels([column.short for column in columns])
        for index, column in enumerate(columns):
            table.horizontalHeaderItem(index).setToolTip(column.full)
            last = index == len(columns) - 1
            fit = qt.QHeaderView.Stretch if last else qt.QHeaderView.ResizeToContents
            table.horizontalHeader().setSectionResizeMode(index, fit)
        table.verticalHeader().setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        table.verticalHeader().hide()
        table.connect("itemChanged(QTableWidgetItem*)", self.on_changed)

    def on_changed(self, item: Any) -> None:
        self._enable()

    def _button(self, row: Any, text: str, index: int | None) -> Any:
        button = qt.QPushButton(text)
        row.addWidget(button)
        if index is None:
            button.connect("clicked()", self._dialog.reject)
        else:
            button.connect("clicked()", lambda: self._on_action(index, self.checked()))
        return button

    def _enable(self) -> None:
        some = not self._locked and bool(self.checked())
        for button in self.buttons:
            button.enabled = some
