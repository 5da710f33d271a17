"""Agreement of two segmentations of one structure."""

import numpy as np


def dice(prediction: np.ndarray, truth: np.ndarray) -> float:
    """2 |P and T| / (|P| + |T|) of two boolean arrays of one shape; nan where both are empty."""
    total = int(prediction.sum()) + int(truth.sum())
    return 2 * int((prediction & truth).sum()) / total if total else float("nan")
