"""The panel: its life, and what is segmented, by what, and where; the rest is in `adjusting` and `running`.

Values live in the parameter node. A slot of ours may be called before the parameter node's own, and any change of the
node lets it write all its values into the widgets, old ones too: so each slot first writes its own value there.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from .. import scene
from ..checks import fit as advice
from ..engine.parameters import Parameters
from ..errors import DINSegmentError
from ..model import Model, catalogue
from ..model.enhancement import METHODS
from ..worker.protocol import Code
from . import choices, installer, samples, scripts
from .adjusting import Adjusting
from .running import Running
from .translation import told

_LOG_LINES = 1000


class Panel:
    """Connects the widgets of the `.ui` file with the library.

    Args:
        ui: its named widgets.
        widget: the widget that holds them, which owns timers and processes.
        logic: the module's, for what needs no panel.
    """

    def __init__(self, ui: Any, widget: Any, logic: Any) -> None:
        self.ui, self.logic = ui, logic
        self.models = catalogue()
        self.parameters: Any = None
        self._connection: Any = None
        self.updating = False  # slots do nothing: the widgets only follow
        self._torch_is_broken = False
        self._seen: tuple[tuple[Any, ...], advice.Look] | None = None
        self._devices_asked = False
        ui.logTextEdit.maximumBlockCount = _LOG_LINES
        choices.fill_models(ui.modelSelector, self.models)
        choices.fill_devices(ui.deviceSelector, [], choices.AUTO)
        self.adjusting = Adjusting(self, widget)
        self.running = Running(self, widget)
        ui.inputSelector.connect("currentNodeChanged(vtkMRMLNode*)", self.onInputChanged)
        ui.modelSelector.connect("currentIndexChanged(int)", self.onModelChanged)
        ui.deviceSelector.connect("currentIndexChanged(int)", self.onDeviceChanged)
        for button, slot in (
            (ui.loadSampleButton, self.onLoadSample),
            (ui.installTorchButton, self.onInstallTorch),
            (ui.copyBatchButton, self.onCopyBatch),
            (ui.copyPythonButton, self.onCopyPython),
            (ui.diagnosticsButton, self.onDiagnostics),
        ):
            button.connect("clicked()", slot)

    # life

    def setParameterNode(self, parameterNode: Any) -> None:
        """Show the settings of the scene, and keep them there from now on; None: no scene is open."""
        if self.parameters is not None:
            if parameterNode is not None and parameterNode.parameterNode is self.parameters.parameterNode:
                return
            self.parameters.disconnectGui(self._connection)
        self.parameters = parameterNode
        if parameterNode is not None:
            self._connection = parameterNode.connectParametersToGui(
                {
                    "inputVolume": self.ui.inputSelector,
                    "outputSegmentation": self.ui.outputSelector,
                    "enhancedVolume": self.ui.enhancedOutputSelector,
                    "threads": self.ui.threadsSpinBox,
                    "strength": self.ui.strengthSlider,
                    "preview": self.ui.previewCheckBox,
                    "smooth": self.ui.smoothCheckBox,
                }
            )
            if not parameterNode.inputVolume:
                parameterNode.inputVolume = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode")
            self._show_parameters()

    def enter(self) -> None:
        """The panel comes into view."""
        self._show_torch()
        self.running.maps.update()  # in other modules nodes can be deleted
        if not self._devices_asked and installer.torch_is_installed():
            self._devices_asked = True
            self.running.runner.warm_up(self.onDevicesFound)

    def exit(self) -> None:
        """The panel goes out of view: views are the user's again, a run goes on."""
        self.adjusting.exit()

    def closeScene(self) -> None:
        """The scene is about to be emptied."""
        self.running.runner.cancel()
        self.adjusting.stop()
        self.exit()
        self.running.clear()
        self.setParameterNode(None)
        self._seen = None

    def end(self) -> None:
        """The panel is taken apart: no process, timer, file or view of ours stays behind."""
        self.adjusting.stop()
        self.exit()
        self.running.maps.follow(None)
        self.running.runner.end()
        self.setParameterNode(None)

    @contextmanager
    def quietly(self) -> Iterator[None]:
        """Let widgets follow without their slots."""
        before, self.updating = self.updating, True
        try:
            yield
        finally:
            self.updating = before

    @property
    def deaf(self) -> bool:
        """Whether slots have nothing to do: no scene is open, one is being read, or widgets only follow."""
        return self.updating or self.parameters is None or slicer.mrmlScene.IsImporting()

    # what is chosen

    @property
    def model(self) -> Model:
        return self.models[self.ui.modelSelector.currentData]

    @property
    def device(self) -> str:
        return self.ui.deviceSelector.currentData

    def run_parameters(self) -> Parameters:
        """What the engine is asked for."""
        return Parameters(enhancement=self.adjusting.enhancement)

    def _show_parameters(self) -> None:
        """Lists that the parameter node cannot be bound to follow it by hand."""
        parameters, ui = self.parameters, self.ui
        with self.quietly():
            if parameters.modelId not in self.models:
                parameters.modelId = ""
            choices.choose(ui.modelSelector, parameters.modelId or self._likely_model(parameters.inputVolume))
            choices.choose(ui.deviceSelector, parameters.device)
            choices.fill_methods(ui.enhancementMethodComboBox, self.model)
            default = self.model.enhancement.default.method
            choices.choose(ui.enhancementMethodComboBox, parameters.method if parameters.method in METHODS else default)
        self.onInputChanged(parameters.inputVolume)

    def onInputChanged(self, node: Any) -> None:
        if self.deaf:
            return
        self.parameters.inputVolume = node
        self.ui.loadSampleButton.visible = node is None
        if not self.parameters.modelId:
            choices.choose(self.ui.modelSelector, self._likely_model(node))
            self.parameters.modelId = ""  # it is not the user's choice
        self.running.onInputChanged(node)
        self.advise()
        self.adjusting.begin(node)

    def _likely_model(self, node: Any) -> str:
        """What suits the volume; without one, what suits the sample."""
        try:
            return advice.likely_model(self._look(node), self.models) if node is not None else samples.HEART_MODEL
        except DINSegmentError:
            return samples.HEART_MODEL

    def onModelChanged(self, row: int) -> None:
        if self.deaf or row < 0:
            return
        self.parameters.modelId = self.model.id
        with self.quietly():
            choices.fill_methods(self.ui.enhancementMethodComboBox, self.model)
        self.adjusting.onResetEnhancement()
        self.advise()

    def onDeviceChanged(self, row: int) -> None:
        if not self.deaf and row >= 0:
            self.parameters.device = self.device

    def onDevicesFound(self, found: Sequence[dict[str, str]]) -> None:
        chosen = self.parameters.device if self.parameters is not None else choices.AUTO
        with self.quietly():
            choices.fill_devices(self.ui.deviceSelector, found, chosen)
        self.log(told(found[0]["reason"]))

    def _look(self, node: Any) -> advice.Look:
        """All voxels are looked at once as long as they stay the same: in a large volume that takes a while."""
        volume = scene.read_volume(node)
        key = node.GetID(), node.GetImageData().GetMTime(), volume.geometry.ijk_to_ras.tobytes()
        if self._seen is None or self._seen[0] != key:
            self._seen = key, advice.look(volume.array, volume.geometry, scene.modality(node))
        return self._seen[1]

    def advise(self) -> None:
        """Summary and warnings of the volume for the model, and whether Segment can be clicked."""
        ui, node = self.ui, self.parameters.inputVolume
        summary, warnings, reason = "", [], _("Choose a volume first.")
        if node is not None:
            try:
                seen = self._look(node)
                summary, reason = told(advice.summary(seen)), ""
                warnings = [told(one.text) for one in advice.notices(seen, self.model)]
            except DINSegmentError as error:
                warnings, reason = [], told(error)
        advices = "\n".join(_("Warning: {text}").format(text=text) for text in warnings)
        if node is not None and reason:
            advices = reason
        choices.tell(ui.inputSummaryLabel, summary)
        choices.tell(ui.inputWarningLabel, advices)
        ui.licenceLabel.text = self.model.licence
        ui.segmentButton.enabled = self.running.runner.busy or not reason
        ui.segmentButton.toolTip = reason or _("Segment the volume; the output changes only when all went well.")
        for control in (ui.compareButton, ui.fadeSlider, ui.copyBatchButton, ui.copyPythonButton):
            control.enabled = not reason
        for control in (ui.confidenceButton, ui.whyButton):
            control.enabled = not reason and not self.running.runner.busy

    # help

    def onLoadSample(self) -> None:
        """The bundled heart, or for another model one of Slicer's samples, which is downloaded."""
        try:
            if self.model.modality == "MR":
                node = slicer.util.loadVolume(samples.HEART_FILE, {"name": samples.HEART["nodeNames"]})
            else:
                node = samples.download_ct()
        except Exception as error:
            slicer.util.errorDisplay(_("The sample could not be loaded: {error}").format(error=told(error)))
            return
        self.ui.inputSelector.setCurrentNode(node)

    def onInstallTorch(self) -> None:
        try:
            installer.install_torch()
        except Exception as error:
            slicer.util.errorDisplay(_("PyTorch could not be installed: {error}").format(error=told(error)))
            return
        self._torch_is_broken = False
        self.running.runner.release()  # the next worker finds it
        self.enter()

    def onTrouble(self, code: Code, text: str) -> None:
        """What the worker says beside a run."""
        self.say(text)
        if code is Code.TORCH:
            self._torch_is_broken, self._devices_asked = True, False
            self._show_torch()

    def _show_torch(self) -> None:
        there = installer.torch_is_installed()
        self.ui.torchLabel.visible = self.ui.installTorchButton.visible = not there or self._torch_is_broken
        self.ui.torchLabel.text = (
            _("The network needs PyTorch; the one in this Slicer cannot be used.")
            if there
            else _("The network needs PyTorch, which this Slicer does not have yet.")
        )

    def onCopyBatch(self) -> None:
        volume = self.parameters.inputVolume
        text = scripts.batch_command(volume, self.model, self.adjusting.enhancement, self.device)
        if text is None:
            self.say(_("This volume has no file: save it first, then copy the command."))
            return
        self._copy(text)
        if frame := scripts.only_frame(volume, self.model):
            self.say(
                _(
                    "Copied, for frame {frame}, which is shown: with this model, a batch segments one frame of a cine."
                ).format(frame=frame)
            )

    def onCopyPython(self) -> None:
        volume, output = self.parameters.inputVolume, self.parameters.outputSegmentation
        self._copy(scripts.python_code(volume, output, self.model, self.adjusting.enhancement, self.device))

    def onDiagnostics(self) -> None:
        device, worker = self.ui.deviceSelector.currentText, self.running.runner.client.about
        self._copy(scripts.diagnostics(self.model, device, worker, self.ui.logTextEdit.plainText))

    def _copy(self, text: str) -> None:
        qt.QApplication.clipboard().setText(text)
        self.ui.statusLabel.text = _("Copied.")

    def say(self, text: str) -> None:
        """Tell the user, and the log."""
        text = told(text)
        self.ui.statusLabel.text = text
        self.log(text)

    def log(self, text: str) -> None:
        """A line for the log, which the user may send to others: without names, which may be patients' names."""
        text = scripts.without_names(text)
        self.ui.logTextEdit.appendPlainText(text)
        logging.getLogger("dinsegment").info("%s", text)
