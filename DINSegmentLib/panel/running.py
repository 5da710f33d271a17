"""The part of the panel that segments and shows the result."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import slicer
from slicer.i18n import tr as _

from .. import scene
from ..errors import DINSegmentError
from ..scene import compare
from ..worker.protocol import Code
from . import installer, result
from .cine import CineJob, Function
from .maps import Maps
from .review import Review
from .runner import Job, Runner
from .translation import told

_ACCEPTED = "DINSegment/AcceptedLicence"  # key of Slicer's settings, with the model's id


class Running:
    """Connects Segment, its progress, and what is done with the result.

    Args:
        panel: the `Panel`, for its widgets and what is chosen.
        widget: owns process and timer.
    """

    def __init__(self, panel: Any, widget: Any) -> None:
        self.panel, ui = panel, panel.ui
        self.runner = Runner(widget, panel.log, panel.onTrouble)
        self.function = Function(panel)
        self.review = Review(panel)
        self.maps = Maps(panel, self, widget)
        ui.outputSelector.connect("currentNodeChanged(vtkMRMLNode*)", self.onOutputChanged)
        ui.segmentButton.connect("clicked()", self.onSegment)
        ui.releaseMemoryButton.connect("clicked()", self.onReleaseMemory)
        ui.show3DButton.connect("toggled(bool)", self.onShow3D)
        ui.opacitySlider.connect("valueChanged(double)", self.onDrawing)
        ui.outlineCheckBox.connect("toggled(bool)", self.onDrawing)
        ui.editButton.connect("clicked()", self.onEdit)

    def onInputChanged(self, node: Any) -> None:
        """Show what belongs to another volume and nothing of the one before, which may be another patient's."""
        self.panel.ui.statusLabel.text = ""
        self.maps.follow(node)
        self.function.person.follow(node)
        self.panel.ui.smoothCheckBox.enabled = node is None or scene.find_cine(node) is None
        self.onOutputChanged(self.panel.parameters.outputSegmentation)

    def onOutputChanged(self, node: Any) -> None:
        """Show a segmentation as it is, with what a run has left with it: a saved scene comes back with both."""
        if not self.panel.deaf:
            self._show_output(node)
            self._show_earlier(node)

    def clear(self) -> None:
        """The scene is closed."""
        self.review.clear()
        self.maps.follow(None)
        self.function.person.follow(None)

    def _show_output(self, node: Any) -> None:
        """Only the user changes how a segmentation is drawn."""
        panel, ui = self.panel, self.panel.ui
        panel.parameters.outputSegmentation = node
        ui.segmentsTable.setSegmentationNode(node)
        result.show_statistics(ui.statisticsTable, ())
        self.function.clear()
        self.review.clear()
        ui.editButton.enabled = ui.show3DButton.enabled = node is not None
        with panel.quietly():
            ui.show3DButton.checked = node is not None and result.is_in_3d(node)
            if node is not None and node.GetDisplayNode() is not None:
                ui.opacitySlider.value, ui.outlineCheckBox.checked = result.drawing(node)
        compare.update(node)

    def _show_earlier(self, node: Any) -> None:
        """Slices to review and figures, measured anew, where the segmentation is a result of the chosen volume."""
        panel, volume = self.panel, self.panel.parameters.inputVolume
        run = scene.noted(node, scene.RUN) if node is not None else None
        if run is None or volume is None or not scene.is_result(node, volume):
            return
        try:
            self.review.show(run["review"])
            if scene.find_cine(volume) is not None:
                panel.ui.statusLabel.text = "\n".join(self.function.measure(run["model"]))
            else:
                rows = panel.logic.statistics(node, volume, run["model"])
                result.show_statistics(panel.ui.statisticsTable, [asdict(one) for one in rows])
                panel.ui.exportButton.enabled = True
        except DINSegmentError as error:  # frames were removed, or the model is no longer there
            panel.log(told(error))

    def onShow3D(self, checked: bool) -> None:
        if not self.panel.deaf and self.panel.parameters.outputSegmentation is not None:
            result.show_in_3d(self.panel.parameters.outputSegmentation, checked)

    def onDrawing(self, value: Any) -> None:
        node = self.panel.parameters.outputSegmentation if not self.panel.deaf else None
        if node is not None and node.GetDisplayNode() is not None:
            result.draw(node, self.panel.ui.opacitySlider.value, self.panel.ui.outlineCheckBox.checked)
            compare.update(node)

    def onEdit(self) -> None:
        slicer.util.selectModule("SegmentEditor")
        editor = slicer.modules.segmenteditor.widgetRepresentation().self().editor
        editor.setSegmentationNode(self.panel.parameters.outputSegmentation)
        editor.setSourceVolumeNode(self.panel.parameters.inputVolume)

    def onSegment(self) -> None:
        panel = self.panel
        if self.runner.busy:
            panel.ui.segmentButton.enabled = False
            panel.ui.statusLabel.text = _("Cancelling...")
            self.runner.cancel()
            return
        node, output = panel.parameters.inputVolume, panel.parameters.outputSegmentation
        cine = scene.find_cine(node) if node is not None else None
        kind, what = (Job, node) if cine is None else (CineJob, cine)

        def job() -> Job:
            made = kind(what, output, panel.model, self.progressed, self.over)
            made.surfaces = cine is None and panel.parameters.smooth
            return made

        self.begin(job)

    def begin(self, job: Callable[[], Job]) -> None:
        """Let the worker run, where nothing is missing for it; else the user is told what is.

        Args:
            job: makes the job, or raises what is wrong with its volume.
        """
        panel = self.panel
        panel.advise()  # voxels or a transform may have changed since the volume was chosen
        if not panel.ui.segmentButton.enabled:
            panel.say(panel.ui.segmentButton.toolTip)
            return
        if not installer.torch_is_installed():
            panel.say(_("PyTorch is missing: press Install PyTorch above, then Segment again."))
            return
        if not self._licence_accepted():
            return
        self._show_running(True)
        try:
            self.runner.segment(panel.run_parameters(), panel.device, panel.parameters.threads, job())
        except (DINSegmentError, OSError) as error:
            self.over(None, Code.INPUT, told(error))

    def _licence_accepted(self) -> bool:
        """Ask once for each version of a model."""
        model, settings = self.panel.model, slicer.app.userSettings()
        key = f"{_ACCEPTED}/{model.id}"
        if settings.value(key) == model.version:
            return True
        text = _("Terms of {model}:\n\n{licence}\n\nDo you accept them?").format(
            model=model.title, licence=model.licence
        )
        if not slicer.util.confirmOkCancelDisplay(text):
            self.panel.say(_("The terms of the model were not accepted: nothing was done."))
            return False
        settings.setValue(key, model.version)
        return True

    def _show_running(self, running: bool) -> None:
        ui = self.panel.ui
        ui.segmentButton.text = _("Cancel &segmentation") if running else _("&Segment")
        ui.segmentButton.toolTip = _("Stop; nothing will have changed.") if running else ui.segmentButton.toolTip
        ui.segmentButton.enabled = True
        ui.progressBar.visible = running
        ui.progressBar.maximum = 0  # busy, until slices are counted
        for control in (
            ui.inputSelector, ui.outputSelector, ui.modelSelector, ui.deviceSelector, ui.confidenceButton, ui.whyButton
        ):  # fmt: skip
            control.enabled = not running

    def progressed(self, text: str, done: int, total: int) -> None:
        """How far the run is; 0 slices in all: not known yet."""
        self.panel.ui.statusLabel.text = text
        self.panel.ui.progressBar.maximum = total
        self.panel.ui.progressBar.value = done

    def over(self, node: Any, code: Code | None, text: str, story: Mapping[str, Any] | None = None) -> None:
        """The run has ended, one way or the other."""
        self.end(code, text)
        if self.panel.parameters is not None and node is not None:
            with self.panel.quietly():
                self._show_output(node)
            self._show_numbers(story or {})

    def end(self, code: Code | None, text: str) -> None:
        """The worker is free again; tell how it went."""
        self._show_running(False)
        if code is Code.TORCH:
            self.panel.onTrouble(code, text)
        else:
            self.panel.say(text)
        if self.panel.parameters is not None:
            self.panel.advise()

    def _show_numbers(self, story: Mapping[str, Any]) -> None:
        """Volumes of the structures, or of a cine the heart's function; slices to look at."""
        self.review.show(story.get("review", ()))
        if found := story.get("function"):
            warnings = self.function.show(scene.find_cine(self.panel.parameters.inputVolume), found)
            for warning in warnings:
                self.panel.log(warning)
            self.panel.ui.statusLabel.text = "\n".join((self.panel.ui.statusLabel.text, *warnings))
        result.show_statistics(self.panel.ui.statisticsTable, story.get("statistics", ()))
        self.panel.ui.exportButton.enabled = bool(found or story.get("statistics"))

    def onReleaseMemory(self) -> None:
        self.runner.release()
        self.panel.say(_("The worker has ended; the next run loads the model again."))
