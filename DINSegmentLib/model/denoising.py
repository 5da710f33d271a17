"""Edge-preserving denoising of single slices by a guided filter; numpy only.

Source: K. He, J. Sun and X. Tang, "Guided image filtering", ECCV 2010, with the slice as its own guide: a linear
model a r + b is fitted around each pixel; a is near 1 at an edge and near 0 where variation is below the noise.
"""

import numpy as np

_RADIUS = 2  # pixels; each fit uses a window of 5 x 5
_NOISE = 0.05  # as a share of the range: the deviation that is halved at strength 1


def denoised(volume: np.ndarray, strength: float) -> np.ndarray:
    """Smooth each slice where its variation is about as large as noise.

    Args:
        volume: (S, H, W) float32 in [0, 1].
        strength: in (0, 2], factor on the deviation that counts as noise.

    Returns:
        a new array like ``volume``.
    """
    noise = np.float32((_NOISE * strength) ** 2)
    out = np.empty_like(volume)
    for plane, filtered in zip(volume, out, strict=True):
        mean = _local_mean(plane)
        variance = (_local_mean(plane * plane) - mean * mean).clip(0)
        slope = variance / (variance + noise)
        filtered[...] = _local_mean(slope) * plane + _local_mean(mean - slope * mean)
    return np.clip(out, 0, 1, out=out)


def _local_mean(plane: np.ndarray) -> np.ndarray:
    """Mean over the window around each pixel of (H, W), with edge pixels repeated."""
    padded = np.pad(plane, _RADIUS, mode="edge")
    size = 2 * _RADIUS + 1
    across = sum((padded[:, at : at + plane.shape[1]] for at in range(1, size)), padded[:, : plane.shape[1]])
    both = sum((across[at : at + plane.shape[0]] for at in range(1, size)), across[: plane.shape[0]])
    return both / np.float32(size**2)
