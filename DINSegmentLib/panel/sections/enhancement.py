"""Enhancement: method, strength, and the enhanced volume, which follows them and the voxels."""

from collections.abc import Callable
from typing import Any

from slicer.i18n import tr as _

from ... import scene
from ...errors import DINSegmentError
from ...model.enhancement import METHODS
from ...notices import Severity
from .. import choices
from ..notice_rows import NoticeRows
from ..preview import LivePreview
from ..session import Session
from ..translation import told


class EnhancementSection:
    """Connects method, strength and preview.

    Args:
        ui: the panel's widgets.
        session: the current selection.
        widget: owns the preview's timer.
        on_adjusted: called when the user has changed the enhancement and the enhanced volume is updated.
        on_preview_ended: called when the user has turned off the preview.
    """

    def __init__(
        self,
        ui: Any,
        session: Session,
        widget: Any,
        on_adjusted: Callable[[], None],
        on_preview_ended: Callable[[], None],
    ) -> None:
        self.ui, self.session = ui, session
        self._on_adjusted, self._on_preview_ended = on_adjusted, on_preview_ended
        self.preview = LivePreview(widget, self._made)
        self._notices = NoticeRows(ui.enhancementNotices)
        ui.enhancementMethodComboBox.connect("currentIndexChanged(int)", self.onMethod)
        ui.strengthSlider.connect("valueChanged(double)", self.onStrength)
        ui.previewCheckBox.connect("toggled(bool)", self.onPreview)
        ui.resetEnhancementButton.connect("clicked()", self.onReset)
        choices.follow_nodes(ui.enhancedOutputSelector, self.onEnhanced)

    def show(self) -> None:
        """Show the settings of an opened scene."""
        parameters, model = self.session.parameters, self.session.model
        with self.session.quietly():
            choices.fill_methods(self.ui.enhancementMethodComboBox, model)
            default = model.enhancement.default.method
            choices.choose(
                self.ui.enhancementMethodComboBox, parameters.method if parameters.method in METHODS else default
            )

    def follow(self, volume_node: Any) -> None:
        """Show the existing enhanced volume of a newly selected volume, if any; do not create one yet."""
        self.stop()
        parameters = self.session.parameters
        parameters.enhancedVolume = scene.find_enhanced(volume_node) if volume_node is not None else None
        self._mark_untrained()
        if parameters.enhancedVolume is not None:
            self._update()

    def follow_voxels(self) -> None:
        """Called when the volume's voxels have changed, for example to another frame."""
        if self.session.enhanced is not None:
            self.ensure()

    def follow_model(self) -> None:
        """Show the default settings of a newly selected model."""
        session, default = self.session, self.session.model.enhancement.default
        with session.quietly():
            choices.fill_methods(self.ui.enhancementMethodComboBox, session.model)
            choices.choose(self.ui.enhancementMethodComboBox, default.method)
            self.ui.strengthSlider.value = default.strength
        session.parameters.method, session.parameters.strength = default.method, default.strength
        volume, enhanced = session.volume, session.enhanced
        if volume is not None and enhanced is not None and scene.find_enhanced(volume) is enhanced:
            self._update()
        self._mark_untrained()

    def stop(self) -> None:
        """Stop and release the volume."""
        self.preview.stop()

    def ensure(self) -> bool:
        """Begin to update the enhanced volume, creating it if needed, the visible slice first.

        Returns:
            False if that is not possible; the user was shown why.
        """
        session = self.session
        try:
            self.preview.show(session.volume, session.enhanced, session.model, session.enhancement)
        except DINSegmentError as error:
            session.say(told(error))
            return False
        return True

    def onMethod(self, row: int) -> None:
        if self.session.deaf or row < 0:
            return
        self.session.parameters.method = self.session.enhancement.method
        self._adjust()

    def onStrength(self, value: float) -> None:
        if not self.session.deaf:
            self.session.parameters.strength = value
            self._adjust()

    def onPreview(self, checked: bool) -> None:
        if not self.session.deaf:
            self.session.parameters.preview = checked
            self._update()
            if not checked:
                self._on_preview_ended()

    def onEnhanced(self, node: Any) -> None:
        if self.session.deaf or node is self.preview.node:
            return
        self.stop()
        self.session.parameters.enhancedVolume = node
        if node is not None:
            self._update()

    def onReset(self) -> None:
        default = self.session.model.enhancement.default
        choices.choose(self.ui.enhancementMethodComboBox, default.method)
        self.ui.strengthSlider.value = default.strength
        self._mark_untrained()

    def _adjust(self) -> None:
        """Called when the user has changed method or strength: show the effect immediately."""
        if self._update():
            self._on_adjusted()

    def _update(self) -> bool:
        """Update the enhanced volume if the user has enabled automatic updates; return whether it is updated."""
        self._mark_untrained()
        return self.session.volume is not None and self.ui.previewCheckBox.checked and self.ensure()

    def _mark_untrained(self) -> None:
        known, (low, high) = self.session.model.enhancement, self.session.model.enhancement.trained_range
        text = _("Outside the training range: this model was trained with {methods}, strength {low:g} to {high:g}.")
        text = text.format(methods=", ".join(known.trained_methods), low=low, high=high)
        covered = known.covers(self.session.enhancement)
        self._notices.show([] if covered else [(Severity.WARNING, text)])

    def _made(self, node: Any) -> None:
        self.session.parameters.enhancedVolume = node
