"""Replacements, without Qt, for the parts of Slicer's desktop that `slicer.util` calls. See `boot`."""

import tempfile
from pathlib import Path
from typing import Any


class Module:
    """Replacement for ``slicer.modules.NAME``, which holds the module's logic."""

    def __init__(self, logic: Any) -> None:
        self._logic = logic

    def logic(self) -> Any:
        """Return the module's logic."""
        return self._logic


class Application:
    """Replacement for ``slicer.app``. Method names are Slicer's."""

    applicationName = "DINSegment"

    def __init__(self, logic: Any, scene: Any, modules: Any) -> None:
        self._logic = logic
        self._io = InputOutput(scene, modules)
        self.temporaryPath = tempfile.gettempdir()

    def applicationLogic(self) -> Any:
        """Return Slicer's application logic."""
        return self._logic

    def coreIOManager(self) -> "InputOutput":
        """Return the object that loads and saves nodes."""
        return self._io

    ioManager = coreIOManager

    def layoutManager(self) -> None:
        """Return None, because there are no views."""

    def processEvents(self) -> None:
        """Do nothing, because there are no events."""

    pauseRender = resumeRender = processEvents

    def testingEnabled(self) -> bool:
        """Return True, so that `slicer.util` never opens a dialog."""
        return True


class InputOutput:
    """Replacement for ``slicer.app.coreIOManager()``, for volumes and segmentations."""

    def __init__(self, scene: Any, modules: Any) -> None:
        self._scene = scene
        self._modules = modules

    def fileType(self, path: str) -> str:
        """Return Slicer's name for the type of a file."""
        return "SegmentationFile" if ".seg." in Path(path).name.lower() else "VolumeFile"

    def fileWriterFileType(self, node: Any) -> str:
        """Return Slicer's name for the file type to which a node is saved."""
        return "SegmentationFile" if node.IsA("vtkMRMLSegmentationNode") else "VolumeFile"

    def loadNodes(self, kind: str, properties: dict[str, Any], loaded: Any, messages: Any) -> bool:
        """Load ``properties["fileName"]`` and add the node to the collection ``loaded``."""
        path = properties["fileName"]
        name = properties.get("name", Path(path).name.split(".")[0])
        if kind == "SegmentationFile":
            node = self._modules.segmentations.logic().LoadSegmentationFromFile(path, True, name)
        else:
            node = self._modules.volumes.logic().AddArchetypeVolume(path, name, int(properties.get("labelmap", False)))
        if node is None:
            return False
        loaded.AddItem(node)
        return True

    def saveNodes(self, kind: str, properties: dict[str, Any], messages: Any) -> bool:
        """Save the node ``properties["nodeID"]`` to ``properties["fileName"]``."""
        node = self._scene.GetNodeByID(properties["nodeID"])
        if node.GetStorageNode() is None:
            node.AddDefaultStorageNode()
        storage = node.GetStorageNode()
        storage.SetFileName(str(Path(properties["fileName"]).absolute()))
        return bool(storage.WriteData(node))
