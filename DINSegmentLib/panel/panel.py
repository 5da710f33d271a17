"""The panel: connects its sections, and follows the scene and Slicer."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from .. import scene
from ..worker.protocol import Code
from . import inprocess, installer, scripts
from .jobs import Job
from .runner import Runner
from .sections.compare import CompareSection
from .sections.database import DatabaseSection
from .sections.enhancement import EnhancementSection
from .sections.function import FunctionSection
from .sections.input import InputSection
from .sections.insertions import InsertionSection
from .sections.maps import MapSection
from .sections.models import ModelSection
from .sections.report import ReportSection
from .sections.result import ResultSection
from .sections.review import ReviewSection
from .sections.segmentation import SegmentationSection
from .sections.several import SeveralSection
from .sections.study import StudySection
from .session import Session
from .shortcuts import COMPARE, NEXT_SLICE, PREVIOUS_SLICE, SEGMENT, Shortcuts
from .translation import told
from .watches import VoxelWatch

_LOG_LINES = 1000


class Panel:
    """Connects the widgets of the `.ui` file with the library.

    Args:
        ui: named widgets.
        widget: parent widget, which owns timers and processes.
        logic: the module's logic.
    """

    def __init__(self, ui: Any, widget: Any, logic: Any) -> None:
        self.ui = ui
        self._torch_is_broken = self._devices_asked = False
        ui.logTextEdit.maximumBlockCount = _LOG_LINES
        self.session = session = Session(ui)
        self.runner = Runner(widget, session.log, self.onTrouble)
        self.enhancement = EnhancementSection(
            ui, session, widget, lambda: self.compare.show_enhanced(), lambda: self.compare.end_fade()
        )
        self.function = FunctionSection(ui, session)
        self.review = ReviewSection(ui, session)
        self.insertions = InsertionSection(ui, session)
        self.report = ReportSection(ui, session, self.function.person)
        self.database = DatabaseSection(ui, session, self.function.person, self.report)
        self.result = ResultSection(ui, session, logic, widget, self.runner, self.function, self.review)
        self.input = InputSection(
            ui,
            session,
            widget,
            self.follow,
            self.enhancement.follow_model,
            lambda reason: self.segmentation.show_ready(reason),
        )
        self.segmentation = SegmentationSection(
            ui, session, self.runner, self.input.check, self.show_run, self.onTrouble
        )
        self.models = ModelSection(ui, session, self.onModels)
        self.several = SeveralSection(ui, session, widget, self.runner, self.segmentation, self.show_run)
        self.study = StudySection(ui, session, widget, self.onLoaded)
        self.maps = MapSection(ui, session, self.begin_map, self.segmentation.progressed, self.segmentation.end)
        self.compare = CompareSection(ui, session, self.enhancement.ensure, self.maps.lay)
        self._shortcuts = Shortcuts(
            widget,
            {
                SEGMENT: ui.segmentButton.click,
                COMPARE: ui.compareButton.click,
                NEXT_SLICE: lambda: self.review.step(1),
                PREVIOUS_SLICE: lambda: self.review.step(-1),
            },
        )
        inprocess.watch(self.onPythonRun)
        self._voxels = VoxelWatch(widget, self.follow_voxels)
        for button, slot in (
            (ui.installTorchButton, self.onInstallTorch),
            (ui.copyBatchButton, self.onCopyBatch),
            (ui.copyPythonButton, self.onCopyPython),
            (ui.diagnosticsButton, self.onDiagnostics),
        ):
            button.connect("clicked()", slot)

    @property
    def parameters(self) -> Any:
        """The wrapped parameter node; None if no scene is open."""
        return self.session.parameters

    # lifecycle

    def setParameterNode(self, parameterNode: Any) -> None:
        """Show the settings of the scene and keep them in sync; None if no scene is open."""
        session, before = self.session, self.session.parameters
        if None not in (before, parameterNode) and parameterNode.parameterNode is before.parameterNode:
            return
        session.bind(parameterNode)
        if parameterNode is not None:
            self.input.show()
            self.enhancement.show()
            self.input.onVolume(session.volume)

    def enter(self) -> None:
        """Called when the panel is shown."""
        self.session.in_view = True
        self._shortcuts.enable(True)
        self._show_torch()
        self.input.choose_first()
        self.maps.update()  # nodes may have been deleted in another module
        if not self._devices_asked and installer.torch_is_installed():
            self._devices_asked = True
            self.runner.warm_up(self.input.show_devices)
        self.models.tell_missing()

    def forget(self, node: Any) -> None:
        """Called before a node leaves the scene: Slicer's lists would choose another one, perhaps another patient's."""
        selection = (
            (self.ui.inputSelector, self.session.volume),
            (self.ui.outputSelector, self.session.output),
            (self.ui.enhancedOutputSelector, self.session.enhanced),
        )
        for nodes, chosen in selection:
            if chosen is node:
                nodes.setCurrentNode(None)

    def exit(self) -> None:
        """Called when the panel is hidden: restore the user's views; a run continues."""
        self.session.in_view = False
        self._shortcuts.enable(False)
        self.compare.restore()

    def closeScene(self) -> None:
        """Called before the scene is closed."""
        self.study.end()
        self.several.end()
        self.runner.cancel()
        self._let_go()
        self.input.clear()

    def end(self) -> None:
        """Clean up: leave no process, timer, file or changed view behind."""
        self._let_go()
        inprocess.unwatch(self.onPythonRun)
        self.study.end()
        self.compare.end()
        self.input.end()
        self.runner.end()

    def _let_go(self) -> None:
        self.enhancement.stop()
        self.compare.restore()
        self.result.clear()
        self.insertions.follow(None)
        self.function.person.follow(None)
        self._voxels.follow(None)
        self.setParameterNode(None)

    # one volume at a time

    def follow(self, volume: Any, is_another: bool) -> None:
        """Show what belongs to a volume and nothing of the previous one, which may be another patient's."""
        self.compare.restore()
        if volume is not None and is_another:
            scene.show_volume(volume)
        self._voxels.follow(volume)
        self.maps.follow(volume)
        self.function.person.follow(volume)
        self.segmentation.follow(volume)
        self.result.onOutput(self.session.output)
        self.insertions.follow(self.session.output)
        self.enhancement.follow(volume)

    def show_run(self, node: Any, story: Mapping[str, Any]) -> None:
        """Show the result of a run; an overlaid map stays."""
        self.result.show_run(node, story)
        self.maps.lay()

    def onPythonRun(self, job: Job, node: Any, story: Mapping[str, Any]) -> None:
        """Show the result of a run started from Python (see `inprocess`), as if from the panel."""
        if self.session.deaf or job.volume_node is not self.session.volume:
            return
        if job.map is None:
            self.show_run(node, story)
        else:
            self.maps.update()

    def begin_map(self, job: Callable[[], Job]) -> bool:
        """Start a run for a map, which is laid over the original volume."""
        self.compare.end_fade()
        return self.segmentation.begin(job)

    def follow_voxels(self) -> None:
        """Called when the volume's voxels have changed, for example to another frame."""
        if self.session.deaf or self.session.volume is None:
            return
        self.maps.follow_voxels()
        self.enhancement.follow_voxels()

    def onLoaded(self, nodes: Sequence[Any], segment: bool) -> None:
        """Called when images of a study were loaded into the scene."""
        self.ui.inputSelector.setCurrentNode(nodes[0])
        if segment:
            self.several.segment_all(nodes)

    def onModels(self) -> None:
        """Called when models were added or removed."""
        self.input.list_models()
        self.enhancement.follow_model()
        self.input.check()

    # help

    def onInstallTorch(self) -> None:
        try:
            installer.install_torch()
        except Exception as error:
            slicer.util.errorDisplay(_("PyTorch could not be installed: {error}").format(error=told(error)))
            return
        self._torch_is_broken = False
        self.runner.release()  # the next worker will find it
        self.enter()

    def onTrouble(self, code: Code, text: str) -> None:
        """Show a problem that the worker reports outside of a run."""
        self.session.say(text)
        if code is Code.TORCH:
            self._torch_is_broken, self._devices_asked = True, False
            self._show_torch()

    def _show_torch(self) -> None:
        there = installer.torch_is_installed()
        self.ui.torchLabel.visible = self.ui.installTorchButton.visible = not there or self._torch_is_broken
        self.ui.torchLabel.text = (
            _("PyTorch is installed in this Slicer but cannot be loaded.")
            if there
            else _("PyTorch is not installed in this Slicer.")
        )

    def onCopyBatch(self) -> None:
        session, volume = self.session, self.session.volume
        text = scripts.batch_command(volume, session.model, session.enhancement, session.device)
        if text is None:
            session.say(_("This volume has no file: save it first, then copy the command."))
            return
        self._copy(text)
        if frame := scripts.only_frame(volume, session.model):
            session.say(
                _(
                    "Copied, for frame {frame}, which is shown: with this model, a batch segments one frame of a cine."
                ).format(frame=frame)
            )

    def onCopyPython(self) -> None:
        one = self.session
        self._copy(scripts.python_code(one.volume, one.output, one.model, one.enhancement, one.device))

    def onDiagnostics(self) -> None:
        device, worker = self.ui.deviceSelector.currentText, self.runner.client.about
        self._copy(scripts.diagnostics(self.session.model, device, worker, self.ui.logTextEdit.plainText))

    def _copy(self, text: str) -> None:
        qt.QApplication.clipboard().setText(text)
        self.session.show(_("Copied."))
