"""State shared by the panel's sections: settings of the scene, current selection, messages to the user."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import slicer
import slicer.util

from ..model import Enhancement, Model
from . import models, samples, scripts
from .choices import AUTO, tell
from .translation import told

_BOUND = {  # parameters bound to widgets
    "inputVolume": "inputSelector", "outputSegmentation": "outputSelector", "enhancedVolume": "enhancedOutputSelector",
    "threads": "threadsSpinBox", "strength": "strengthSlider", "preview": "previewCheckBox", "smooth": "smoothCheckBox",
}  # fmt: skip
_STATUS_MS = 10_000  # how long Slicer's status bar shows a text


class Session:
    """The current selection.

    Values are stored in the parameter node. A slot here may be called before the parameter node's own slot, and any
    change of the node makes it write all its values into the widgets, old ones too. So each slot stores its value.

    Args:
        ui: named widgets of the panel.
    """

    def __init__(self, ui: Any) -> None:
        self._ui = ui
        self.models, self.missing = models.known()
        self.suggested = samples.HEART_MODEL  # ID of the model that suits the volume, for `AUTO`
        self.parameters: Any = None  # the wrapped parameter node; None if no scene is open
        self.in_view = True  # whether Slicer shows this module
        self._updating = False
        self._connection: Any = None

    def bind(self, parameters: Any) -> None:
        """Bind widgets to the settings of a scene; None unbinds them."""
        if self.parameters is not None:
            self.parameters.disconnectGui(self._connection)
        self.parameters = parameters
        if parameters is not None:
            with self.quietly():  # opening a scene must not trigger computations
                self._connection = parameters.connectParametersToGui(
                    {parameter: getattr(self._ui, widget) for parameter, widget in _BOUND.items()}
                )

    @contextmanager
    def quietly(self) -> Iterator[None]:
        """Let widgets change without running their slots."""
        before, self._updating = self._updating, True
        try:
            yield
        finally:
            self._updating = before

    @property
    def deaf(self) -> bool:
        """Whether slots must do nothing: no scene is open, one is being loaded, or widgets are only synchronized."""
        return self._updating or self.parameters is None or slicer.mrmlScene.IsImporting()

    @property
    def volume(self) -> Any:
        """The volume to segment, or None."""
        return self.parameters.inputVolume if self.parameters is not None else None

    @property
    def enhanced(self) -> Any:
        """Its enhanced volume, or None."""
        return self.parameters.enhancedVolume if self.parameters is not None else None

    @property
    def output(self) -> Any:
        """The segmentation that is shown and that a run fills; None to create a new one."""
        return self.parameters.outputSegmentation if self.parameters is not None else None

    @property
    def is_automatic(self) -> bool:
        """Whether the model is chosen automatically for the volume."""
        return self._ui.modelSelector.currentData == AUTO

    @property
    def model(self) -> Model:
        return self.models[self.suggested if self.is_automatic else self._ui.modelSelector.currentData]

    @property
    def device(self) -> str:
        return self._ui.deviceSelector.currentData

    @property
    def enhancement(self) -> Enhancement:
        ui = self._ui
        return Enhancement(method=ui.enhancementMethodComboBox.currentData, strength=ui.strengthSlider.value)

    def say(self, text: str) -> None:
        """Show the user a sentence, and log it."""
        self.show(told(text))
        self.log(told(text))

    def show(self, text: str) -> None:
        """Show a text below the Segment button, and also in Slicer's status bar while another module is shown."""
        tell(self._ui.statusLabel, text)
        if text and not self.in_view:
            slicer.util.showStatusMessage(f"DINSegment: {text}", _STATUS_MS)

    def log(self, text: str) -> None:
        """Add a line to the log, which the user may share: names, which may be patients' names, are replaced."""
        text = scripts.without_names(text)
        self._ui.logTextEdit.appendPlainText(text)
        logging.getLogger("dinsegment").info("%s", text)
