"""Slices to review, worst first; clicking one shows it in all views of the volume."""

from collections.abc import Mapping, Sequence
from typing import Any

import slicer
from slicer.i18n import tr as _

from ... import scene
from ...errors import DINSegmentError
from ...messages import from_json
from ...notices import Severity
from ..notice_rows import NoticeRows
from ..session import Session
from ..tables import Column, fill
from ..translation import told

_MOST = 5  # visible rows


class ReviewSection:
    """Lists the slices with the most expected errors; empty while another volume or output is selected.

    Args:
        ui: the panel's widgets.
        session: the current selection.
    """

    def __init__(self, ui: Any, session: Session) -> None:
        self.ui, self.session, table = ui, session, ui.reviewTable
        self._doubts: Sequence[Mapping[str, Any]] = ()
        self._notices = NoticeRows(ui.reviewNotices)
        table.connect("cellClicked(int,int)", self.onSlice)
        table.connect("currentCellChanged(int,int,int,int)", self.onSlice)
        self.clear()

    def clear(self) -> None:
        """Clear the list."""
        self._show((), _("Slices to review are listed here after a run."))

    def show(self, doubts: Sequence[Mapping[str, Any]]) -> None:
        """List slices in the form that the worker sends, see `worker.protocol`."""
        none = _("No slices to review: fewer than one wrong voxel is expected in each slice.")
        self._show(doubts, _("Click a row to show the slice in all views.") if doubts else none)

    def _show(self, doubts: Sequence[Mapping[str, Any]], text: str) -> None:
        table, framed = self.ui.reviewTable, any(one["frame"] is not None for one in doubts)
        columns = [
            Column(_("Frame / slice"), _("Frame / slice")) if framed else Column(_("Slice"), _("Slice")),
            Column(_("Structure"), _("Structure")),
            Column(_("Expected errors"), _("Expected errors (voxels)")),
        ]
        rows = [
            [
                f"{one['frame'] + 1} / {one['slice'] + 1}" if framed else str(one["slice"] + 1),
                one["structure"],
                f"{one['expected_errors']:.0f}",
            ]
            for one in doubts
        ]
        with self.session.quietly():
            fill(table, columns, rows, wide=1, most=_MOST)
        table.visible = bool(doubts)
        self.ui.reviewLabel.text = text
        self._notices.show(())
        self._doubts = doubts

    def onSlice(self, row: int, *cell: int) -> None:
        """Show the slice and frame of a row in the views, and why it is listed."""
        session = self.session
        if session.deaf or not 0 <= row < len(self._doubts) or session.volume is None:
            return
        doubt, volume = self._doubts[row], session.volume
        self.ui.reviewLabel.text = told(from_json(doubt["text"]))
        cine = scene.find_cine(volume)
        if doubt["frame"] is not None and cine is not None:
            cine.go_to(doubt["frame"])
        try:
            self._go(volume, doubt["axis"], doubt["slice"])
        except DINSegmentError as error:
            self._notices.show([(Severity.WARNING, told(error))])

    def step(self, by: int) -> None:
        """Go to the next slice of the list, or with -1 to the previous one; start with the first."""
        row = self.ui.reviewTable.currentRow() + by
        if 0 <= row < len(self._doubts):
            self.ui.reviewTable.setCurrentCell(row, 0)

    def _go(self, volume: Any, axis: int, index: int) -> None:
        """Show a slice; if no view is in its plane, turn one and report that.

        Raises:
            DINSegmentError: the volume cannot be read.
        """
        others = self.session.enhanced
        if scene.show_slice(volume, axis, index, others):
            return
        view, text = scene.turn_to_slices(volume, axis), _("View {view} was turned to the slices of this volume.")
        if view is None:
            layout = slicer.app.layoutManager()
            layout.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
            slicer.app.processEvents()  # new views get their real size only then
            view = scene.turn_to_slices(volume, axis)
            text = _("The layout was changed, because it had no slice view. View {view} was turned to the slices.")
        scene.show_slice(volume, axis, index, others)
        self._notices.show([(Severity.NOTE, text.format(view=view.GetLayoutName()))])
