"""Test doubles of the base classes of a scripted module, and of Slicer's translation."""

import os
import sys
import unittest
from pathlib import Path
from typing import Any

import slicer


class ScriptedLoadableModule:
    """What Slicer knows of a module."""

    def __init__(self, parent: Any) -> None:
        self.parent = parent


class ScriptedLoadableModuleWidget:
    """A module's panel: the parent widget with its layout, and the module's resources."""

    folder = Path()  # of the module file

    def __init__(self, parent: Any = None) -> None:
        self.parent = parent
        self.layout = parent.layout()
        self.developerMode = False

    def setup(self) -> None:
        """Slicer puts its reload buttons here."""

    def cleanup(self) -> None:
        """Slicer calls it before the panel is taken down."""

    def resourcePath(self, name: str) -> str:
        return str(self.folder / "Resources" / name)


class ScriptedLoadableModuleLogic:
    """A module's logic, with the one parameter node that a scene has for the module."""

    def __init__(self, parent: Any = None) -> None:
        self.moduleName = type(self).__module__

    def getParameterNode(self) -> Any:
        tag = self.moduleName
        node = slicer.mrmlScene.GetSingletonNode(tag, "vtkMRMLScriptedModuleNode")
        if node is None:
            node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLScriptedModuleNode")
            node.SetSingletonTag(tag)
            node.SetModuleName(self.moduleName)
            node.SetName(self.moduleName)
            node = slicer.mrmlScene.AddNode(node)
        return node


class ScriptedLoadableModuleTest(unittest.TestCase):
    """A module's self-test."""

    def delayDisplay(self, message: str, msec: int | None = None) -> None:
        """Slicer shows the message for a moment."""


def tr(text: str) -> str:
    """In the language of `language`, for the file of the caller."""
    folder, file = os.path.split(sys._getframe(1).f_code.co_filename)
    stem = file.removesuffix(".py")
    in_package = os.path.isfile(os.path.join(folder, "__init__.py"))
    return translate(f"{os.path.basename(folder)}.{stem}" if in_package else stem, text)


def translate(context: str, text: str) -> str:
    """In the language of `language`; English unless a test has chosen another."""
    return language(context, text)


def language(context: str, text: str) -> str:
    return text
