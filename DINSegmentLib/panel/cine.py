"""Cines in the panel: a click segments every frame, and the heart's function is shown, frame by frame."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import qt
import slicer
from slicer.i18n import tr as _

from .. import scene
from ..errors import InputError
from ..geometry import Geometry
from ..measure import CardiacFunction
from .person import Person
from .result import fill
from .runner import Job
from .translation import told


class CineJob(Job):
    """One click on Segment with all frames of a cine.

    Args:
        cine: what is segmented.
        segmentation_node, model, show, over: as for `Job`.
    """

    def __init__(self, cine: scene.Cine, segmentation_node: Any, model: Any, show: Any, over: Any) -> None:
        self.cine = cine
        super().__init__(cine.proxy, segmentation_node, model, show, over)

    def data(self) -> tuple[np.ndarray, Geometry, Sequence[float] | None]:
        frames, geometry = scene.read_frames(self.cine)
        return np.stack(frames), geometry, self.cine.times_ms

    def state(self) -> Any:
        return self.cine.state

    def needed(self) -> list[Any]:
        return [*super().needed(), self.cine.browser, self.cine.sequence]

    def write(self, labels: np.ndarray, story: Mapping[str, Any]) -> Any:
        node = scene.write_cine(labels, self.cine, self.model.labels, node=self.segmentation_node)
        self.note(node, story)
        if story["function"] is not None:
            scene.write_curve(story["function"].curve(), node, told)
        return node


class Function:
    """Tables of the heart's function and of its frames, the curve, and their export.

    Args:
        panel: the `Panel`, for its widgets and what is chosen.
    """

    def __init__(self, panel: Any) -> None:
        self.panel, ui = panel, panel.ui
        self._cine: scene.Cine | None = None
        self._measured: CardiacFunction | None = None  # without heart rate and body
        self.person = Person(panel, self._show_figures)
        ui.framesTable.connect("cellClicked(int,int)", self.onFrame)
        ui.framesTable.connect("currentCellChanged(int,int,int,int)", self.onFrame)
        ui.curveButton.connect("clicked()", self.onCurve)
        ui.exportButton.connect("clicked()", self.onExport)
        self.clear()

    def clear(self) -> None:
        """Nothing was measured in what is shown."""
        self._cine = self._measured = None
        ui = self.panel.ui
        for table in (ui.functionTable, ui.framesTable):
            table.setRowCount(0)
        ui.functionGroup.visible = ui.exportButton.enabled = False

    def measure(self, model: str) -> list[str]:
        """As `show`, of the chosen output as it is now; ``model`` is the id of the one that made it.

        Raises:
            DINSegmentError: a frame is missing, or the model has no left ventricle.
        """
        volume, node = self.panel.parameters.inputVolume, self.panel.parameters.outputSegmentation
        return self.show(scene.cine_of(volume), self.panel.logic.function(node, volume, model))

    def show(self, cine: scene.Cine | None, found: CardiacFunction) -> list[str]:
        """What was measured, without heart rate and body, which are the panel's; sentences that go with it."""
        ui = self.panel.ui
        self._cine, self._measured = cine, found
        phases = {found.ed_frame: _("end-diastole"), found.es_frame: _("end-systole")}
        frames = [
            (
                str(row["frame"]),
                _number(row["time_ms"]),
                *(_number(row[name]) for name in ("lv_ml", "rv_ml", "myocardium_ml")),
                phases.get(index, ""),
            )
            for index, row in enumerate(found.curve())
        ]
        headings = [_("Frame"), _("Time (ms)"), _("LV (ml)"), _("RV (ml)"), _("Myocardium (ml)"), _("Phase")]
        with self.panel.quietly():
            fill(ui.framesTable, headings, frames)
        ui.framesTable.resizeColumnsToContents()
        ui.functionGroup.visible = ui.exportButton.enabled = True
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
            (told(row["quantity"]), _number(row["value"]), row["unit"], _span(row["low"], row["high"]))
            for row in found.rows()
        ]
        headings = [_("Quantity"), _("Value"), _("Unit"), _("Range by base slice")]
        fill(self.panel.ui.functionTable, headings, figures)
        self.panel.ui.functionTable.resizeColumnsToContents()

    def onFrame(self, row: int, *cell: int) -> None:
        """Show the frame of a row in the views."""
        cine = self._cine
        if cine is None or self.panel.deaf or row < 0:
            return
        if slicer.mrmlScene.IsNodePresent(cine.browser):
            cine.go_to(row)

    def onCurve(self) -> None:
        chart = scene.curve_chart(self.panel.parameters.outputSegmentation)
        if chart is None:
            self.panel.say(_("There is no curve any more: segment the sequence again."))
            return
        slicer.modules.plots.logic().ShowChartInLayout(chart)

    def onExport(self) -> None:
        ui = self.panel.ui
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
            self.panel.say(
                _("The tables cannot be written ({reason}): choose another folder.").format(reason=error.strerror)
            )
            return
        self.panel.say(_("Exported."))


def export(table: Any, path: Path) -> None:
    """Write a table as it is shown, headings first, in UTF-8.

    Raises:
        OSError: the file cannot be written.
    """
    columns = range(table.columnCount)
    rows = [[table.item(row, column).text() for column in columns] for row in range(table.rowCount)]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([[table.horizontalHeaderItem(column).text() for column in columns], *rows])


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _span(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:.1f} - {high:.1f}"
