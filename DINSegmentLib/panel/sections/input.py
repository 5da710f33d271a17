"""Selection of volume, model and device."""

from collections.abc import Callable, Sequence
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from ... import scene
from ...checks import fit
from ...errors import DINSegmentError
from ...notices import Severity
from .. import choices, samples, volumes
from ..notice_rows import NoticeRows, lines_of
from ..session import Session
from ..translation import told


class InputSection:
    """Connects the lists of volumes, models and devices, and shows how the volume differs from the training data.

    Args:
        ui: the panel's widgets.
        session: the current selection.
        widget: owns the menu of samples and the process that generates one.
        on_volume: called with the volume to show (or None) and whether it differs from the previous one.
        on_model: called when another model is selected.
        on_checked: called with the reason why the volume cannot be used, or an empty text.
    """

    def __init__(
        self,
        ui: Any,
        session: Session,
        widget: Any,
        on_volume: Callable[[Any, bool], None],
        on_model: Callable[[], None],
        on_checked: Callable[[str], None],
    ) -> None:
        self.ui, self.session = ui, session
        self._on_volume, self._on_model, self._on_checked = on_volume, on_model, on_checked
        self._shown: Any = None  # the volume that the panel describes
        self._notices = NoticeRows(ui.inputNotices)
        self._seen: tuple[tuple[Any, ...], fit.Look] | None = None
        choices.fill_models(ui.modelSelector, session.models)
        choices.fill_devices(ui.deviceSelector, [], choices.AUTO)
        choices.follow_nodes(ui.inputSelector, self.onVolume)
        for selector, slot in ((ui.modelSelector, self.onModel), (ui.deviceSelector, self.onDevice)):
            choices.show_tip(selector)
            selector.connect("currentIndexChanged(int)", slot)
        self._phantom = samples.Phantom(widget, self._loaded, self._not_loaded)
        self._menu = qt.QMenu(widget)  # keep a reference: Qt does not own it
        for text, load in (
            (_("Heart (bundled phantom)"), self.onHeart),
            (_("Cine (phantom, takes some seconds)"), lambda: self.onPhantom(samples.CINE)),
            (_("Late enhancement (phantom, takes some seconds)"), lambda: self.onPhantom(samples.LATE)),
            (_("Abdominal CT (phantom, takes some seconds)"), lambda: self.onPhantom(samples.ABDOMEN)),
            (_("Abdominal CT (CTLiver of Slicer, download)"), self.onDownload),
        ):
            action = self._menu.addAction(text)
            action.connect("triggered()", load)
        ui.loadSampleButton.setMenu(self._menu)
        ui.loadSampleButton.connect("clicked()", self.onLoadSample)

    def clear(self) -> None:
        """Called when the scene is closed."""
        self._shown = self._seen = None
        self.end()

    def choose_first(self) -> None:
        """Select the first volume of the scene not made by DINSegment, unless one is selected."""
        if self.session.volume is None:
            self.ui.inputSelector.setCurrentNode(next(iter(volumes.all_of_scene()), None))

    def show(self) -> None:
        """Show the settings of an opened scene; `onVolume` shows the rest."""
        session, parameters = self.session, self.session.parameters
        self._shown = session.volume
        with session.quietly():
            self.list_models()
            choices.choose(self.ui.deviceSelector, parameters.device)

    def list_models(self) -> None:
        """List the known models; if the selected one is gone, select the automatic choice."""
        session, parameters = self.session, self.session.parameters
        with session.quietly():
            choices.fill_models(self.ui.modelSelector, session.models)
            if parameters is not None and parameters.modelId not in session.models:
                parameters.modelId = ""
            self._suggest()
            choices.choose(self.ui.modelSelector, parameters.modelId if parameters is not None else "")

    def onVolume(self, node: Any) -> None:
        """Make everything follow the selected volume, which may be another patient's."""
        session, parameters = self.session, self.session.parameters
        if session.deaf:
            return
        if volumes.is_ours(node):  # also what Slicer's list falls back to when the selected volume is removed
            self.ui.inputSelector.setCurrentNode(None)
            session.say(_("DINSegment made that volume from another one. Choose the original volume."))
            return
        parameters.inputVolume = node
        if is_another := node is not self._shown:
            self._shown = node
            parameters.outputSegmentation = scene.find_result(node) if node is not None else None
            by_hand = scene.noted(node, scene.MODEL) if node is not None else None
            before, parameters.modelId = session.model.id, by_hand if by_hand in session.models else ""
            self._suggest()
            with session.quietly():
                choices.choose(self.ui.modelSelector, parameters.modelId)
            if session.model.id != before:
                self._on_model()
        session.show("")
        self._on_volume(node, is_another)
        self.check()

    def _suggest(self) -> None:
        """Find the model for the automatic choice: the one that suits the volume or, without a volume, the sample."""
        session = self.session
        session.suggested = samples.HEART_MODEL
        try:
            if session.volume is not None:
                session.suggested = fit.likely_model(self._look(session.volume), session.models)
        except DINSegmentError:  # reported by `check`
            pass
        choices.name_automatic(self.ui.modelSelector, session.models[session.suggested])

    def onModel(self, row: int) -> None:
        """Store the user's choice with this volume."""
        session = self.session
        choices.show_tip(self.ui.modelSelector)
        if session.deaf or row < 0:
            return
        session.parameters.modelId = "" if session.is_automatic else session.model.id
        if session.volume is not None:
            scene.note(session.volume, scene.MODEL, session.parameters.modelId or None)
        self._on_model()
        self.check()

    def onDevice(self, row: int) -> None:
        choices.show_tip(self.ui.deviceSelector)
        if not self.session.deaf and row >= 0:
            self.session.parameters.device = self.session.device

    def show_devices(self, found: Sequence[dict[str, str]]) -> None:
        """Show the devices that the worker has found."""
        parameters = self.session.parameters
        with self.session.quietly():
            choices.fill_devices(self.ui.deviceSelector, found, parameters.device if parameters else choices.AUTO)
        self.session.log(told(found[0]["reason"]))

    def onLoadSample(self) -> None:
        """Load a sample that suits the selected model: the bundled heart, or a phantom."""
        if fit.is_late(self.session.model):
            self.onPhantom(samples.LATE)
        elif self.session.model.modality == "MR":
            self.onHeart()
        else:
            self.onPhantom(samples.ABDOMEN)

    def onHeart(self) -> None:
        self._load(samples.load_heart)

    def onDownload(self) -> None:
        self._load(samples.download_ct)

    def onPhantom(self, name: str) -> None:
        """Generate a sample in a separate process and load it when finished."""
        try:
            self._phantom.make(name)
        except OSError as error:
            self._not_loaded(told(error))
            return
        self.ui.loadSampleButton.enabled = False
        self.session.show(_("Creating the sample…"))

    def end(self) -> None:
        """Clean up when the scene or the panel closes."""
        self._phantom.end()
        self.ui.loadSampleButton.enabled = True

    def _load(self, load: Callable[[], Any]) -> None:
        try:
            node = load()
        except Exception as error:
            self._not_loaded(told(error))
            return
        self._loaded(node)

    def _loaded(self, node: Any) -> None:
        self.ui.loadSampleButton.enabled = True
        self.session.show("")
        self.ui.inputSelector.setCurrentNode(node)

    def _not_loaded(self, reason: str) -> None:
        self.ui.loadSampleButton.enabled = True
        self.session.show("")
        slicer.util.errorDisplay(_("The sample could not be loaded: {error}").format(error=reason))

    def check(self) -> None:
        """Show summary and warnings of the volume for the model, and whether it can be used."""
        ui, node, model = self.ui, self.session.volume, self.session.model
        summary, lines, reason = "", [], _("Choose a volume first.")
        if node is not None:
            try:
                seen = self._look(node)
                summary, reason = told(fit.summary(seen)), ""
                lines = lines_of(fit.notices(seen, model))
            except DINSegmentError as error:
                reason = told(error)
                lines = [(Severity.PROBLEM, reason)]
        choices.tell(ui.inputSummaryLabel, summary)
        self._notices.show(lines)
        ui.licenceLabel.text = model.licence
        self._on_checked(reason)

    def _look(self, node: Any) -> fit.Look:
        """Read all voxels once while they are unchanged, because that is slow in a large volume."""
        volume = scene.read_volume(node)
        key = node.GetID(), node.GetImageData().GetMTime(), volume.geometry.ijk_to_ras.tobytes()
        if self._seen is None or self._seen[0] != key:
            self._seen = key, volumes.look(node)
        return self._seen[1]
