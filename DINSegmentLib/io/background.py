"""Voxels without signal: they get the value of background, and are masked, so that no percentile counts them."""

import numpy as np

from ..errors import InputError
from ..notices import Notice

AIR = -1024
"""In Hounsfield units."""

_SURELY_CT = -500  # lower values than this are found in CT alone


def without_signal(array: np.ndarray, mask: np.ndarray, modality: str | None = None) -> np.ndarray:
    """Give voxels without signal the value of background.

    Args:
        array: any shape and real type; changed where it is masked.
        mask: which voxels have no signal, same shape.
        modality: as in DICOM; None: not known, then values below -500 tell a CT.

    Returns:
        a masked array: air in CT, in other images the lowest value of the rest.
    """
    signal = array[~mask]
    lowest = signal.min() if signal.size else array.dtype.type(0)
    is_ct = modality == "CT" if modality else lowest < _SURELY_CT
    fits = array.dtype.kind == "f" or np.iinfo(array.dtype).min <= AIR
    array[mask] = AIR if is_ct and fits else lowest
    return np.ma.MaskedArray(array, mask)


def fill_missing(array: np.ndarray, missing: np.ndarray | None, name: str) -> tuple[np.ndarray, tuple[Notice, ...]]:
    """The same for voxels that are NaN, with a notice.

    Args:
        array: as its library read it.
        missing: which voxels are NaN in the file, where the library hides them; None: those of ``array``.

    Raises:
        InputError: there is nothing but NaN.
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
