"""Tables of the panel: as high as their rows, narrow on the screen, whole in the files that they are exported to."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import qt

_FRAME = 2  # pixels above and below the rows together


@dataclass(frozen=True)
class Column:
    """A column's heading in the narrow panel, and in full for its tooltip and for exported files."""

    short: str
    full: str


def fill(table: Any, columns: Sequence[Column], rows: Sequence[Sequence[str]], wide: int = 0, most: int = 0) -> None:
    """Show rows of texts, which cannot be edited.

    Args:
        table: a QTableWidget.
        columns: its headings.
        rows: a text for each column.
        wide: the column that takes the width that is left; the others are as wide as their texts.
        most: rows that are seen at once, the rest by scrolling; 0: all are.
    """
    head(table, columns, wide)
    table.setRowCount(len(rows))
    for row, texts in enumerate(rows):
        for index, text in enumerate(texts):
            item = qt.QTableWidgetItem(text)
            item.setFlags(qt.Qt.ItemIsSelectable | qt.Qt.ItemIsEnabled)
            item.setToolTip(text)
            table.setItem(row, index, item)
    fit(table, most)


def head(table: Any, columns: Sequence[Column], wide: int = 0) -> None:
    """Write the headings; one column takes the width that is left, the others are as wide as their texts."""
    table.setColumnCount(len(columns))
    table.setHorizontalHeaderLabels([column.short for column in columns])
    for index, column in enumerate(columns):
        table.horizontalHeaderItem(index).setToolTip(column.full)
    header = table.horizontalHeader()
    header.setMinimumSectionSize(16)
    header.setStretchLastSection(False)
    for index in range(len(columns)):
        header.setSectionResizeMode(index, qt.QHeaderView.Stretch if index == wide else qt.QHeaderView.ResizeToContents)


def fit(table: Any, most: int = 0) -> None:
    """Make a table as high as its rows, or as this many of them; 0: all."""
    table.resizeRowsToContents()
    shown = min(table.rowCount, most) if most else table.rowCount
    height = sum(table.rowHeight(row) for row in range(shown))
    header = table.horizontalHeader()
    table.setFixedHeight((0 if header.isHidden() else header.sizeHint.height()) + height + _FRAME)


def export(columns: Sequence[Column], rows: Sequence[Sequence[str]], path: Path) -> None:
    """Write a table, full headings first, in UTF-8.

    Raises:
        OSError: the file cannot be written.
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([[column.full for column in columns], *rows])


def number(value: float | None) -> str:
    """With one decimal; a dash for what is not known."""
    return "-" if value is None else f"{value:.1f}"


def span(low: float | None, high: float | None) -> str:
    """A range, or nothing where it is not known."""
    return "" if low is None or high is None else f"{low:.1f} - {high:.1f}"
