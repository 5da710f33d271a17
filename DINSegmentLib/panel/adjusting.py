"""The part of the panel that adjusts the enhancement and compares: live preview, views side by side, fade."""

from typing import Any

from slicer.i18n import tr as _

from .. import scene
from ..errors import DINSegmentError
from ..model import Enhancement
from ..scene import compare
from . import choices
from .preview import LivePreview
from .translation import told


class Adjusting:
    """Connects method, strength, preview, Compare and Fade.

    Args:
        panel: the `Panel`, for its widgets and what is chosen.
        widget: owns the preview's timer.
    """

    def __init__(self, panel: Any, widget: Any) -> None:
        self.panel, ui = panel, panel.ui
        self.preview = LivePreview(widget, self._enhanced_made)
        ui.enhancementMethodComboBox.connect("currentIndexChanged(int)", self.onMethodChanged)
        ui.strengthSlider.connect("valueChanged(double)", self.onStrengthChanged)
        ui.previewCheckBox.connect("toggled(bool)", self.onPreviewToggled)
        ui.resetEnhancementButton.connect("clicked()", self.onResetEnhancement)
        ui.enhancedOutputSelector.connect("currentNodeChanged(vtkMRMLNode*)", self.onEnhancedChanged)
        ui.compareButton.connect("toggled(bool)", self.onCompare)
        ui.fadeSlider.connect("valueChanged(double)", self.onFade)

    @property
    def enhancement(self) -> Enhancement:
        ui = self.panel.ui
        return Enhancement(method=ui.enhancementMethodComboBox.currentData, strength=ui.strengthSlider.value)

    def begin(self, volume_node: Any) -> None:
        """Another volume was chosen: its enhanced volume, where there is one, comes with it; no new one is made yet."""
        self.stop()
        parameters = self.panel.parameters
        parameters.enhancedVolume = scene.find_enhanced(volume_node) if volume_node is not None else None
        self._mark_untrained()
        if parameters.enhancedVolume is not None:
            self._follow()
        if compare.is_shown():
            self.panel.ui.compareButton.checked = False

    def stop(self) -> None:
        """Give the volume up."""
        self.preview.stop()

    def exit(self) -> None:
        """Give the views back."""
        self.panel.ui.compareButton.checked = False
        compare.restore()
        with self.panel.quietly():
            self.panel.ui.fadeSlider.value = 0
        compare.end_fade()

    def onMethodChanged(self, row: int) -> None:
        if self.panel.deaf or row < 0:
            return
        self.panel.parameters.method = self.enhancement.method
        self._follow()

    def onStrengthChanged(self, value: float) -> None:
        if not self.panel.deaf:
            self.panel.parameters.strength = value
            self._follow()

    def onPreviewToggled(self, checked: bool) -> None:
        if not self.panel.deaf:
            self.panel.parameters.preview = checked
            self._follow()

    def onEnhancedChanged(self, node: Any) -> None:
        if self.panel.deaf or node is self.preview.node:
            return
        self.stop()
        self.panel.parameters.enhancedVolume = node
        if node is not None:
            self._follow()

    def onResetEnhancement(self) -> None:
        ui, default = self.panel.ui, self.panel.model.enhancement.default
        choices.choose(ui.enhancementMethodComboBox, default.method)
        ui.strengthSlider.value = default.strength
        self._mark_untrained()

    def _follow(self) -> None:
        """Bring the enhanced volume up to date, if the user wants that to happen by itself."""
        self._mark_untrained()
        if self.panel.parameters.inputVolume is not None and self.panel.ui.previewCheckBox.checked:
            self._enhance()

    def _mark_untrained(self) -> None:
        known, low_high = self.panel.model.enhancement, self.panel.model.enhancement.trained_range
        covered = known.covers(self.enhancement)
        text = _("Not trained: the model knows {methods} from {low:g} to {high:g}.").format(
            methods=", ".join(known.trained_methods), low=low_high[0], high=low_high[1]
        )
        choices.tell(self.panel.ui.enhancementNoteLabel, "" if covered else text)

    def _enhance(self) -> bool:
        """Begin to enhance, with the slice in view; False: it cannot be done, and the user was told why."""
        panel = self.panel
        volume_node, node = panel.parameters.inputVolume, panel.parameters.enhancedVolume
        try:
            self.preview.show(volume_node, node, panel.model, self.enhancement)
        except DINSegmentError as error:
            panel.say(told(error))
            return False
        return True

    def _enhanced_made(self, node: Any) -> None:
        self.panel.parameters.enhancedVolume = node

    def onCompare(self, checked: bool) -> None:
        panel = self.panel
        if panel.deaf:
            return
        if not checked:
            compare.restore()
            return
        if self._enhance():
            try:
                parameters = panel.parameters
                panel.logic.compare(parameters.inputVolume, parameters.enhancedVolume, parameters.outputSegmentation)
                panel.running.maps.show()
                return
            except DINSegmentError as error:
                panel.say(told(error))
        with panel.quietly():
            panel.ui.compareButton.checked = False

    def onFade(self, value: float) -> None:
        parameters = self.panel.parameters
        if self.panel.deaf or parameters.inputVolume is None:
            return
        if value == 0:
            compare.end_fade()
        elif parameters.enhancedVolume is not None or self._enhance():
            compare.fade(parameters.inputVolume, parameters.enhancedVolume, value)
