"""Checks of a volume's voxels before any computation; a volume that cannot be segmented is rejected with a sentence."""

import numpy as np

from ..errors import GeometryError, InputError
from ..geometry import Geometry
from ..messages import Sentence as _


def check_array(array: np.ndarray, geometry: Geometry, name: str) -> tuple[float, float]:
    """Reject a volume that cannot be segmented; reads the voxels twice without copying them.

    Args:
        array: voxels, expected to be (K, J, I) and of a real number type.
        geometry: the grid that the voxels should match.
        name: name of the volume in messages.

    Returns:
        the smallest and the largest value.

    Raises:
        GeometryError: the array does not match the grid, or has only one slice.
        InputError: not 3-D, empty, not real numbers, NaN or infinite voxels, or constant.
    """
    if array.ndim != 3:
        raise InputError(
            _(
                "{name} has {dimensions} dimensions: use a volume with 3 (several slices of one frame).",
                name=name,
                dimensions=array.ndim,
            )
        )
    if array.size == 0:
        raise InputError(_("{name} is empty (no voxels): use a volume that contains an image.", name=name))
    if array.shape != geometry.shape:
        raise GeometryError(
            _(
                "{name} has {voxels} voxels, but its geometry says {shape}: load it again.",
                name=name,
                voxels=array.shape,
                shape=geometry.shape,
            )
        )
    if min(array.shape) == 1:
        raise GeometryError(_("{name} has only one slice: provide a volume with at least 2 slices.", name=name))
    if array.dtype.kind not in "iuf":
        raise InputError(
            _(
                "{name} has voxels of type {kind}: convert it to integers or floating-point numbers.",
                name=name,
                kind=array.dtype,
            )
        )
    lowest, highest = array.min(), array.max()  # both are NaN if any voxel is
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        raise InputError(_("{name} has NaN or infinite voxels: replace them with a background value.", name=name))
    if lowest == highest:
        raise InputError(
            _(
                "{name} is constant (every voxel is {lowest:g}): check that the right file was exported.",
                name=name,
                lowest=lowest,
            )
        )
    return float(lowest), float(highest)
