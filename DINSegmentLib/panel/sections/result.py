"""The result: segments, their display, and measurements, which follow each edit."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import qt
import slicer
from slicer.i18n import tr as _

from ... import scene
from ...errors import DINSegmentError
from ...model import Model
from ...notices import Notice, still_valid
from ...scene import compare
from ...worker.client import Measurement
from ...worker.protocol import Code
from .. import choices, drawing
from ..dialogs import choose_file, may_replace
from ..notice_rows import NoticeRows, lines_of
from ..runner import Runner
from ..session import Session
from ..structures import StructureTable, statistics_table
from ..tables import export
from ..translation import told
from ..watches import SegmentWatch
from .function import FunctionSection
from .review import ReviewSection

_SHOW_3D = "DINSegment/Show3DAfterRun"  # key of Slicer's settings: yes or no


class ResultSection:
    """Connects the output, its display and its tables.

    Args:
        ui: the panel's widgets.
        session: the current selection.
        logic: the module's logic, which measures a result that is shown again.
        widget: owns the timers after an edit and between two surfaces.
        runner: measures edited segments.
        function: shows the values of a cine.
        review: lists the slices to review.
    """

    def __init__(
        self,
        ui: Any,
        session: Session,
        logic: Any,
        widget: Any,
        runner: Runner,
        function: FunctionSection,
        review: ReviewSection,
    ) -> None:
        self.ui, self.session, self._logic, self._runner = ui, session, logic, runner
        self._function, self._review = function, review
        self._structures, self._notices = StructureTable(ui.structuresTable), NoticeRows(ui.resultNotices)
        self._statistics: Sequence[Mapping[str, Any]] = ()  # `measure.StructureStatistics` of a single volume
        self._watch = SegmentWatch(widget, self.onEdited, self.measure)
        self._listener: _Listener | None = None
        self._surfaces: scene.SurfaceSteps | None = None  # while surfaces are computed
        self._show_3d_text = ui.show3DButton.text
        self._surface_timer = qt.QTimer(widget)
        self._surface_timer.connect("timeout()", self._on_surface_turn)
        choices.follow_nodes(ui.outputSelector, self.onOutput)
        ui.show3DButton.connect("toggled(bool)", self.onShow3D)
        ui.show3DAfterCheckBox.checked = slicer.app.userSettings().value(_SHOW_3D) == "yes"
        ui.show3DAfterCheckBox.connect("toggled(bool)", self.onShow3DAfter)
        ui.opacitySlider.connect("valueChanged(double)", self.onDrawing)
        ui.outlineCheckBox.connect("toggled(bool)", self.onDrawing)
        ui.editButton.connect("clicked()", self.onEdit)
        ui.exportButton.connect("clicked()", self.onExport)

    def onOutput(self, node: Any) -> None:
        """Show a segmentation with the data that a run stored in it, also after a scene is loaded."""
        if not self.session.deaf:
            self._show_node(node)
            self._show_earlier(node)

    def show_run(self, node: Any, story: Mapping[str, Any]) -> None:
        """Show the result and report of a run; show surfaces again if they were visible before."""
        in_3d = self.ui.show3DAfterCheckBox.checked or self.ui.show3DButton.checked and self.session.output is node
        with self.session.quietly():
            self._show_node(node)
        self._review.show(story.get("review", ()))
        self._show_numbers(story)
        if in_3d:
            self.ui.show3DButton.checked = True

    def clear(self) -> None:
        """Clean up when the scene or the panel closes."""
        self._abandon_surfaces()
        self._watch.follow(None)
        self._listener = None
        self._review.clear()
        self._structures.follow(None)

    def _show_node(self, node: Any) -> None:
        """Show a segmentation without changing its display settings, which belong to the user."""
        ui, session = self.ui, self.session
        session.parameters.outputSegmentation = node
        self._abandon_surfaces()
        self._listener = None
        self._watch.follow(node)
        self._structures.follow(node)
        self._show_statistics(())
        self._notices.show(())
        self._function.clear()
        self._review.clear()
        for group in (ui.resultGroup, ui.reviewGroup):
            group.visible = node is not None and node.GetSegmentation().GetNumberOfSegments() > 0
        ui.editButton.enabled = ui.show3DButton.enabled = node is not None
        ui.reviewerEdit.text = ui.commentEdit.text = ""  # not reviewed yet
        with session.quietly():
            ui.show3DButton.checked = node is not None and drawing.is_in_3d(node)
            if node is not None and node.GetDisplayNode() is not None:
                ui.opacitySlider.value, ui.outlineCheckBox.checked = drawing.drawing(node)
        compare.update(node)

    def _show_earlier(self, node: Any) -> None:
        """Show slices to review and new measurements if the segmentation is a result of the selected volume."""
        if (run := self._run_of(node)) is None:
            return
        volume, model = self.session.volume, run["model"]
        try:
            self._review.show(run["review"])
            notices = [Notice.from_json(one) for one in run.get("notices", ())]
            if scene.is_edited(node, volume):
                self._watch.wait()  # the worker measures it when it is idle
            elif scene.find_cine(volume) is not None:
                self._show_numbers({"function": self._logic.function(node, volume, model), "notices": notices})
            else:
                rows = self._logic.statistics(node, volume, model)
                self._show_numbers({"statistics": [asdict(one) for one in rows], "notices": notices})
        except DINSegmentError as error:  # frames were removed, or the model is no longer available
            self.session.log(told(error))

    def _run_of(self, node: Any) -> Mapping[str, Any] | None:
        """Return what a run stored in a segmentation of the selected volume; None if it is not a result of it."""
        volume = self.session.volume
        if node is None or volume is None or not scene.is_result(node, volume):
            return None
        run = scene.noted(node, scene.RUN)
        return run if run is not None and run["model"] in self.session.models else None

    def _show_numbers(self, found: Mapping[str, Any]) -> None:
        """Show volumes of structures, or cardiac function of a cine, with their notices."""
        notices = found.get("notices", ())
        if function := found.get("function"):
            self._function.show(scene.find_cine(self.session.volume), function, notices)
            notices = [*notices, *function.notices]
        else:
            self._notices.show(lines_of(notices))
        for one in notices:
            self.session.log(told(one.text))
        self._show_statistics(found.get("statistics", ()))
        self.ui.reportButton.enabled = self.ui.databaseButton.enabled = self.ui.exportButton.enabled = bool(
            function or found.get("statistics")
        )

    def _show_statistics(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Show `measure.StructureStatistics` of each structure; empty for a cine."""
        self._statistics = rows
        self._structures.show_figures(rows)

    # edits

    def onEdited(self) -> None:
        """Called when segments were edited: mark the values as outdated until they are measured again."""
        if self.session.deaf or self._run_of(self.session.output) is None:
            return
        self._listener = None  # a running measurement is from before the edit
        self._structures.outdate()
        self._function.outdate()
        self.ui.reportButton.enabled = self.ui.databaseButton.enabled = self.ui.exportButton.enabled = False

    def measure(self) -> None:
        """Let the worker measure the current output."""
        session, node = self.session, self.session.output
        run = self._run_of(node) if not session.deaf else None
        if run is None:
            return
        model = session.models[run["model"]]
        try:
            asked = _measurement(node, session.volume, model)
            listener = _Listener(self)
            if self._runner.measure(asked, listener):
                self._listener = listener
            else:
                self._watch.wait()  # for the end of the run
        except (DINSegmentError, OSError) as error:
            self._not_measured(told(error))

    def measured(self, listener: "_Listener", story: Mapping[str, Any]) -> None:
        """Show the worker's measurements; measure again if there were edits meanwhile."""
        if listener is not self._listener:
            return
        self._listener = None
        run = self._run_of(self.session.output) if self.session.parameters is not None else None
        if run is not None:
            self._show_numbers({**story, "notices": [*still_valid(run.get("notices", ())), *story["notices"]]})
            if (function := story.get("function")) is not None:
                scene.write_curve(function.curve(), self.session.output, told)

    def not_measured(self, listener: "_Listener", reason: str) -> None:
        if listener is self._listener:
            self._listener = None
            self._not_measured(reason)

    def _not_measured(self, reason: str) -> None:
        """Clear outdated values, because showing them would be worse than showing none."""
        self._show_statistics(())
        self._function.clear()
        self.session.say(
            _("The edited segmentation could not be measured ({reason}). Edit it again to retry.").format(reason=reason)
        )

    def onExport(self) -> None:
        """Write the tables of volumes and cardiac function as CSV files."""
        path = choose_file(_("Export the tables"), "volumes.csv", _("Tables (*.csv)"), (".csv",))
        if path is None:
            return
        tables = {path: statistics_table(self._statistics)} if self._statistics else self._function.tables(path)
        if not may_replace([one for one in tables if one != path]):
            return
        try:
            export(tables)
        except DINSegmentError as error:
            self.session.say(_("The tables were not exported: {reason}").format(reason=told(error)))
            return
        self.session.say(_("Exported."))

    # display

    def onShow3D(self, checked: bool) -> None:
        """Compute the surfaces one by one, or remove them; clicking again while they are computed stops that."""
        node = self.session.output if not self.session.deaf else None
        if node is None:
            return
        if checked:
            self._surfaces = scene.SurfaceSteps(node)
            self._surface_timer.start(0)
            self._on_surface_turn()
        elif self._surfaces is not None:
            self._abandon_surfaces()
        else:
            drawing.show_in_3d(node, False)

    def _on_surface_turn(self) -> None:
        """Compute one surface and show progress on the button; after the last one, show all."""
        if (steps := self._surfaces) is None:  # abandoned
            return
        try:
            if steps.step():
                self.ui.show3DButton.text = _("3D: {done} of {total}").format(done=steps.done, total=steps.total)
                return
            drawing.show_in_3d(steps.node, True)
        except DINSegmentError as error:
            self.session.say(told(error))
            with self.session.quietly():
                self.ui.show3DButton.checked = False
        self._abandon_surfaces()

    def _abandon_surfaces(self) -> None:
        """Discard partial surfaces, which the node does not have yet."""
        self._surface_timer.stop()
        self._surfaces = None
        self.ui.show3DButton.text = self._show_3d_text

    def onShow3DAfter(self, checked: bool) -> None:
        """Remember the setting for this and future scenes."""
        slicer.app.userSettings().setValue(_SHOW_3D, "yes" if checked else "no")

    def onDrawing(self, value: Any) -> None:
        node = self.session.output if not self.session.deaf else None
        if node is not None and node.GetDisplayNode() is not None:
            drawing.draw(node, self.ui.opacitySlider.value, self.ui.outlineCheckBox.checked)
            compare.update(node)

    def onEdit(self) -> None:
        slicer.util.selectModule("SegmentEditor")
        editor = slicer.modules.segmenteditor.widgetRepresentation().self().editor
        editor.setSegmentationNode(self.session.output)
        editor.setSourceVolumeNode(self.session.volume)


class _Listener:
    """A measurement, as `worker.client.Listener`."""

    def __init__(self, section: ResultSection) -> None:
        self._section = section

    def loading(self, warm: bool) -> None:
        """Ignore: no model is loaded for a measurement."""

    def progressed(self, done: int, total: int) -> None:
        """Ignore: measurements are quick."""

    def finished(self, labels: np.ndarray, story: Mapping[str, Any]) -> None:
        self._section.measured(self, story)

    def failed(self, code: Code, text: str) -> None:
        self._section.not_measured(self, told(text))


def _measurement(node: Any, volume_node: Any, model: Model) -> Measurement:
    """Prepare the measurement of a result's current segments.

    Raises:
        DINSegmentError: a frame is missing, or the volume cannot be read.
    """
    volume, cine, folder = scene.read_volume(volume_node), scene.find_cine(volume_node), Path(model.folder)
    if cine is None:
        labels = scene.read_labels(node, volume_node, model.labels)
        return Measurement(labels, volume.array, volume.geometry, folder)
    labels = scene.read_cine_labels(node, cine, model.labels)
    return Measurement(labels, None, volume.geometry, folder, cine.times_ms)
