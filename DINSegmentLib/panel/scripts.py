"""Commands that repeat a run, for copying; and diagnostics for a bug report."""

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
    """Return the shown frame of a cine, counted from 1, if a batch would segment only that frame, because the model is
    not cardiac; otherwise None."""
    cine = find_cine(volume_node)
    return None if cine is None or label_of(model, LEFT_VENTRICLE) else cine.frame + 1


def batch_command(volume_node: Any, model: Model, enhancement: Enhancement, device: str) -> str | None:
    """Return a command that segments the file of this volume or of its sequence (see `only_frame`); None if there is
    no file."""
    cine = find_cine(volume_node)
    storage = (volume_node if cine is None else cine.sequence).GetStorageNode()
    path = storage.GetFullNameFromFileName() if storage is not None else None
    if not path:
        return None
    if storage.GetNumberOfFileNames() > 1:  # DICOM series: its folder
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
    """Return Python code for Slicer's console; it fills the selected segmentation, if any."""
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
    """Return versions, device, model and log without names of nodes (see `without_names`)."""
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
    """Replace the names of nodes in a text, which may be patients' names."""
    nodes = slicer.util.getNodesByClass("vtkMRMLDisplayableNode")
    for name in sorted({node.GetName() for node in nodes if node.GetName()}, key=len, reverse=True):
        text = text.replace(name, "(name)")
    return text
