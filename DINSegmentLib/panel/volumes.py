"""Volumes of the scene that can be segmented."""

from typing import Any

import slicer.util

from .. import scene
from ..checks import fit

_CLASS = "vtkMRMLScalarVolumeNode"


def all_of_scene() -> list[Any]:
    """Return the volumes that were not made by DINSegment, without label maps."""
    return [node for node in slicer.util.getNodesByClass(_CLASS) if node.GetClassName() == _CLASS and not is_ours(node)]


def is_ours(node: Any) -> bool:
    """Whether a volume is an enhanced volume or a map made by DINSegment; False for None."""
    return scene.is_enhanced(node) or scene.is_map(node)


def look(node: Any) -> fit.Look:
    """Inspect all voxels, which takes a while in a large volume.

    Raises:
        DINSegmentError: the volume cannot be segmented.
    """
    volume = scene.read_volume(node)
    return fit.look(volume.array, volume.geometry, scene.modality(node), node.GetName())
