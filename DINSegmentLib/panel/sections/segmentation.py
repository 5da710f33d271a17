"""Segment: starts a run, shows its progress and its outcome."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from slicer.i18n import tr as _

from ... import scene
from ...engine.parameters import Parameters
from ...errors import DINSegmentError
from ...model import Model
from ...worker.protocol import Code
from .. import inprocess, installer, models
from ..dialogs import choose_answer
from ..jobs import CineJob, Job
from ..runner import Runner
from ..session import Session
from ..translation import told


class SegmentationSection:
    """Connects Segment, the progress bar and Unload model.

    Args:
        ui: the panel's widgets.
        session: the current selection.
        runner: runs jobs.
        check: checks the volume again and calls `show_ready`.
        on_result: shows the node of a result and the run's report.
        on_trouble: called with what is missing for any run.
    """

    def __init__(
        self,
        ui: Any,
        session: Session,
        runner: Runner,
        check: Callable[[], None],
        on_result: Callable[[Any, Mapping[str, Any]], None],
        on_trouble: Callable[[Code, str], None],
    ) -> None:
        self.ui, self.session, self.runner = ui, session, runner
        self._check, self._on_result, self._on_trouble = check, on_result, on_trouble
        self._volume: Any = None  # volume of the current run
        ui.segmentButton.connect("clicked()", self.onSegment)
        ui.releaseMemoryButton.connect("clicked()", self.onReleaseMemory)

    def follow(self, volume_node: Any) -> None:
        """Called when another volume is selected."""
        self.ui.smoothCheckBox.enabled = volume_node is None or scene.find_cine(volume_node) is None

    def show_ready(self, reason: str) -> None:
        """Enable Segment, or show why it is disabled."""
        ui, busy = self.ui, self.runner.busy
        ui.segmentButton.enabled = busy or not reason
        ready = _("Segment the volume. The output is updated only if the run succeeds. Key: Ctrl+Return.")
        ui.segmentButton.toolTip = reason or ready
        for control in (
            ui.compareButton,
            ui.showEnhancedButton,
            ui.fadeSlider,
            ui.copyBatchButton,
            ui.copyPythonButton,
        ):
            control.enabled = not reason
        for control in (ui.confidenceButton, ui.whyButton):
            control.enabled = not reason and not busy

    def onSegment(self) -> None:
        session = self.session
        if self.runner.busy:
            self.ui.segmentButton.enabled = False
            session.show(_("Canceling…"))
            self.runner.cancel()
            return
        volume, output = session.volume, session.output
        if question := _question(output, volume):
            answer = choose_answer(question, [_("Replace them"), _("Keep them and make a new segmentation")])
            if answer is None:
                return
            output = output if answer == 0 else None
        cine = scene.find_cine(volume) if volume is not None else None

        def job() -> Job:
            if cine is not None:
                return CineJob(cine, output, session.model, self.progressed, self.over)
            made = Job(volume, output, session.model, self.progressed, self.over)
            made.surfaces = session.parameters.smooth
            made.keep_surfaces = False  # the result section computes them in steps
            return made

        self.begin(job)

    def begin(self, job: Callable[[], Job]) -> bool:
        """Start a run if all requirements are met; otherwise show what is missing.

        Args:
            job: creates the job, or raises an error about its volume.

        Returns:
            whether a run was started.
        """
        ui, session = self.ui, self.session
        self._check()  # voxels or transforms may have changed since the volume was selected
        if not ui.segmentButton.enabled:
            session.say(ui.segmentButton.toolTip)
            return False
        if not self.allowed([session.model]):
            return False
        self._volume = session.volume
        self.show_running(True)
        try:
            self.runner.segment(
                Parameters(enhancement=session.enhancement), session.device, session.parameters.threads, job()
            )
        except (DINSegmentError, OSError) as error:
            self.end(Code.INPUT, told(error))
            return False
        return True

    def allowed(self, wanted: Sequence[Model]) -> bool:
        """Whether PyTorch is available and the models' terms are accepted; shows what is missing."""
        if not installer.torch_is_installed():
            self.session.say(_("PyTorch is missing: click Install PyTorch… above, then Segment."))
            return False
        if not all(models.terms_accepted(model) for model in wanted):
            self.session.say(_("The terms of the model were not accepted: nothing was done."))
            return False
        return True

    def show_running(self, running: bool) -> None:
        """During a run, turn Segment into Cancel and disable all settings of the run."""
        ui = self.ui
        ui.segmentButton.text = _("Cancel &segmentation") if running else _("&Segment")
        ui.segmentButton.toolTip = (
            _("Stop the run. The output stays unchanged.") if running else ui.segmentButton.toolTip
        )
        ui.segmentButton.enabled = True
        ui.progressBar.visible = running
        ui.progressBar.maximum = 0  # busy indicator until the number of slices is known
        for control in (
            ui.inputSelector, ui.outputSelector, ui.modelSelector, ui.deviceSelector, ui.confidenceButton, ui.whyButton,
            ui.severalButton, ui.addModelButton, ui.openStudyButton,
        ):  # fmt: skip
            control.enabled = not running

    def progressed(self, text: str, done: int, total: int) -> None:
        """Show progress; ``total`` 0 if unknown."""
        self.session.show(text)
        self.ui.progressBar.maximum = total
        self.ui.progressBar.value = done

    def over(self, node: Any, code: Code | None, text: str, story: Mapping[str, Any] | None = None) -> None:
        """Called when the run has ended in any way."""
        chosen = self.session.volume
        if node is not None and chosen is not self._volume:  # its result is shown when the volume is selected again
            name = self._volume.GetName()
            self.end(code, _("{name} was segmented. Choose that volume to see the result.").format(name=name))
            return
        self.end(code, text)
        if node is not None and chosen is not None:
            self._on_result(node, story or {})

    def end(self, code: Code | None, text: str) -> None:
        """Show the outcome when the worker is idle again."""
        self.show_running(False)
        if code is Code.TORCH:
            self._on_trouble(code, text)
        else:
            self.session.say(text)
        if self.session.parameters is not None:
            self._check()

    def onReleaseMemory(self) -> None:
        self.runner.release()
        inprocess.release()
        self.session.say(_("Model unloaded. The next run loads it again."))


def _question(output: Any, volume: Any) -> str:
    """Return what to ask before segments of a node are replaced; empty if nothing would be lost."""
    if volume is None or output is None or not output.GetSegmentation().GetNumberOfSegments():
        return ""
    if not scene.is_result(output, volume):
        text = _("{name} was not made from the chosen volume. What should happen to its segments?")
    elif scene.is_edited(output, volume):
        text = _("{name} was edited since it was segmented. What should happen to its segments?")
    else:
        return ""
    return text.format(name=output.GetName())
