"""The slices to review: the worst first, a click goes there in all views of the volume."""

from collections.abc import Mapping, Sequence
from typing import Any

from slicer.i18n import tr as _

from ... import scene
from ...errors import DINSegmentError
from ...messages import from_json
from ..session import Session
from ..tables import Column, fill
from ..translation import told


class ReviewSection:
    """Lists the slices where the last run expects most errors; none while another volume or output is chosen.

    Args:
        ui: the panel's widgets.
        session: what is chosen.
    """

    def __init__(self, ui: Any, session: Session) -> None:
        self.ui, self.session, table = ui, session, ui.reviewTable
        self._doubts: Sequence[Mapping[str, Any]] = ()
        table.connect("cellClicked(int,int)", self.onSlice)
        table.connect("currentCellChanged(int,int,int,int)", self.onSlice)
        self.clear()

    def clear(self) -> None:
        """Nothing was segmented in what is shown."""
        self._show((), _("Slices to review are listed here after a run."))

    def show(self, doubts: Sequence[Mapping[str, Any]]) -> None:
        """List slices as the worker sent them, see `worker.protocol`."""
        none = _("No slices to review: fewer than one wrong voxel is expected in each slice.")
        if doubts:
            self.ui.reviewGroup.collapsed = False
        self._show(doubts, _("Click a row to show the slice in all views.") if doubts else none)

    def _show(self, doubts: Sequence[Mapping[str, Any]], text: str) -> None:
        table, framed = self.ui.reviewTable, any(one["frame"] is not None for one in doubts)
        place = Column(_("Fr. / Sl."), _("Frame / slice")) if framed else Column(_("Slice"), _("Slice"))
        columns = [
            place,
            Column(_("Structure"), _("Structure")),
            Column(_("Errors"), _("Expected errors (voxels)")),
            Column(_("Reason"), _("Reason")),
        ]
        rows = [
            [
                f"{one['frame'] + 1} / {one['slice'] + 1}" if framed else str(one["slice"] + 1),
                one["structure"],
                f"{one['expected_errors']:.0f}",
                told(from_json(one["text"])),
            ]
            for one in doubts
        ]
        with self.session.quietly():
            fill(table, columns, rows, wide=len(columns) - 1)
        table.visible = bool(doubts)
        self.ui.reviewLabel.text = text
        self._doubts = doubts

    def onSlice(self, row: int, *cell: int) -> None:
        """Show the slice of a row in the views, and its frame."""
        session = self.session
        if session.deaf or not 0 <= row < len(self._doubts) or session.volume is None:
            return
        doubt, volume = self._doubts[row], session.volume
        cine = scene.find_cine(volume)
        if doubt["frame"] is not None and cine is not None:
            cine.go_to(doubt["frame"])
        try:
            seen = scene.show_slice(volume, doubt["axis"], doubt["slice"], session.enhanced)
        except DINSegmentError as error:
            session.say(told(error))
            return
        if not seen:
            session.say(
                _("No view is aligned with the slices of this volume. Click Compare side by side, then try again.")
            )
