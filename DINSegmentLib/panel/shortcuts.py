"""Keyboard shortcuts of the panel, active only while Slicer shows the module; they do not collide with Slicer's."""

from collections.abc import Callable, Mapping
from typing import Any

import qt

SEGMENT, COMPARE = "Ctrl+Return", "Ctrl+Shift+C"
NEXT_SLICE, PREVIOUS_SLICE = "Ctrl+Shift+N", "Ctrl+Shift+P"


class Shortcuts:
    """Keys that call functions.

    Args:
        parent: QWidget of the panel; the keys work while its window is active.
        slots: functions by key.
    """

    def __init__(self, parent: Any, slots: Mapping[str, Callable[[], Any]]) -> None:
        self._shortcuts = [self._shortcut(parent, key, slot) for key, slot in slots.items()]
        self.enable(False)

    def enable(self, enabled: bool) -> None:
        """Enable or disable all keys."""
        for shortcut in self._shortcuts:
            shortcut.setEnabled(enabled)

    @staticmethod
    def _shortcut(parent: Any, key: str, slot: Callable[[], Any]) -> Any:
        shortcut = qt.QShortcut(qt.QKeySequence(key), parent)
        shortcut.connect("activated()", slot)
        return shortcut
