"""Clean-up of labels by connected components, as the model's manifest requests."""

import numpy as np

from ..measure.masks import bounding_box, largest_part
from ..model import Model


def clean_up(labels: np.ndarray, model: Model) -> np.ndarray:
    """Apply the manifest's clean-up steps to labels (slice, row, column) uint8, in place.

    ``doubtful_base`` needs probabilities and was already applied, see `basal_slices`.
    ``largest_component`` keeps the largest connected part of each structure in 3-D (26 neighbors). Structures that
    the manifest joins are treated as one, so that a ring of myocardium stays with the cavity inside it even if it does
    not touch the ring of the next slice.

    If two parts are equally large, the first in the model's axes is kept, however the volume is stored.

    Returns:
        int64 (classes,), how many voxels of each label were removed.
    """
    removed = np.zeros(len(model.labels) + 1, np.int64)
    if "largest_component" in model.cleanup:
        alone = {label.value for label in model.labels}.difference(*model.joined)
        for values in (*model.joined, *((value,) for value in sorted(alone))):
            box = bounding_box(_mask(labels, values))
            if box is not None:
                part = labels[box]
                mask = _mask(part, values)
                lost = mask & ~largest_part(mask)
                removed += np.bincount(part[lost], minlength=len(removed))
                part[lost] = 0
    return removed


def _mask(labels: np.ndarray, values: tuple[int, ...]) -> np.ndarray:
    mask = labels == values[0]
    for value in values[1:]:
        mask |= labels == value
    return mask
