"""Cardiac function of a cine: figures, frames, the curve, and the export of the tables."""

from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from ... import scene
from ...errors import InputError
from ...measure import CardiacFunction
from ..person import Person
from ..session import Session
from ..tables import Column, export, fill, number, span
from ..translation import told


class FunctionSection:
    """Connects the tables of cardiac function and of frames, the curve, and Export.

    Args:
        ui: the panel's widgets.
        session: what is chosen.
    """

    def __init__(self, ui: Any, session: Session) -> None:
        self.ui, self.session = ui, session
        self._cine: scene.Cine | None = None
        self._measured: CardiacFunction | None = None  # without heart rate and body
        self.person = Person(ui, session, self._show_figures)
        ui.framesTable.connect("cellClicked(int,int)", self.onFrame)
        ui.framesTable.connect("currentCellChanged(int,int,int,int)", self.onFrame)
        ui.curveButton.connect("clicked()", self.onCurve)
        ui.exportButton.connect("clicked()", self.onExport)
        self.clear()

    def clear(self) -> None:
        """Nothing was measured in what is shown."""
        self._cine = self._measured = None
        for table in (self.ui.functionTable, self.ui.framesTable):
            table.setRowCount(0)
        self.ui.functionGroup.visible = False
        for button in (self.ui.reportButton, self.ui.databaseButton, self.ui.exportButton):
            button.enabled = False

    def show(self, cine: scene.Cine | None, found: CardiacFunction) -> list[str]:
        """What was measured, without heart rate and body, which are the panel's; sentences that go with it."""
        self._cine, self._measured = cine, found
        phases = {found.ed_frame: _("end-diastole"), found.es_frame: _("end-systole")}
        frames = [
            (
                str(row["frame"]),
                number(row["time_ms"]),
                *(number(row[name]) for name in ("lv_ml", "rv_ml", "myocardium_ml")),
                phases.get(index, ""),
            )
            for index, row in enumerate(found.curve())
        ]
        columns = [
            Column(_("Frame"), _("Frame")),
            Column(_("ms"), _("Time (ms)")),
            Column(_("LV"), _("LV (ml)")),
            Column(_("RV"), _("RV (ml)")),
            Column(_("Myo"), _("Myocardium (ml)")),
            Column(_("Phase"), _("Phase")),
        ]
        with self.session.quietly():
            fill(self.ui.framesTable, columns, frames, wide=len(columns) - 1)
        self.ui.functionGroup.visible = True
        for button in (self.ui.reportButton, self.ui.databaseButton, self.ui.exportButton):
            button.enabled = True
        self._show_figures()
        return [told(one.text) for one in found.notices]

    def _show_figures(self) -> None:
        """The table of figures, with those that need heart rate, height and weight where these are known."""
        if (measured := self._measured) is None:
            return
        found = measured
        try:
            found = measured.for_person(*self.person.figures)
            self.person.tell([told(one.text) for one in found.notices[len(measured.notices) :]])
        except InputError as error:
            self.person.tell([told(error)])
        figures = [
            (told(row["quantity"]), number(row["value"]), row["unit"], span(row["low"], row["high"]))
            for row in found.rows()
        ]
        columns = [
            Column(_("Quantity"), _("Quantity")),
            Column(_("Value"), _("Value")),
            Column(_("Unit"), _("Unit")),
            Column(_("Range"), _("Range, ±1 basal slice")),
        ]
        fill(self.ui.functionTable, columns, figures)

    def onFrame(self, row: int, *cell: int) -> None:
        """Show the frame of a row in the views."""
        cine = self._cine
        if cine is None or self.session.deaf or row < 0:
            return
        if slicer.mrmlScene.IsNodePresent(cine.browser):
            cine.go_to(row)

    def onCurve(self) -> None:
        chart = scene.curve_chart(self.session.output) if self.session.output is not None else None
        if chart is None:
            self.session.say(_("The curve is no longer available: segment the sequence again."))
            return
        slicer.modules.plots.logic().ShowChartInLayout(chart)

    def onExport(self) -> None:
        ui = self.ui
        title, kinds = _("Export the tables"), _("Tables (*.csv)")
        name = qt.QFileDialog.getSaveFileName(None, title, "volumes.csv", kinds)
        if not name:
            return
        path = Path(name).with_suffix(".csv")
        try:
            if not ui.functionTable.rowCount:
                export(ui.statisticsTable, path)
            else:
                export(ui.functionTable, path)
                export(ui.framesTable, path.with_name(f"{path.stem}-frames.csv"))
        except OSError as error:
            self.session.say(
                _("The tables cannot be written ({reason}): choose another folder.").format(reason=error.strerror)
            )
            return
        self.session.say(_("Exported."))
