"""The panel's behaviour: what each control does. Values live in the parameter node; the work is done elsewhere."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from .. import models, scene
from ..engine import advice
from ..engine.parameters import Parameters
from ..enhancement import METHODS
from ..errors import DINSegmentError
from ..scene import compare
from ..worker.protocol import Code
from . import choices, installer, result, samples, scripts
from .preview import LivePreview
from .runner import Job, Runner

_ACCEPTED = "DINSegment/AcceptedLicence"  # key of Slicer's settings, with the model's id


class Panel:
    """Connects the widgets of the `.ui` file with the library.

    Args:
        ui: its named widgets.
        widget: the widget that holds them, which owns timers and processes.
        logic: the module's, for what needs no panel.
    """

    def __init__(self, ui: Any, widget: Any, logic: Any) -> None:
        self.ui, self.logic = ui, logic
        self.models = models.catalogue()
        self.runner = Runner(widget, self.log)
        self.preview = LivePreview(widget, self._enhanced_made)
        self.parameters = None
        self._updating = False
        self._devices_asked = False
        self._lines: list[str] = []
        choices.fill_models(ui.modelSelector, self.models)
        choices.fill_devices(ui.deviceSelector, [], choices.AUTO)
        self._connect()

    def _connect(self) -> None:
        ui = self.ui
        ui.inputSelector.connect("currentNodeChanged(vtkMRMLNode*)", self.onInputChanged)
        ui.outputSelector.connect("currentNodeChanged(vtkMRMLNode*)", self.onOutputChanged)
        ui.enhancedOutputSelector.connect("currentNodeChanged(vtkMRMLNode*)", self.onEnhancedChanged)
        ui.modelSelector.connect("currentIndexChanged(int)", self.onModelChanged)
        ui.deviceSelector.connect("currentIndexChanged(int)", self.onDeviceChanged)
        ui.enhancementMethodComboBox.connect("currentIndexChanged(int)", self.onMethodChanged)
        ui.strengthSlider.connect("valueChanged(double)", self.onStrengthChanged)
        ui.previewCheckBox.connect("toggled(bool)", self.onPreviewToggled)
        ui.fadeSlider.connect("valueChanged(double)", self.onFade)
        ui.opacitySlider.connect("valueChanged(double)", self.onDrawing)
        ui.outlineCheckBox.connect("toggled(bool)", self.onDrawing)
        ui.compareButton.connect("toggled(bool)", self.onCompare)
        ui.show3DButton.connect("toggled(bool)", self.onShow3D)
        for button, slot in (
            (ui.resetEnhancementButton, self.onResetEnhancement),
            (ui.segmentButton, self.onSegment),
            (ui.loadSampleButton, self.onLoadSample),
            (ui.installTorchButton, self.onInstallTorch),
            (ui.editButton, self.onEdit),
            (ui.copyBatchButton, self.onCopyBatch),
            (ui.copyPythonButton, self.onCopyPython),
            (ui.diagnosticsButton, self.onDiagnostics),
            (ui.releaseMemoryButton, self.onReleaseMemory),
        ):
            button.connect("clicked()", slot)

    # life of the panel

    def setParameterNode(self, parameterNode: Any) -> None:
        """Show the settings of the scene, and keep them there from now on; None: no scene is open."""
        if self.parameters is not None:
            self.parameters.disconnectGui(self._connection)
        self.parameters = parameterNode
        if parameterNode is None:
            return
        self._connection = parameterNode.connectGui(self.ui)
        if not self.parameters.inputVolume:
            self.parameters.inputVolume = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode")
        self._show_parameters()

    def enter(self) -> None:
        """The panel comes into view."""
        self._show_torch()
        if not self._devices_asked and installer.torch_is_installed():
            self._devices_asked = True
            self.runner.warm_up(self.onDevicesFound)

    def exit(self) -> None:
        """The panel goes out of view: views are the user's again, a run goes on."""
        self.ui.compareButton.checked = False
        compare.end_fade()

    def closeScene(self) -> None:
        """The scene is about to be emptied."""
        self.runner.cancel()
        self.preview.stop()
        self.exit()
        self.setParameterNode(None)

    def end(self) -> None:
        """The panel is taken apart: no process, timer or file stays behind."""
        self.preview.stop()
        self.runner.end()
        self.setParameterNode(None)

    # what is chosen

    @property
    def model(self) -> models.Model:
        return self.models[self.ui.modelSelector.currentData]

    @property
    def method(self) -> str:
        return self.ui.enhancementMethodComboBox.currentData

    def _show_parameters(self) -> None:
        """Lists that the parameter node cannot be bound to follow it by hand."""
        self._updating = True
        parameters, ui = self.parameters, self.ui
        choices.choose(ui.modelSelector, parameters.modelId or self._likely_model(parameters.inputVolume))
        choices.choose(ui.deviceSelector, parameters.device)
        choices.fill_methods(ui.enhancementMethodComboBox, self.model)
        known = parameters.method in METHODS
        choices.choose(ui.enhancementMethodComboBox, parameters.method if known else self.model.enhancement.method)
        self._updating = False
        self.onInputChanged(parameters.inputVolume)
        self.onOutputChanged(parameters.outputSegmentation)

    def onInputChanged(self, node: Any) -> None:
        if self._updating or self.parameters is None:
            return
        self.parameters.inputVolume = node  # this slot may be called before that of the parameter node
        self.preview.stop()
        self.ui.loadSampleButton.visible = node is None
        if not self.parameters.modelId:
            choices.choose(self.ui.modelSelector, self._likely_model(node))
            self.parameters.modelId = ""  # it is not the user's choice
        self._advise()
        self._show_preview()

    def _likely_model(self, node: Any) -> str:
        """What suits the volume; without one, what suits the sample."""
        if node is None or node.GetImageData() is None:
            return samples.HEART_MODEL
        return self.logic.likelyModel(node)

    def onModelChanged(self, row: int) -> None:
        if self._updating or self.parameters is None or row < 0:
            return
        self.parameters.modelId = self.model.id
        self._updating = True
        choices.fill_methods(self.ui.enhancementMethodComboBox, self.model)
        self._updating = False
        self.onResetEnhancement()
        self._advise()

    def onDeviceChanged(self, row: int) -> None:
        if not self._updating and self.parameters is not None and row >= 0:
            self.parameters.device = self.ui.deviceSelector.currentData

    def onDevicesFound(self, found: list[dict[str, str]]) -> None:
        self._updating = True
        choices.fill_devices(self.ui.deviceSelector, found, self.parameters.device)
        self._updating = False
        self.log(found[0]["reason"])

    def onOutputChanged(self, node: Any) -> None:
        if self.parameters is not None:
            self.parameters.outputSegmentation = node
        self.ui.segmentsTable.setSegmentationNode(node)
        self.ui.show3DButton.enabled = self.ui.editButton.enabled = node is not None
        self.ui.statisticsTable.setRowCount(0)

    def _advise(self) -> None:
        """Summary and warnings of the volume for the model, and whether Segment can be clicked."""
        ui, node = self.ui, self.parameters.inputVolume
        summary, warnings, reason = "", [], _("Choose a volume first.")
        if node is not None:
            try:
                volume = scene.read_volume(node)
                summary = advice.summary(volume.array, volume.geometry)
                found = advice.advise(volume.array, volume.geometry, self.model, scene.modality(node))
                warnings, reason = [one.text for one in found], ""
            except DINSegmentError as error:
                reason = str(error)
        ui.inputSummaryLabel.text = summary
        ui.inputWarningLabel.text = "\n".join(_("Warning: {text}").format(text=text) for text in warnings)
        if node is not None and reason:
            ui.inputWarningLabel.text = reason
        ui.licenceLabel.text = self.model.licence
        ui.segmentButton.enabled = self.runner.busy or not reason
        ui.segmentButton.toolTip = reason or _("Segment the volume; the output changes only when all went well.")
        for button in (ui.compareButton, ui.copyBatchButton, ui.copyPythonButton):
            button.enabled = not reason

    # enhancement

    def onMethodChanged(self, row: int) -> None:
        if self._updating or self.parameters is None or row < 0:
            return
        self.parameters.method = self.method
        self._show_preview()

    def onStrengthChanged(self, value: float) -> None:
        if not self._updating and self.parameters is not None:
            self._show_preview()

    def onPreviewToggled(self, checked: bool) -> None:
        if self.parameters is not None:
            self._show_preview()

    def onEnhancedChanged(self, node: Any) -> None:
        if self._updating or self.parameters is None or node is self.preview.node:
            return
        self.parameters.enhancedVolume = node
        self._show_preview()

    def onResetEnhancement(self) -> None:
        default = self.model.enhancement
        choices.choose(self.ui.enhancementMethodComboBox, default.method)
        self.ui.strengthSlider.value = default.strength

    def _show_preview(self) -> None:
        strength, known = self.ui.strengthSlider.value, self.model.enhancement
        low, high = known.trained_range
        self.ui.enhancementNoteLabel.text = (
            ""
            if known.covers(self.method, strength)
            else _("Not trained: the model knows {methods} from {low:g} to {high:g}.").format(
                methods=", ".join(known.trained_methods), low=low, high=high
            )
        )
        if self.parameters.inputVolume is not None and self.ui.previewCheckBox.checked:
            self._enhance()

    def _enhance(self) -> None:
        """Bring the enhanced volume up to date, beginning with the slice in view."""
        try:
            self.preview.show(
                self.parameters.inputVolume, self.parameters.enhancedVolume, self.model, self.method,
                self.ui.strengthSlider.value,
            )  # fmt: skip
        except DINSegmentError as error:
            self._say(str(error))

    def _enhanced_made(self, node: Any) -> None:
        self.parameters.enhancedVolume = node

    # views

    def onCompare(self, checked: bool) -> None:
        if not checked:
            compare.restore()
            return
        self._enhance()
        self.logic.compare(
            self.parameters.inputVolume, self.parameters.enhancedVolume, self.parameters.outputSegmentation
        )

    def onFade(self, value: float) -> None:
        if self.parameters is None or self.parameters.inputVolume is None:
            return
        if value == 0:
            compare.end_fade()
            return
        if self.parameters.enhancedVolume is None:
            self._enhance()
        compare.fade(self.parameters.inputVolume, self.parameters.enhancedVolume, value)

    def onShow3D(self, checked: bool) -> None:
        if self.parameters.outputSegmentation is not None:
            result.show_in_3d(self.parameters.outputSegmentation, checked)

    def onDrawing(self, value: Any) -> None:
        node = self.parameters.outputSegmentation if self.parameters is not None else None
        if node is not None and node.GetDisplayNode() is not None:
            result.draw(node, self.ui.opacitySlider.value, self.ui.outlineCheckBox.checked)
            compare.update(node)

    def onEdit(self) -> None:
        slicer.util.selectModule("SegmentEditor")
        editor = slicer.modules.segmenteditor.widgetRepresentation().self().editor
        editor.setSegmentationNode(self.parameters.outputSegmentation)
        editor.setSourceVolumeNode(self.parameters.inputVolume)

    # the run

    def onSegment(self) -> None:
        if self.runner.busy:
            self.ui.segmentButton.enabled = False
            self.ui.statusLabel.text = _("Cancelling...")
            self.runner.cancel()
            return
        if not installer.torch_is_installed():
            self._say(_("PyTorch is missing: press Install PyTorch above, then Segment again."))
            return
        if not self._licence_accepted():
            return
        node, model = self.parameters.inputVolume, self.model
        job = Job(node, self.parameters.outputSegmentation, model, self._progressed, self._over)
        self._show_running(True)
        try:
            self.runner.segment(
                node, model, self._run_parameters(), self.ui.deviceSelector.currentData, self.parameters.threads, job
            )
        except (DINSegmentError, OSError) as error:
            self._over(None, Code.INPUT, str(error))

    def _run_parameters(self) -> Parameters:
        return Parameters(self.method, self.ui.strengthSlider.value)

    def _licence_accepted(self) -> bool:
        """Ask once for each model."""
        settings, key = slicer.app.userSettings(), f"{_ACCEPTED}/{self.model.id}"
        if settings.value(key) == self.model.version:
            return True
        text = _("Terms of {model}:\n\n{licence}\n\nDo you accept them?").format(
            model=self.model.title, licence=self.model.licence
        )
        if not slicer.util.confirmOkCancelDisplay(text):
            self._say(_("The terms of the model were not accepted: nothing was done."))
            return False
        settings.setValue(key, self.model.version)
        return True

    def _show_running(self, running: bool) -> None:
        ui = self.ui
        ui.segmentButton.text = _("&Cancel") if running else _("&Segment")
        ui.segmentButton.enabled = True
        ui.progressBar.visible = running
        ui.progressBar.maximum = 0  # busy, until slices are counted
        for selector in (ui.inputSelector, ui.outputSelector, ui.modelSelector, ui.deviceSelector):
            selector.enabled = not running

    def _progressed(self, text: str, done: int, total: int) -> None:
        self.ui.statusLabel.text = text
        self.ui.progressBar.maximum = total
        self.ui.progressBar.value = done

    def _over(self, node: Any, code: Code | None, text: str, statistics: Sequence[Mapping[str, Any]] = ()) -> None:
        """The run has ended, one way or the other."""
        if self.parameters is None:
            return
        self._show_running(False)
        self._say(text)
        if node is None:
            return
        self.parameters.outputSegmentation = node
        self.onOutputChanged(node)
        compare.update(node)
        result.show_statistics(self.ui.statisticsTable, statistics)
        self.onDrawing(None)

    def onReleaseMemory(self) -> None:
        self.runner.release()
        self._say(_("The worker has ended; the next run loads the model again."))

    # help

    def onLoadSample(self) -> None:
        """The bundled heart, or for another model one of Slicer's samples, which is downloaded."""
        with slicer.util.tryWithErrorDisplay(_("The sample could not be loaded."), waitCursor=True):
            if self.model.modality == "MR":
                node = slicer.util.loadVolume(samples.HEART_FILE, {"name": samples.HEART["nodeNames"]})
            else:
                import SampleData

                node = SampleData.SampleDataLogic().downloadSample(samples.CT)
            self.parameters.inputVolume = node

    def onInstallTorch(self) -> None:
        with slicer.util.tryWithErrorDisplay(_("PyTorch could not be installed."), waitCursor=True):
            installer.install_torch()
        self.enter()

    def _show_torch(self) -> None:
        missing = not installer.torch_is_installed()
        self.ui.torchLabel.visible = self.ui.installTorchButton.visible = missing
        self.ui.torchLabel.text = (
            _("The network needs PyTorch, which this Slicer does not have yet.") if missing else ""
        )

    def onCopyBatch(self) -> None:
        text = scripts.batch_command(
            self.parameters.inputVolume, self.model, self._run_parameters(), self.ui.deviceSelector.currentData
        )
        if text is None:
            self._say(_("This volume has no file: save it first, then copy the command."))
            return
        self._copy(text)

    def onCopyPython(self) -> None:
        self._copy(
            scripts.python_code(
                self.parameters.inputVolume, self.model, self._run_parameters(), self.ui.deviceSelector.currentData
            )
        )

    def onDiagnostics(self) -> None:
        device = self.ui.deviceSelector.currentText
        self._copy(scripts.diagnostics(self.model, device, self.runner.client.about, self._lines))

    def _copy(self, text: str) -> None:
        qt.QApplication.clipboard().setText(text)
        self.ui.statusLabel.text = _("Copied.")

    def _say(self, text: str) -> None:
        self.ui.statusLabel.text = text
        self.log(text)

    def log(self, text: str) -> None:
        """A line for the log that the user can copy."""
        self._lines.append(text)
        self.ui.logTextEdit.appendPlainText(text)
        logging.getLogger("dinsegment").info("%s", text)
