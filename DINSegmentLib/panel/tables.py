"""Tables of the panel, with short headings on screen and full headings in exported files."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import qt

_FRAME = 2  # pixels above and below the rows in total


@dataclass(frozen=True)
class Column:
    """Heading of a column in the narrow panel, and in full for its tooltip and exported files."""

    short: str
    full: str


Table = tuple[Sequence[Column], Sequence[Sequence[str]]]
"""Headings and rows, with a text for each heading."""


def fill(table: Any, columns: Sequence[Column], rows: Sequence[Sequence[str]], wide: int = 0, most: int = 0) -> None:
    """Show rows of text that cannot be edited.

    Args:
        table: a QTableWidget.
        columns: headings.
        rows: a text for each column.
        wide: index of the column that takes the remaining width; the others fit their texts.
        most: number of visible rows, with scrolling for the rest; 0 shows all.
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
    """Set the headings; one column takes the remaining width, the others fit their texts."""
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
    """Make a table as high as its rows, but at most ``most`` rows; 0 for all."""
    table.resizeRowsToContents()
    shown = min(table.rowCount, most) if most else table.rowCount
    height = sum(table.rowHeight(row) for row in range(shown))
    header = table.horizontalHeader()
    table.setFixedHeight((0 if header.isHidden() else header.sizeHint.height()) + height + _FRAME)


def export(tables: Mapping[Path, Table]) -> None:
    """Write tables with full headings as CSV in UTF-8: all files, which are in one folder, or none.

    Raises:
        OutputError: a file cannot be written.
    """
    from ..io import outputs  # takes a while to import

    with outputs.beside(list(tables)) as folder:
        for path, (columns, rows) in tables.items():
            with (folder / path.name).open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows([[column.full for column in columns], *rows])


def number(value: float | None) -> str:
    """Format with one decimal; a dash if unknown."""
    return "-" if value is None else f"{value:.1f}"


def span(low: float | None, high: float | None) -> str:
    """Format a range; empty if unknown."""
    return "" if low is None or high is None else f"{low:.1f} - {high:.1f}"
