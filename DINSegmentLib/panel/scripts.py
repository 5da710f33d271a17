"""What the panel would run, as text to paste; and what a report of a fault needs to hold."""

import os
import platform
import shlex
import subprocess
from pathlib import Path
from typing import Any

import slicer
import slicer.util

from .. import __version__
from ..model import LEFT_VENTRICLE, Enhancement, Model, catalogue, label_of
from ..scene import find_cine


def only_frame(volume_node: Any, model: Model) -> int | None:
    """The frame of a cine, counted from 1, that is shown, where a batch would segment no more: the model is none of the
    heart."""
    cine = find_cine(volume_node)
    return None if cine is None or label_of(model, LEFT_VENTRICLE) else cine.frame + 1


def batch_command(volume_node: Any, model: Model, enhancement: Enhancement, device: str) -> str | None:
    """A command line that segments the file of this volume, or of its sequence (see `only_frame`); None where there is
    none."""
    cine = find_cine(volume_node)
    storage = (volume_node if cine is None else cine.sequence).GetStorageNode()
    path = storage.GetFullNameFromFileName() if storage is not None else None
    if not path:
        return None
    if storage.GetNumberOfFileNames() > 1:  # a DICOM series: its folder
        path = str(Path(path).parent)
    named = model.id if model.id in catalogue() else str(model.folder)
    command = [
        slicer.app.launcherExecutableFilePath, "--no-main-window", "--no-splash",
        "--python-script", str(Path(slicer.modules.dinsegment.path).parent / "Scripts" / "DINSegmentBatch.py"), "--",
        "segment", path, "--output", "results", "--model", named, "--device", device,
    ]  # fmt: skip
    for name, value in enhancement.options.items():
        command += [f"--{name}", value if isinstance(value, str) else f"{value:g}"]
    frame = only_frame(volume_node, model)
    command += ["--frame", str(frame)] if frame else []
    return subprocess.list2cmdline(command) if os.name == "nt" else shlex.join(command)


def python_code(volume_node: Any, segmentation_node: Any, model: Model, enhancement: Enhancement, device: str) -> str:
    """Lines for Slicer's Python console; they fill the same segmentation, where one is chosen."""
    way = "segment" if find_cine(volume_node) is None else "segmentSequence"
    options = ", ".join(f"{name}={value!r}" for name, value in enhancement.options.items())
    output = "None" if segmentation_node is None else f"slicer.util.getNode({segmentation_node.GetID()!r})"
    return "\n".join(
        [
            "import slicer",
            "from DINSegment import DINSegmentLogic",
            f"volumeNode = slicer.util.getNode({volume_node.GetID()!r})",
            f"segmentationNode = DINSegmentLogic().{way}(volumeNode, {output}, modelId={model.id!r}, "
            f"{options}, device={device!r})",
        ]
    )


def diagnostics(model: Model, device: str, worker: dict[str, Any], log: str) -> str:
    """Versions, device, model and log, in which no node is named (see `without_names`)."""
    application = getattr(slicer.app, "applicationVersion", "")
    lines = [
        f"DINSegment {__version__}; Slicer {application}; Python {platform.python_version()}; {platform.platform()}",
        f"Model: {model.id} {model.version}, {model.sha256[:12]}",
        f"Device: {device}",
        f"Worker: {worker or 'not running'}",
        "Log:",
        log,
    ]
    return "\n".join(lines)


def without_names(text: str) -> str:
    """A text in which names of nodes, which may be patients' names, are replaced."""
    nodes = slicer.util.getNodesByClass("vtkMRMLDisplayableNode")
    for name in sorted({node.GetName() for node in nodes if node.GetName()}, key=len, reverse=True):
        text = text.replace(name, "(name)")
    return text
