"""Margins of given probabilities, by sorting."""

import numpy as np

from DINSegmentLib.engine.class_margins import MOST, Margins


def margins_of(probabilities: np.ndarray) -> Margins:
    """Of (classes, K, J, I)."""
    order = np.argsort(-probabilities, axis=0, kind="stable")[:3]
    with np.errstate(divide="ignore"):
        logarithms = np.log(np.take_along_axis(probabilities, order, axis=0).astype(np.float64))
    ahead = np.rint(255 * np.sqrt(np.minimum(logarithms[0] - logarithms, MOST) / MOST)).astype(np.uint8)
    return Margins(order[0].astype(np.uint8), order[1].astype(np.uint8), ahead[1], ahead[-1])
