"""A small stand-in of our own for the parts of Slicer's desktop that the module file imports; only tests use it."""

import sys
import unittest
from types import ModuleType, SimpleNamespace
from unittest.mock import MagicMock

import slicer


class ScriptedLoadableModule:
    def __init__(self, parent):
        self.parent = parent


class ScriptedLoadableModuleWidget:
    def __init__(self, parent=None):
        self.parent = parent
        self.layout = MagicMock(name="layout")

    def setup(self):
        pass


class ScriptedLoadableModuleLogic:
    pass


class ScriptedLoadableModuleTest(unittest.TestCase):
    pass


def install() -> None:
    """Make the desktop's modules importable; widgets are mocks that remember what was asked of them."""
    bases = ModuleType("slicer.ScriptedLoadableModule")
    for base in (
        ScriptedLoadableModule,
        ScriptedLoadableModuleWidget,
        ScriptedLoadableModuleLogic,
        ScriptedLoadableModuleTest,
    ):
        setattr(bases, base.__name__, base)
    translation = ModuleType("slicer.i18n")
    translation.tr = lambda text: text
    translation.translate = lambda context, text: text
    sys.modules.update({bases.__name__: bases, translation.__name__: translation})
    sys.modules.update({name: MagicMock(name=name) for name in ("ctk", "qt")})
    slicer.qMRMLNodeComboBox = MagicMock(name="qMRMLNodeComboBox")
    if getattr(slicer, "mrmlScene", None) is None:
        slicer.mrmlScene = slicer.vtkMRMLScene()


def module_parent() -> SimpleNamespace:
    """The object that Slicer hands to the module class to be filled in."""
    return SimpleNamespace()
