"""Cardiac function of a cine: ejection fractions, volumes and mass, notices, frames and the curve."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from ... import scene
from ...errors import InputError
from ...measure import CardiacFunction
from ...notices import Notice
from ..notice_rows import NoticeRows, lines_of
from ..person import Person
from ..session import Session
from ..tables import Column, Table, fill, number, span
from ..translation import told

_MOST_FRAMES = 10  # visible rows of the table of frames
_EJECTION = (  # for one ventricle
    '<td><span style="font-size:9pt">{name}</span><br/><span style="font-size:18pt; font-weight:600">{value}</span>'
    '<br/><span style="font-size:9pt">{range}</span></td>'
)


class FunctionSection:
    """Connects ejection fractions, the tables of values and of frames, and the curve.

    Args:
        ui: the panel's widgets.
        session: the current selection.
    """

    def __init__(self, ui: Any, session: Session) -> None:
        self.ui, self.session = ui, session
        self._cine: scene.Cine | None = None
        self._measured: CardiacFunction | None = None  # without heart rate and body surface area
        self._shown: CardiacFunction | None = None  # with them, if known
        self._notices = NoticeRows(ui.functionNotices)
        self.person = Person(ui, session, self._show_figures)
        ui.framesTable.connect("cellClicked(int,int)", self.onFrame)
        ui.framesTable.connect("currentCellChanged(int,int,int,int)", self.onFrame)
        ui.curveButton.connect("clicked()", self.onCurve)
        self.clear()

    def clear(self) -> None:
        """Clear all values."""
        self._cine = self._measured = self._shown = None
        for table in (self.ui.functionTable, self.ui.framesTable):
            table.setRowCount(0)
        self.ui.functionGroup.visible = False
        for button in (self.ui.reportButton, self.ui.databaseButton, self.ui.exportButton):
            button.enabled = False

    def outdate(self) -> None:
        """Show values in gray after an edit, until new ones are available."""
        self._enable(False)

    def _enable(self, enabled: bool) -> None:
        for one in (self.ui.ejectionLabel, self.ui.functionTable, self.ui.framesTable):
            one.enabled = enabled

    def show(self, cine: scene.Cine | None, found: CardiacFunction, notices: Iterable[Notice] = ()) -> None:
        """Show measurements (without heart rate and body surface area, which the panel adds) and their notices."""
        self._cine, self._measured = cine, found
        self._enable(True)
        with self.session.quietly():
            fill(self.ui.framesTable, *self._frames(), wide=5, most=_MOST_FRAMES)
        self.ui.functionGroup.visible = True
        for button in (self.ui.reportButton, self.ui.databaseButton, self.ui.exportButton):
            button.enabled = True
        self._notices.show(lines_of([*notices, *found.notices]))
        self._show_figures()

    def _frames(self) -> tuple[list[Column], list[tuple[str, ...]]]:
        """Return columns and rows of the table of frames."""
        assert self._measured is not None
        phases = {self._measured.ed_frame: _("end-diastole"), self._measured.es_frame: _("end-systole")}
        rows = [
            (
                str(row["frame"]),
                number(row["time_ms"]),
                *(number(row[name]) for name in ("lv_ml", "rv_ml", "myocardium_ml")),
                phases.get(index, ""),
            )
            for index, row in enumerate(self._measured.curve())
        ]
        columns = [
            Column(_("Frame"), _("Frame")),
            Column(_("ms"), _("Time (ms)")),
            Column(_("LV"), _("LV (ml)")),
            Column(_("RV"), _("RV (ml)")),
            Column(_("Myo"), _("Myocardium (ml)")),
            Column(_("Phase"), _("Phase")),
        ]
        return columns, rows

    def _show_figures(self) -> None:
        """Show all values, including those that need heart rate, height and weight if these are known."""
        if (measured := self._measured) is None:
            return
        found = measured
        try:
            found = measured.for_person(*self.person.figures)
            lines = [told(one.text) for one in found.notices[len(measured.notices) :]]
        except InputError as error:
            lines = [told(error)]
        self._shown = found
        self.person.tell(lines)
        self.ui.ejectionLabel.text = _ejection(found)
        sizes = [one for one in found.sizes() if one["value"] is not None or one["unit"] != "L/min"]
        columns = [
            Column(_("Quantity"), _("Quantity")),
            Column(_("Value"), _("Value")),
            Column(_("Range"), _("Range, ±1 basal slice")),
        ]
        rows = [
            [f"{told(one['quantity'])} ({one['unit']})", number(one["value"]), span(one["low"], one["high"])]
            for one in sizes
        ]
        if found.bsa_m2 is not None:
            area = _("Indexed to the body surface area of {area:.2f} m² (Mosteller)").format(area=found.bsa_m2)
            columns.append(Column(_("per m²"), area))
            rows = [[*row, number(one["indexed"])] for row, one in zip(rows, sizes, strict=True)]
        fill(self.ui.functionTable, columns, rows)

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

    def tables(self, path: Path) -> dict[Path, Table]:
        """Return all values for a file, and the frames for another one beside it."""
        assert self._shown is not None
        columns = [
            Column(_("Quantity"), _("Quantity")),
            Column(_("Value"), _("Value")),
            Column(_("Unit"), _("Unit")),
            Column(_("Range"), _("Range, ±1 basal slice")),
        ]
        rows = [
            (told(row["quantity"]), number(row["value"]), row["unit"], span(row["low"], row["high"]))
            for row in self._shown.rows()
        ]
        return {path: (columns, rows), path.with_name(f"{path.stem}-frames.csv"): self._frames()}


def _ejection(found: CardiacFunction) -> str:
    """Format both ejection fractions with their ranges as rich text."""
    cells = []
    for one in found.ejection_fractions():
        known = one["value"] is not None
        limits = (
            _("{low:.0f} to {high:.0f}% (±1 basal slice)").format(**one) if known and one["low"] is not None else ""
        )
        cells.append(
            _EJECTION.format(
                name=told(one["quantity"]),
                value=f"{one['value']:.1f}%" if known else _("not reported"),
                range=limits,
            )
        )
    return f'<table width="100%"><tr>{"".join(cells)}</tr></table>'
