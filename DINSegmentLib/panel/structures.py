"""Table of structures: visibility, color, name, volume and mean intensity."""

from collections.abc import Mapping, Sequence
from typing import Any

import qt
from slicer.i18n import tr as _

from ..scene.segments import segment_id
from .tables import Column, fit, head, number

_SHOWN, _COLOR, _NAME, _FIGURES = 0, 1, 2, (3, 4)
_SWATCH = 14  # pixels
_OLD = "…"  # shown instead of outdated values


class StructureTable:
    """Shows the segments of a segmentation and follows them; a click shows or hides, a double click renames.

    Args:
        table: a QTableWidget.
    """

    def __init__(self, table: Any) -> None:
        self._table = table
        self._node: Any = None
        self._tags: list[int] = []
        self._figures: dict[str, tuple[str, str]] = {}  # by segment ID
        self._rows: list[tuple[Any, ...]] = []  # as returned by `_read`
        self._filling = False
        table.connect("itemChanged(QTableWidgetItem*)", self.onItem)
        self._fill()

    def follow(self, node: Any) -> None:
        """Show the segments of another segmentation, without values; None to show none."""
        for tag in self._tags:
            self._node.RemoveObserver(tag)
        self._node, self._tags, self._figures = node, [], {}
        if node is not None:
            kinds = node.GetSegmentation()  # the node forwards its events
            events = kinds.SegmentAdded, kinds.SegmentRemoved, kinds.SegmentModified, node.DisplayModifiedEvent
            self._tags = [node.AddObserver(event, self._look) for event in events]
        self._fill()

    def show_figures(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Show the volumes and means of `measure.StructureStatistics`; without rows, clear them."""
        figures = {segment_id(one["value"]): (number(one["volume_ml"]), number(one["mean"])) for one in rows}
        if figures != self._figures:
            self._figures = figures
            self._fill()

    def outdate(self) -> None:
        """Show an ellipsis in place of values from before an edit, until new ones are available."""
        self._figures = {one: (_OLD, _OLD) for one in self._figures}
        self._fill()

    def onItem(self, item: Any) -> None:
        """Called when the user has shown, hidden or renamed a structure."""
        if self._filling or self._node is None or not 0 <= item.row() < len(self._rows):
            return
        identity, name, _color, _shown = self._rows[item.row()]
        self._filling = True  # the item must not be replaced during its own signal
        if item.column() == _SHOWN:
            self._node.GetDisplayNode().SetSegmentVisibility(identity, item.checkState() == qt.Qt.Checked)
        elif item.column() == _NAME:
            name = item.text().strip() or name
            self._node.GetSegmentation().GetSegment(identity).SetName(name)
            item.setText(name)
        self._filling = False
        self._rows = self._read()

    def _look(self, node: Any, event: Any) -> None:
        if not self._filling and self._read() != self._rows:
            self._fill()

    def _read(self) -> list[tuple[Any, ...]]:
        """Return ID, name, color and visibility of each segment."""
        if self._node is None:
            return []
        segmentation, display = self._node.GetSegmentation(), self._node.GetDisplayNode()
        found = []
        for index in range(segmentation.GetNumberOfSegments()):
            identity = segmentation.GetNthSegmentID(index)
            segment = segmentation.GetSegment(identity)
            shown = display is not None and bool(display.GetSegmentVisibility(identity))
            found.append((identity, segment.GetName(), segment.GetColor(), shown))
        return found

    def _fill(self) -> None:
        self._filling = True
        table, self._rows = self._table, self._read()
        columns = [Column("", _("Visible")), Column("", _("Color")), *statistics_table(())[0]]
        head(table, columns, wide=_NAME)
        table.setRowCount(len(self._rows))
        for row, values in enumerate(self._rows):
            self._fill_row(row, *values)
        for column in _FIGURES:
            table.setColumnHidden(column, not self._figures)
        table.horizontalHeader().setVisible(bool(self._figures))
        fit(table)
        self._filling = False

    def _fill_row(self, row: int, identity: str, name: str, color: tuple[float, ...], is_shown: bool) -> None:
        shown, swatch, named = (qt.QTableWidgetItem(text) for text in ("", "", name))
        shown.setFlags(qt.Qt.ItemIsUserCheckable | qt.Qt.ItemIsEnabled)
        shown.setCheckState(qt.Qt.Checked if is_shown else qt.Qt.Unchecked)
        swatch.setFlags(qt.Qt.ItemIsEnabled)
        swatch.setIcon(qt.QIcon(_swatch(color)))
        named.setFlags(qt.Qt.ItemIsSelectable | qt.Qt.ItemIsEnabled | qt.Qt.ItemIsEditable)
        named.setToolTip(name)
        figures = [qt.QTableWidgetItem(text) for text in self._figures.get(identity, ("-", "-"))]
        for one in figures:
            one.setFlags(qt.Qt.ItemIsSelectable | qt.Qt.ItemIsEnabled)
            one.setTextAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
        for column, item in enumerate((shown, swatch, named, *figures)):
            self._table.setItem(row, column, item)


def statistics_table(rows: Sequence[Mapping[str, Any]]) -> tuple[list[Column], list[tuple[str, str, str]]]:
    """Columns and rows of `measure.StructureStatistics` for export."""
    columns = [
        Column(_("Structure"), _("Structure")),
        Column(_("ml"), _("Volume (ml)")),
        Column(_("Mean"), _("Mean intensity")),
    ]
    return columns, [(one["name"], number(one["volume_ml"]), number(one["mean"])) for one in rows]


def _swatch(color: tuple[float, ...]) -> Any:
    shade, pixmap = qt.QColor(), qt.QPixmap(_SWATCH, _SWATCH)
    shade.setRgbF(*color)
    pixmap.fill(shade)
    return pixmap
