"""Nodes of ``slicer.mrmlScene`` and how views show them, with or without Slicer's desktop (`boot`); no widgets."""

from .curves import curve_chart, write_curve
from .enhanced import allocate_enhanced, enhanced_array, find_enhanced, is_enhanced, update_slices, write_enhanced
from .insertions import INSERTIONS, InsertionPoints, forget_insertion, insertion_of, note_insertion
from .maps import (
    find_map,
    hide_maps,
    is_filled,
    is_map,
    remove_map,
    set_filled,
    show_map,
    write_attribution,
    write_confidence,
)
from .node_attributes import MODEL, PERSON, RUN, note, noted
from .results import find_result, is_edited, is_result
from .segmentations import has_smooth_surfaces, read_labels, write_segmentation
from .sequences import Cine, add_cine, cine_of, find_cine, read_cine_labels, read_frames, voxel_state, write_cine
from .surfaces import SurfaceSteps
from .views import show_slice, show_volume, turn_to_slices, visible_slice
from .volumes import Volume, modality, read_volume

__all__ = [
    "INSERTIONS", "MODEL", "PERSON", "RUN", "Cine", "InsertionPoints", "SurfaceSteps", "Volume", "add_cine",
    "allocate_enhanced", "cine_of", "curve_chart", "enhanced_array", "find_cine", "find_enhanced", "find_map",
    "find_result", "forget_insertion", "has_smooth_surfaces", "hide_maps", "insertion_of", "is_edited",
    "is_enhanced", "is_filled", "is_map", "is_result", "modality", "note", "note_insertion", "noted",
    "read_cine_labels", "read_frames", "read_labels", "read_volume", "remove_map", "set_filled", "show_map",
    "show_slice", "show_volume", "turn_to_slices", "update_slices", "visible_slice", "voxel_state", "write_attribution",
    "write_cine", "write_confidence", "write_curve", "write_enhanced", "write_segmentation",
]  # fmt: skip
