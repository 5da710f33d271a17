"""Clean-up of labels that a model's manifest asks for."""

import numpy as np

from ..measure.masks import bounding_box, largest_part
from ..model import Model


def clean_up(labels: np.ndarray, model: Model) -> np.ndarray:
    """Apply the manifest's clean-up steps to labels (slice, row, column) uint8; the input is not changed.

    ``doubtful_base`` needs the probabilities and was done before, see `basal_slices`.
    ``largest_component``: of every structure keep the largest connected part in 3-D (26 neighbors); of
    structures that the manifest joins, that of all of them together, so that a ring stays with what it encloses though
    it does not touch the ring of the next slice.

    Of two largest parts of one size the first in the model's axes stays, however the volume is stored.
    """
    if "largest_component" in model.cleanup:
        labels = labels.copy()
        alone = {label.value for label in model.labels}.difference(*model.joined)
        for values in (*model.joined, *((value,) for value in sorted(alone))):
            box = bounding_box(_mask(labels, values))
            if box is not None:
                part = labels[box]
                mask = _mask(part, values)
                part[mask & ~largest_part(mask)] = 0
    return labels.astype(np.uint8, copy=False)


def _mask(labels: np.ndarray, values: tuple[int, ...]) -> np.ndarray:
    mask = labels == values[0]
    for value in values[1:]:
        mask |= labels == value
    return mask
