"""The panel's list of slices to look at: the worst first, a click goes there in all views of the volume."""

from collections.abc import Mapping, Sequence
from typing import Any

import qt
from slicer.i18n import tr as _

from .. import scene
from ..errors import DINSegmentError
from ..messages import from_json
from .result import fill
from .translation import told


class Review:
    """Shows what the last run tells of its own doubts; nothing while another volume or output is chosen.

    Args:
        panel: the `Panel`, for its widgets and what is chosen.
    """

    def __init__(self, panel: Any) -> None:
        self.panel, table = panel, panel.ui.reviewTable
        self._doubts: Sequence[Mapping[str, Any]] = ()
        table.verticalHeader().setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        table.connect("cellClicked(int,int)", self.onSlice)
        table.connect("currentCellChanged(int,int,int,int)", self.onSlice)
        self.clear()

    def clear(self) -> None:
        """Nothing was segmented in what is shown."""
        self._show((), _("Segment first: then the slices that are worth a look stand here."))

    def show(self, doubts: Sequence[Mapping[str, Any]]) -> None:
        """List slices as the worker told them, see `worker.protocol`."""
        none = _("No slice is in doubt: the network expects less than one wrong voxel in each.")
        if doubts:
            self.panel.ui.reviewGroup.collapsed = False
        self._show(doubts, _("A click on a row shows the slice in all views.") if doubts else none)

    def _show(self, doubts: Sequence[Mapping[str, Any]], text: str) -> None:
        table, framed = self.panel.ui.reviewTable, any(one["frame"] is not None for one in doubts)
        headings = [_("Slice"), _("Structure"), _("Voxels in doubt"), _("Reason")]
        rows = [
            [str(one["slice"] + 1), one["structure"], f"{one['expected_errors']:.0f}", told(from_json(one["text"]))]
            for one in doubts
        ]
        if framed:
            headings = [_("Frame"), *headings]
            rows = [[str(one["frame"] + 1), *row] for one, row in zip(doubts, rows, strict=True)]
        with self.panel.quietly():
            fill(table, headings, rows)
            for column in range(len(headings) - 1):
                table.resizeColumnToContents(column)
            table.resizeRowsToContents()
        table.visible = bool(doubts)
        self.panel.ui.reviewLabel.text = text
        self._doubts = doubts

    def onSlice(self, row: int, *cell: int) -> None:
        """Show the slice of a row in the views, and its frame."""
        panel = self.panel
        if panel.deaf or not 0 <= row < len(self._doubts) or panel.parameters.inputVolume is None:
            return
        doubt, volume = self._doubts[row], panel.parameters.inputVolume
        cine = scene.find_cine(volume)
        if doubt["frame"] is not None and cine is not None:
            cine.go_to(doubt["frame"])
        try:
            seen = scene.show_slice(volume, doubt["axis"], doubt["slice"], panel.parameters.enhancedVolume)
        except DINSegmentError as error:
            panel.say(told(error))
            return
        if not seen:
            panel.say(_("No view cuts along the slices of the volume: press Compare side by side, then try again."))
