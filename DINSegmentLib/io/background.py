"""Voxels without signal: set to the background value and masked, so that percentiles ignore them."""

import numpy as np

from ..errors import InputError
from ..notices import Notice

AIR = -1024
"""In Hounsfield units."""

_SURELY_CT = -500  # lower values occur only in CT


def without_signal(array: np.ndarray, mask: np.ndarray, modality: str | None = None) -> np.ndarray:
    """Set voxels without signal to the background value.

    Args:
        array: any shape and real type; modified where masked.
        mask: True for voxels without signal, same shape.
        modality: as in DICOM; if None, values below -500 identify a CT.

    Returns:
        a masked array: masked voxels are air in a CT whose type can hold it, otherwise the lowest remaining value.
    """
    signal = array[~mask]
    lowest = signal.min() if signal.size else array.dtype.type(0)
    is_ct = modality == "CT" if modality else lowest < _SURELY_CT
    fits = array.dtype.kind == "f" or np.iinfo(array.dtype).min <= AIR
    array[mask] = AIR if is_ct and fits else lowest
    return np.ma.MaskedArray(array, mask)


def fill_missing(array: np.ndarray, missing: np.ndarray | None, name: str) -> tuple[np.ndarray, tuple[Notice, ...]]:
    """Set NaN voxels to the background value with `without_signal`, and return a notice about them.

    Args:
        array: voxels as read by the library.
        missing: True for NaN voxels of the file, if the library hides them; None to use the NaN of ``array``.

    Raises:
        InputError: all voxels are NaN.
    """
    if missing is None:
        missing = np.isnan(array) if array.dtype.kind == "f" else np.zeros(0, bool)
    count = int(missing.sum())
    if not count:
        return array, ()
    if count == array.size:
        raise InputError(f"{name} contains only NaN voxels: check that the right file was exported.")
    filled = without_signal(array, missing)
    text = (
        f"{count / array.size:.1%} of the voxels are NaN and were set to {np.asarray(filled)[missing][0]:g} "
        "(background). Check that the image is complete where the organs are."
    )
    return filled, (Notice("input", text),)
