"""The volumes of the scene that can be segmented, and one look at each."""

from typing import Any

import slicer.util

from .. import scene
from ..checks import fit

_CLASS = "vtkMRMLScalarVolumeNode"


def all_of_scene() -> list[Any]:
    """Those that we did not make of others; label maps are none."""
    return [node for node in slicer.util.getNodesByClass(_CLASS) if node.GetClassName() == _CLASS and not is_ours(node)]


def is_ours(node: Any) -> bool:
    """Whether a volume is an enhanced one or a map; None is neither."""
    return scene.is_enhanced(node) or scene.is_map(node)


def look(node: Any) -> fit.Look:
    """All voxels are looked at once, which takes a while in a large volume.

    Raises:
        DINSegmentError: it cannot be segmented.
    """
    volume = scene.read_volume(node)
    return fit.look(volume.array, volume.geometry, scene.modality(node))
