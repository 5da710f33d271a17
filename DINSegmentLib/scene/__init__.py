"""Nodes of ``slicer.mrmlScene`` and what views show of them, in the desktop and in `headless`; no widgets."""

from .enhanced import allocate_enhanced, enhanced_array, find_enhanced, update_slices, write_enhanced
from .segmentations import read_labels, write_segmentation
from .views import visible_slice
from .volumes import Volume, modality, read_volume

__all__ = [
    "Volume", "allocate_enhanced", "enhanced_array", "find_enhanced", "modality", "read_labels", "read_volume",
    "update_slices", "visible_slice", "write_enhanced", "write_segmentation",
]  # fmt: skip
