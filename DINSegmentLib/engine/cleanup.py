"""Clean-up of labels that a model's manifest asks for."""

import numpy as np

from ..models import Model


def clean_up(labels: np.ndarray, model: Model) -> np.ndarray:
    """Apply the manifest's clean-up steps to labels (slice, row, column) uint8; the input is not changed.

    ``largest_component``: of every structure keep the largest part that hangs together in 3-D (26 neighbours).

    Of two largest parts of one size the first in the model's axes stays, however the volume is stored.
    """
    if "largest_component" in model.cleanup:
        for label in model.labels:
            labels = np.where((labels == label.value) & ~_largest_component(labels == label.value), 0, labels)
    return labels.astype(np.uint8, copy=False)


def _largest_component(mask: np.ndarray) -> np.ndarray:
    import SimpleITK as sitk  # heavy, and only this step needs it

    if not mask.any():
        return mask
    components = sitk.ConnectedComponent(sitk.GetImageFromArray(mask.astype(np.uint8)), True)
    by_size = sitk.RelabelComponent(components)
    return sitk.GetArrayFromImage(by_size) == 1  # a copy: a view does not keep its image alive
