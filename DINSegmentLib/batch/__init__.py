"""Batch segmentation: plan outputs, segment cases, write results."""

from importlib import import_module
from types import ModuleType

FORMATS = ("seg.nrrd", "nii.gz", "dcm", "dicom-pdf", "stl", "obj", "ply", "html", "pdf")
FRAME_FORMATS = ("seg.nrrd", "nii.gz", "stl", "obj", "ply")  # formats for single frames of a cine


def __getattr__(name: str) -> ModuleType:
    """Keep ``batch.outputs``, the former name of `io.outputs`, because users' scripts import it."""
    if name == "outputs":
        return import_module("..io.outputs", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
