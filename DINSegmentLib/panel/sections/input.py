"""Which volume is segmented, by which model and on which device."""

from collections.abc import Callable, Sequence
from typing import Any

import slicer
from slicer.i18n import tr as _

from ... import scene
from ...checks import fit
from ...errors import DINSegmentError
from .. import choices, samples
from ..session import Session
from ..translation import told


class InputSection:
    """Connects the lists of volumes, models and devices, and says what is unlike the model's training data.

    Args:
        ui: the panel's widgets.
        session: what is chosen.
        on_volume: called with the volume to show (None: there is none) and whether it is another one than before.
        on_model: called when another model is chosen.
        on_checked: called with the reason for which the volume cannot be used, or an empty text.
    """

    def __init__(
        self,
        ui: Any,
        session: Session,
        on_volume: Callable[[Any, bool], None],
        on_model: Callable[[], None],
        on_checked: Callable[[str], None],
    ) -> None:
        self.ui, self.session = ui, session
        self._on_volume, self._on_model, self._on_checked = on_volume, on_model, on_checked
        self._shown: Any = None  # the volume that the panel speaks of
        self._seen: tuple[tuple[Any, ...], fit.Look] | None = None
        choices.fill_models(ui.modelSelector, session.models)
        choices.fill_devices(ui.deviceSelector, [], choices.AUTO)
        ui.inputSelector.connect("currentNodeChanged(vtkMRMLNode*)", self.onVolume)
        ui.modelSelector.connect("currentIndexChanged(int)", self.onModel)
        ui.deviceSelector.connect("currentIndexChanged(int)", self.onDevice)
        ui.loadSampleButton.connect("clicked()", self.onLoadSample)

    def clear(self) -> None:
        """The scene is closed."""
        self._shown = self._seen = None

    def choose_first(self) -> None:
        """Where no volume is chosen, choose the first of the scene that we did not make."""
        if self.session.volume is None:
            volumes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
            self.ui.inputSelector.setCurrentNode(next((one for one in volumes if not _is_ours(one)), None))

    def show(self) -> None:
        """Show the settings of a scene that was opened; `onVolume` shows the rest."""
        session, parameters = self.session, self.session.parameters
        self._shown = session.volume
        if parameters.modelId not in session.models:
            parameters.modelId = ""
        with session.quietly():
            choices.choose(self.ui.modelSelector, parameters.modelId or self._likely_model(session.volume))
            choices.choose(self.ui.deviceSelector, parameters.device)

    def onVolume(self, node: Any) -> None:
        """Everything follows another volume, which may be another patient's."""
        session, parameters = self.session, self.session.parameters
        if session.deaf:
            return
        if _is_ours(node):  # also what Slicer's list falls to when the chosen volume is removed
            self.ui.inputSelector.setCurrentNode(None)
            session.say(_("DINSegment made that volume from another one. Choose the original volume."))
            return
        parameters.inputVolume = node
        self.ui.loadSampleButton.visible = node is None
        if is_another := node is not self._shown:
            self._shown = node
            parameters.outputSegmentation = scene.find_result(node) if node is not None else None
            by_hand = scene.noted(node, scene.MODEL) if node is not None else None
            parameters.modelId = by_hand if by_hand in session.models else ""
            self._suggest(parameters.modelId or self._likely_model(node))
        self.ui.statusLabel.text = ""
        self._on_volume(node, is_another)
        self.check()

    def _suggest(self, model: str) -> None:
        """Select a model that is not the user's choice of this moment."""
        before = self.session.model.id
        with self.session.quietly():
            choices.choose(self.ui.modelSelector, model)
        if self.session.model.id != before:
            self._on_model()

    def onModel(self, row: int) -> None:
        """The user's choice holds for this volume, and is kept with it."""
        session = self.session
        if session.deaf or row < 0:
            return
        session.parameters.modelId = session.model.id
        if session.volume is not None:
            scene.note(session.volume, scene.MODEL, session.model.id)
        self._on_model()
        self.check()

    def onDevice(self, row: int) -> None:
        if not self.session.deaf and row >= 0:
            self.session.parameters.device = self.session.device

    def show_devices(self, found: Sequence[dict[str, str]]) -> None:
        """What the worker has found."""
        parameters = self.session.parameters
        with self.session.quietly():
            choices.fill_devices(self.ui.deviceSelector, found, parameters.device if parameters else choices.AUTO)
        self.session.log(told(found[0]["reason"]))

    def onLoadSample(self) -> None:
        """The bundled heart, or for another model one of Slicer's samples, which is downloaded."""
        try:
            if self.session.model.modality == "MR":
                node = slicer.util.loadVolume(samples.HEART_FILE, {"name": samples.HEART["nodeNames"]})
            else:
                node = samples.download_ct()
        except Exception as error:
            slicer.util.errorDisplay(_("The sample could not be loaded: {error}").format(error=told(error)))
            return
        self.ui.inputSelector.setCurrentNode(node)

    def check(self) -> None:
        """Summary and warnings of the volume for the model, and whether it can be used."""
        ui, node, model = self.ui, self.session.volume, self.session.model
        summary, warnings, reason = "", [], _("Choose a volume first.")
        if node is not None:
            try:
                seen = self._look(node)
                summary, reason = told(fit.summary(seen)), ""
                warnings = [told(one.text) for one in fit.notices(seen, model)]
            except DINSegmentError as error:
                reason = told(error)
        text = "\n".join(_("Warning: {text}").format(text=text) for text in warnings)
        choices.tell(ui.inputSummaryLabel, summary)
        choices.tell(ui.inputWarningLabel, reason if node is not None and reason else text)
        ui.licenceLabel.text = model.licence
        self._on_checked(reason)

    def _likely_model(self, node: Any) -> str:
        """What suits the volume; without one, what suits the sample."""
        try:
            if node is not None:
                return fit.likely_model(self._look(node), self.session.models)
        except DINSegmentError:
            pass
        return samples.HEART_MODEL

    def _look(self, node: Any) -> fit.Look:
        """All voxels are read once as long as they stay the same: in a large volume that takes a while."""
        volume = scene.read_volume(node)
        key = node.GetID(), node.GetImageData().GetMTime(), volume.geometry.ijk_to_ras.tobytes()
        if self._seen is None or self._seen[0] != key:
            self._seen = key, fit.look(volume.array, volume.geometry, scene.modality(node))
        return self._seen[1]


def _is_ours(node: Any) -> bool:
    return scene.is_enhanced(node) or scene.is_map(node)
