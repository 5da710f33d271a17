"""Tables of the panel: narrow on the screen, whole in the files that they are exported to."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import qt


@dataclass(frozen=True)
class Column:
    """A column's heading in the narrow panel, and in full for its tooltip and for exported files."""

    short: str
    full: str


def fill(table: Any, columns: Sequence[Column], rows: Sequence[Sequence[str]], wide: int = 0) -> None:
    """Show rows of texts, which cannot be edited.

    Args:
        table: a QTableWidget.
        columns: its headings.
        rows: a text for each column.
        wide: the column that takes the width that is left, in as many lines as its texts need.
    """
    table.setColumnCount(len(columns))
    table.setHorizontalHeaderLabels([column.short for column in columns])
    for index, column in enumerate(columns):
        table.horizontalHeaderItem(index).setToolTip(column.full)
    table.setRowCount(len(rows))
    for row, texts in enumerate(rows):
        for index, text in enumerate(texts):
            item = qt.QTableWidgetItem(text)
            item.setFlags(qt.Qt.ItemIsSelectable | qt.Qt.ItemIsEnabled)
            item.setToolTip(text)
            table.setItem(row, index, item)
    table.horizontalHeader().setStretchLastSection(False)
    for index in range(len(columns)):
        fit = qt.QHeaderView.Stretch if index == wide else qt.QHeaderView.ResizeToContents
        table.horizontalHeader().setSectionResizeMode(index, fit)
    table.verticalHeader().setSectionResizeMode(qt.QHeaderView.ResizeToContents)


def export(table: Any, path: Path) -> None:
    """Write a table, full headings first, in UTF-8.

    Raises:
        OSError: the file cannot be written.
    """
    columns = range(table.columnCount)
    headings = [table.horizontalHeaderItem(column).toolTip() for column in columns]
    rows = [[table.item(row, column).text() for column in columns] for row in range(table.rowCount)]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([headings, *rows])


def number(value: float | None) -> str:
    """With one decimal; a dash for what is not known."""
    return "-" if value is None else f"{value:.1f}"


def span(low: float | None, high: float | None) -> str:
    """A range, or nothing where it is not known."""
    return "" if low is None or high is None else f"{low:.1f} - {high:.1f}"
