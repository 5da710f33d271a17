"""Volume and segmentation nodes of ``slicer.mrmlScene``, in the desktop and in `headless`; nothing else of Slicer."""

from .segmentations import write_segmentation
from .volumes import Volume, read_volume

__all__ = ["Volume", "read_volume", "write_segmentation"]
