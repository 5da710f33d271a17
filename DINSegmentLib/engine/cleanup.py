"""Clean-up of labels that a model's manifest asks for."""

import numpy as np

from ..errors import ModelError
from ..models import Model

def clean_up(labels: np.ndarray, model: Model) -> np.ndarray:
    """Apply the manifest's clean-up steps to labels (K, J, I) uint8; the input is not changed.

    ``largest_component``: of every structure keep the largest part that hangs together in 3-D (26 neighbours).

    Raises:
        ModelError: the manifest names an unknown step.
    """
    for step in model.cleanup:
        if step not in STEPS:
            raise ModelError(f'The manifest of {model.id} asks for an unknown clean-up "{step}": correct it.')
        for label in model.labels:
            labels = np.where((labels == label.value) & ~_largest_component(labels == label.value), 0, labels)
    return labels.astype(np.uint8, copy=False)


def _largest_component(mask: np.ndarray) -> np.ndarray:
    import SimpleITK as sitk  # heavy, and only this step needs it

    if not mask.any():
        return mask
    components = sitk.ConnectedComponent(sitk.GetImageFromArray(mask.astype(np.uint8)), True)
    return sitk.GetArrayViewFromImage(sitk.RelabelComponent(components)) == 1
