"""A simulated Slicer interface: Slicer's real libraries with PySide6 widgets, which tests use as a person would.

What is real: the scene and its nodes, slice and layout logics, the module file and its `.ui`, the worker's process.
What is not: the widgets of CTK and Slicer (`widgets`), the wrapper of parameter nodes (`parameters`), dialogs, windows.
"""

import gc
import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from . import pythonqt

WIDTH, NARROWEST = 405, 345  # pixels of the module panel in Slicer's default window, and at the least
MODULE = Path(__file__).resolve().parents[2] / "DINSegment"


class Desk:
    """One a process; see `start`."""

    _only: "Desk | None" = None

    @classmethod
    def start(cls) -> "Desk":
        """The desk of this process, made when it is first asked for."""
        if cls._only is None:
            cls._only = cls()
        return cls._only

    def __init__(self) -> None:
        self.qt_application = pythonqt.install()
        import slicer
        import slicer.util

        from . import application, parameters, scripted, widgets

        pythonqt.UiLoader.stand_ins = widgets.STAND_INS
        for name in ("qMRMLNodeComboBox", "qMRMLWidget"):
            setattr(slicer, name, getattr(widgets, name))
        for name, source in (
            ("ScriptedLoadableModule", scripted),
            ("i18n", scripted),
            ("parameterNodeWrapper", parameters),
        ):
            module = ModuleType(f"slicer.{name}")
            module.__dict__.update({key: value for key, value in vars(source).items() if not key.startswith("_")})
            sys.modules[module.__name__] = module
        scripted.ScriptedLoadableModuleWidget.folder = MODULE
        self.application, self.dialogs = application.start()
        self.panel: Any = None  # the module's widget, an object of DINSegmentWidget
        self._module: ModuleType | None = None
        self.largest_gap = 0.0

    # the module

    @staticmethod
    def load_module(folder: Path = MODULE) -> ModuleType:
        """The module file, loaded as Slicer does it: its folder is on the path, and nothing else of the product."""
        if str(folder) not in sys.path:
            sys.path.append(str(folder))
        spec = importlib.util.spec_from_file_location("DINSegment", folder / "DINSegment.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules["DINSegment"] = module
        spec.loader.exec_module(module)
        import slicer

        slicer.modules.dinsegment = SimpleNamespace(path=str(folder / "DINSegment.py"))
        return module

    def open_module(self) -> Any:
        """The panel as the user sees it when the module is chosen."""
        import qt

        from . import widgets

        self._module = self.load_module()
        self.window = widgets.qSlicerScriptedLoadableModuleWidget()
        qt.QVBoxLayout(self.window)
        self.panel = self._module.DINSegmentWidget(self.window)
        self.panel.setup()
        self.panel.enter()
        self.window.resize(460, 1000)
        self.window.show()
        self.turn(0.02)
        return self.panel

    def close_module(self) -> None:
        """What Slicer does with a panel that is taken down."""
        if self.panel is not None:
            self.panel.exit()
            self.panel.cleanup()
            self.panel.logic = self.panel.ui = None
            self.panel = None
            self.window.close()
            self.window.deleteLater()
            self.window = None
            self.turn(0.02)
            gc.collect()

    def reload_module(self) -> Any:
        """The Reload button."""
        self.close_module()
        return self.open_module()

    # time

    def run_until(self, condition: Callable[[], Any], seconds: float = 30.0, what: str = "the condition") -> None:
        """Let events happen until something is true; faults in slots come up here."""
        end = time.monotonic() + seconds
        last = time.perf_counter()
        while not condition():
            assert time.monotonic() < end, f"waited {seconds} s for {what}"
            self.qt_application.processEvents()
            now = time.perf_counter()
            self.largest_gap = max(self.largest_gap, now - last)
            time.sleep(0.0005)
            last = time.perf_counter()
            self.raise_faults()
        self.raise_faults()

    def turn(self, seconds: float) -> None:
        """Let events happen for a while."""
        end = time.monotonic() + seconds
        self.run_until(lambda: time.monotonic() >= end, seconds + 30)

    @staticmethod
    def raise_faults() -> None:
        """Raise what a slot has raised."""
        if pythonqt.faults:
            first = pythonqt.faults[0]
            pythonqt.faults.clear()
            raise first

    # hands and eyes

    def click(self, button: Any) -> None:
        """What a mouse can do: only a button that is there and not gray."""
        assert button.visible, f"{button.name} is not shown"
        assert button.enabled, f"{button.name} is disabled: {button.toolTip}"
        button.click()
        self.raise_faults()

    def unfold(self, *groups: Any) -> None:
        """Click on the titles of groups that are folded."""
        for group in groups:
            assert group.visible, f"{group.name} is not shown"
            if group.collapsed:
                group.click()

    def fit(self, width: int = WIDTH) -> int:
        """Make the window so wide and as high as all of the panel; its height in pixels."""
        for _ in range(3):  # lines of text break only when they have their width
            self.window.resize(width, self.window.layout().totalMinimumHeightForWidth(width))
            self.turn(0.02)
        return self.window.height

    def grab(self, path: Path | None = None) -> Any:
        """A picture of the panel; a QPixmap."""
        self.turn(0.02)
        picture = self.window.grab()
        if path is not None:
            assert picture.save(str(path)), f"{path} cannot be written"
        return picture

    def use_dark_colors(self, dark: bool) -> None:
        """Slicer's dark style, or its light one again."""
        from PySide6.QtGui import QColor, QPalette

        if not dark:
            self.qt_application.setPalette(QPalette())
            return
        colors = {
            "Window": "#353535", "WindowText": "#ffffff", "Base": "#2a2a2a", "AlternateBase": "#424242",
            "Text": "#ffffff", "Button": "#353535", "ButtonText": "#ffffff", "ToolTipBase": "#353535",
            "ToolTipText": "#ffffff", "Highlight": "#2a82da", "HighlightedText": "#ffffff", "Link": "#2a82da",
            "Light": "#505050", "Midlight": "#454545", "Mid": "#4a4a4a", "Dark": "#232323", "Shadow": "#141414",
            "PlaceholderText": "#9a9a9a",
        }  # fmt: skip
        palette = QPalette()
        for role, color in colors.items():
            palette.setColor(QPalette.ColorRole[role], QColor(color))
        for role in ("WindowText", "Text", "ButtonText"):
            palette.setColor(QPalette.ColorGroup.Disabled, QPalette.ColorRole[role], QColor("#7f7f7f"))
        self.qt_application.setPalette(palette)

    def clipboard(self) -> str:
        return self.qt_application.clipboard().text()

    @property
    def messages(self) -> list[tuple[str, str]]:
        return self.dialogs.messages

    # the scene

    def reset(self) -> None:
        """An empty scene, no messages, no settings, no samples."""
        self.clear_scene()
        self.dialogs.reset()
        self.application.settings.clear()
        self.largest_gap = 0.0
        self.raise_faults()

    @staticmethod
    def clear_scene() -> None:
        import slicer

        slicer.mrmlScene.Clear(0)

    @staticmethod
    def save_scene(path: Path) -> None:
        """Write a `.mrb`."""
        import slicer

        assert slicer.mrmlScene.WriteToMRB(str(path), None), f"{path} was not written"

    @staticmethod
    def load_scene(path: Path) -> None:
        """Close the scene and read a `.mrb`."""
        import slicer

        from DINSegmentLib.scene.boot import quiet

        slicer.mrmlScene.Clear(0)
        with quiet():  # Slicer's own words about views that were turned
            assert slicer.mrmlScene.ReadFromMRB(str(path), True), f"{path} was not read"
