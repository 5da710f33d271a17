"""What the panel's sections share: the settings of the scene, what is chosen, and words for the user."""

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

_BOUND = {  # of the parameter node, to widgets
    "inputVolume": "inputSelector", "outputSegmentation": "outputSelector", "enhancedVolume": "enhancedOutputSelector",
    "threads": "threadsSpinBox", "strength": "strengthSlider", "preview": "previewCheckBox", "smooth": "smoothCheckBox",
}  # fmt: skip
_STATUS_MS = 10_000  # how long Slicer's status bar shows a text


class Session:
    """What is chosen now.

    Values live in the parameter node. A slot here may be called before the parameter node's own, and any change of
    the node lets it write all its values into the widgets, old ones too: so each slot first writes its own value there.

    Args:
        ui: the named widgets of the panel.
    """

    def __init__(self, ui: Any) -> None:
        self._ui = ui
        self.models, self.missing = models.known()
        self.suggested = samples.HEART_MODEL  # id of the model that suits the volume, for `AUTO`
        self.parameters: Any = None  # the wrapped parameter node; None: no scene is open
        self.in_view = True  # whether the module is the one that Slicer shows
        self._updating = False
        self._connection: Any = None

    def bind(self, parameters: Any) -> None:
        """Take the settings of a scene, or with None no more: widgets and the node follow each other."""
        if self.parameters is not None:
            self.parameters.disconnectGui(self._connection)
        self.parameters = parameters
        if parameters is not None:
            with self.quietly():  # nothing is made because a scene was opened
                self._connection = parameters.connectParametersToGui(
                    {parameter: getattr(self._ui, widget) for parameter, widget in _BOUND.items()}
                )

    @contextmanager
    def quietly(self) -> Iterator[None]:
        """Let widgets follow without their slots."""
        before, self._updating = self._updating, True
        try:
            yield
        finally:
            self._updating = before

    @property
    def deaf(self) -> bool:
        """Whether slots have nothing to do: no scene is open, one is being read, or widgets only follow."""
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
        """The segmentation that is shown and that a run fills, or None: a run makes a new one."""
        return self.parameters.outputSegmentation if self.parameters is not None else None

    @property
    def is_automatic(self) -> bool:
        """Whether the model follows the volume."""
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
        """Show a text under Segment, and in Slicer's status bar while another module is shown."""
        tell(self._ui.statusLabel, text)
        if text and not self.in_view:
            slicer.util.showStatusMessage(f"DINSegment: {text}", _STATUS_MS)

    def log(self, text: str) -> None:
        """A line for the log, which the user may send to others: without names, which may be patients' names."""
        text = scripts.without_names(text)
        self._ui.logTextEdit.appendPlainText(text)
        logging.getLogger("dinsegment").info("%s", text)
