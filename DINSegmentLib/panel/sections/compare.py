"""Comparison of original and enhanced volume: side by side, or faded in the same views."""

from collections.abc import Callable
from typing import Any

from ...errors import DINSegmentError
from ...scene import compare
from ..session import Session
from ..translation import told


class CompareSection:
    """Connects Compare, checked while its layout is shown, and Show enhanced, checked while Fade is not 0.

    Args:
        ui: the panel's widgets.
        session: the current selection.
        enhance: updates the enhanced volume; False if that failed.
        on_shown: called after views have been set to show the volume.
    """

    def __init__(self, ui: Any, session: Session, enhance: Callable[[], bool], on_shown: Callable[[], None]) -> None:
        self.ui, self.session, self._enhance, self._on_shown = ui, session, enhance, on_shown
        self._stop_watching = compare.watch_layout(self.onLayout)
        ui.compareButton.connect("toggled(bool)", self.onCompare)
        ui.showEnhancedButton.connect("toggled(bool)", self.onShowEnhanced)
        ui.fadeSlider.connect("valueChanged(double)", self.onFade)
        self._show_fade()

    def show_enhanced(self) -> None:
        """Show the effect of an enhancement that the user has just changed, unless it is already visible."""
        if not self.ui.compareButton.checked and self.ui.fadeSlider.value == 0:
            self.ui.fadeSlider.value = 1

    def end_fade(self) -> None:
        """Restore what the views showed before the enhanced volume."""
        with self.session.quietly():
            self.ui.fadeSlider.value = 0
        self._show_fade()
        compare.end_fade()

    def restore(self) -> None:
        """Restore the views."""
        with self.session.quietly():
            self.ui.compareButton.checked = False
        compare.restore()
        self.end_fade()

    def end(self) -> None:
        """Clean up when the panel closes."""
        self.restore()
        self._stop_watching()

    def onCompare(self, checked: bool) -> None:
        session = self.session
        if session.deaf:
            return
        if not checked:
            compare.restore()
            return
        if self._enhance():
            try:
                compare.show(session.volume, session.enhanced, session.output)
                self._on_shown()
                return
            except DINSegmentError as error:
                session.say(told(error))
        with session.quietly():
            self.ui.compareButton.checked = False

    def onLayout(self) -> None:
        """End the comparison if the user selects another layout in Slicer's menu."""
        if self.ui.compareButton.checked and not compare.is_shown():
            with self.session.quietly():
                self.ui.compareButton.checked = False
            compare.restore()

    def onShowEnhanced(self, checked: bool) -> None:
        if not self.session.deaf:
            self.ui.fadeSlider.value = float(checked)
            self._show_fade()

    def onFade(self, value: float) -> None:
        session = self.session
        if session.deaf or session.volume is None:
            return
        if value == 0:
            compare.end_fade()
        elif self._enhance():
            compare.fade(session.volume, session.enhanced, value)
        self._show_fade()

    def _show_fade(self) -> None:
        """Show the slider only while it has an effect."""
        ui, shown = self.ui, self.ui.fadeSlider.value > 0
        with self.session.quietly():
            ui.showEnhancedButton.checked = shown
        ui.fadeLabel.visible = ui.fadeSlider.visible = shown
