"""Many inputs to files: what will be written, one case after the other, and what came of each."""

from importlib import import_module
from types import ModuleType

FORMATS = ("seg.nrrd", "nii.gz", "dcm", "dicom-pdf", "stl", "obj", "ply", "html", "pdf")
FRAME_FORMATS = ("seg.nrrd", "nii.gz", "stl", "obj", "ply")  # of the frames of a cine


def __getattr__(name: str) -> ModuleType:
    """``batch.outputs`` is `io.outputs`, under the name that it had first: users' scripts import it."""
    if name == "outputs":
        return import_module("..io.outputs", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
