"""Segment several: one run over volumes that the user selects; if one fails, the others continue."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from ... import scene
from ...checks import fit
from ...engine.parameters import Parameters
from ...errors import DINSegmentError
from ...model import Enhancement, Model
from ...worker.protocol import Code
from .. import volumes
from ..checklist import Checklist
from ..jobs import CineJob, Job
from ..runner import Runner
from ..session import Session
from ..tables import Column
from ..translation import told
from .segmentation import SegmentationSection

_STOPS = (Code.CANCELLED, Code.TORCH, Code.VERSION)  # failures that would affect all other volumes too


class SeveralSection:
    """Connects Segment several.

    Args:
        ui: the panel's widgets.
        session: the current selection.
        widget: owns list and timer.
        runner: runs jobs.
        segmentation: checks the requirements of a run and shows progress.
        on_result: called with the selected volume's new segmentation and the run's report.
    """

    def __init__(
        self,
        ui: Any,
        session: Session,
        widget: Any,
        runner: Runner,
        segmentation: SegmentationSection,
        on_result: Callable[[Any, Mapping[str, Any]], Any],
    ) -> None:
        self.ui, self.session, self._runner = ui, session, runner
        self._widget, self._segmentation, self._on_result = widget, segmentation, on_result
        self.list: Checklist | None = None
        self._queue: list[tuple[Any, Model]] = []
        self._settings: tuple[str, Enhancement, str, int]  # of the run: model with its enhancement, device, threads
        self._volume: Any = None  # volume of the current run
        self._name = ""
        self._count = self._number = self._done = 0
        self._faults: list[str] = []
        self._unseen: list[Any] = []  # volumes still to be listed
        self._timer = qt.QTimer(widget)
        self._timer.connect("timeout()", self._on_turn)
        ui.severalButton.connect("clicked()", self.onSeveral)

    @property
    def running(self) -> int:
        """Number of the volume that is being segmented, counted from 1; 0 if none."""
        return self._number

    def onSeveral(self) -> None:
        """Let the user select volumes; those that suit a model are checked."""
        self.end()
        columns = [
            Column(_("Volume"), _("Volume")),
            Column(_("Model"), _("Model")),
            Column(_("Check first"), _("How the volume differs from the model's training data")),
        ]
        self.list = Checklist(
            self._widget, _("Segment several volumes"), columns, [_("&Segment")], self.onChosen, self.end
        )
        self.list.say(_("Checking the volumes…"))
        self.list.show()
        self._unseen = volumes.all_of_scene()
        self._timer.start(0)

    def _on_turn(self) -> None:
        """Inspect one volume per turn, because a large one takes a while."""
        if self.list is None or not self._unseen:
            self._timer.stop()
            if self.list is not None:
                self.list.say(
                    _(
                        "Volumes that suit their model are checked. Results of earlier runs are replaced, unless they "
                        "were edited."
                    )
                )
            return
        node = self._unseen.pop(0)
        if slicer.mrmlScene.IsNodePresent(node):
            self._add(node)

    def _add(self, node: Any) -> None:
        assert self.list is not None
        try:
            seen = volumes.look(node)
            model = self._model_for(seen)
            unlike = [told(one.text) for one in fit.notices(seen, model)]
            self.list.add((node, model), [node.GetName(), model.title, "\n".join(unlike)], not unlike)
        except DINSegmentError as error:
            self.list.add(None, [node.GetName(), "", told(error)], None)

    def _model_for(self, seen: fit.Look) -> Model:
        session = self.session
        return session.models[fit.likely_model(seen, session.models)] if session.is_automatic else session.model

    def onChosen(self, action: int, chosen: Sequence[tuple[Any, Model]]) -> None:
        """Close the list and start."""
        self.end()
        self.segment(chosen)

    def segment_all(self, nodes: Sequence[Any]) -> None:
        """Segment each volume with the model that it was loaded for, otherwise with the most suitable one."""
        chosen = []
        for node in nodes:
            noted = self.session.models.get(scene.noted(node, scene.MODEL) or "")
            try:
                chosen.append((node, noted or self._model_for(volumes.look(node))))
            except DINSegmentError as error:
                self.session.say(told(error))
        self.segment(chosen)

    def segment(self, chosen: Sequence[tuple[Any, Model]]) -> None:
        """Segment volumes with the given models, one after another."""
        models = {model.id: model for _node, model in chosen}
        if not chosen or self._runner.busy or not self._segmentation.allowed(list(models.values())):
            return
        self._queue, self._count, self._done, self._faults = list(chosen), len(chosen), 0, []
        session = self.session
        self._settings = session.model.id, session.enhancement, session.device, session.parameters.threads
        self._segmentation.show_running(True)
        self._next()

    def end(self) -> None:
        """Close the list and drop the volumes that were not started."""
        self._timer.stop()
        if self.list is not None:
            self.list.close()
        self.list, self._queue = None, []

    def _next(self) -> None:
        while self._queue:
            self._number = self._count - len(self._queue) + 1
            self._volume, model = self._queue.pop(0)
            if not slicer.mrmlScene.IsNodePresent(self._volume):
                self._faults.append(_("A volume was removed before its turn."))
                continue
            self._name = self._volume.GetName()
            enhanced, enhancement, device, threads = self._settings
            asked = Parameters(enhancement=enhancement) if model.id == enhanced else Parameters()
            try:
                self._runner.segment(asked, device, threads, self._job(self._volume, model))
                return
            except (DINSegmentError, OSError) as error:
                self._fail(told(error))
        self._end_run()

    def _job(self, node: Any, model: Model) -> Job:
        """Create a job that replaces the volume's earlier result, unless that was edited."""
        output = scene.find_result(node)
        if output is not None and scene.is_edited(output, node):
            output = None
        if (cine := scene.find_cine(node)) is not None:
            return CineJob(cine, output, model, self.progressed, self.over)
        return Job(node, output, model, self.progressed, self.over)

    def progressed(self, text: str, done: int, total: int) -> None:
        """Show the progress over all volumes."""
        line = _("Volume {number} of {count}, {name}: {text}").format(
            number=self._number, count=self._count, name=self._name, text=text
        )
        share = self._number - 1 + (done / total if total else 0)
        self._segmentation.progressed(line, round(1000 * share), 1000 * self._count)

    def over(self, node: Any, code: Code | None, text: str, story: Mapping[str, Any] | None = None) -> None:
        """Called when the run for one volume has ended in any way."""
        if node is None:
            self._fail(text)
            if code in _STOPS or self.session.parameters is None:
                self._queue = []
        else:
            self._done += 1
            if self._volume is self.session.volume:
                self._on_result(node, story or {})
        self._next()

    def _fail(self, text: str) -> None:
        self._faults.append(f"{self._name}: {text}")

    def _end_run(self) -> None:
        self._number = 0
        text = _("{done} of {count} volumes were segmented.").format(done=self._done, count=self._count)
        self._segmentation.end(None, "\n".join((text, *self._faults)))
