"""The one enhancement function: preview, network input and training share it.

Sources: the log curve with k = 255 is the grey-level map measured in the main figure of the paper (arXiv 2509.05953);
the paper itself does not name its method, so names, strength and the other methods are our choice.
"""

import math
from typing import Any

import numpy as np

from ..errors import InputError
from ..messages import Sentence as _

METHODS = ("log", "gamma", "clahe", "none")
STRENGTH_RANGE = (0.0, 2.0)
_IDENTITY = 1e-6  # weaker than this, float32 shows no difference

# CLAHE as SimpleITK defines it: alpha 0, beta 0 is plain adaptive histogram equalisation of a window of this radius.
_CLAHE_RADIUS = 16
_CLAHE_ALPHA, _CLAHE_BETA = 0.3, 0.3


def check(method: str, strength: float) -> None:
    """Raises InputError when the method is unknown or the strength outside [0, 2]."""
    if method not in METHODS:
        raise InputError(
            _('There is no enhancement "{method}": choose one of {known}.', method=method, known=", ".join(METHODS))
        )
    low, high = STRENGTH_RANGE
    if not (math.isfinite(strength) and low <= strength <= high):
        raise InputError(
            _(
                "Enhancement strength {strength:g} is outside [{low:g}, {high:g}]: choose one inside.",
                strength=strength,
                low=low,
                high=high,
            )
        )


def enhance(volume: np.ndarray, method: str = "log", strength: float = 1.0) -> np.ndarray:
    """Enhance every slice.

    Args:
        volume: slices along the first axis, shape (S, H, W), float32 in [0, 1].
        method: ``log`` e(r) = ln(1 + k r) / ln(1 + k), k = 256^s - 1; ``gamma`` r^(5^-s);
            ``clahe`` blended with weight s / 2; ``none``.
        strength: s in [0, 2]; 0 leaves the volume as it is, 1 with ``log`` is the curve of the paper's figure.

    Returns:
        shape (S, H, W), float32 in [0, 1], always a new array.

    Raises:
        InputError: unknown method, or strength outside [0, 2].
    """
    check(method, strength)
    volume = np.asarray(volume, dtype=np.float32)
    if method == "none" or strength < _IDENTITY:
        return volume.copy()
    if method == "log":
        out = volume * np.float32(_log_factor(strength))
        np.log1p(out, out=out)
        out *= np.float32(1 / math.log1p(_log_factor(strength)))
        return np.clip(out, 0, 1, out=out)
    if method == "gamma":
        return np.power(volume, np.float32(5.0**-strength))
    return _blend_clahe(volume, strength / 2)


def enhance_batch(images: Any, is_log: Any, strengths: Any) -> Any:
    """torch twin of `enhance` for training: ``log`` or ``gamma``, one method and strength per image.

    Args:
        images: tensor (N, channels, H, W), float32 in [0, 1], any device.
        is_log: tensor (N,) of bool: ``log``, else ``gamma``.
        strengths: tensor (N,), s in [0, 2].

    Returns:
        tensor like ``images``; equal to `enhance` to 1e-5.
    """
    s = strengths.to(images).reshape(-1, 1, 1, 1).clamp(min=_IDENTITY)
    k = 256.0**s - 1
    log = (images * k).log1p() / k.log1p()
    gamma = images.clamp(min=0) ** (5.0**-s)
    identity = strengths.to(images.device).reshape(-1, 1, 1, 1) == 0
    return images.where(identity, log.where(is_log.reshape(-1, 1, 1, 1), gamma)).clamp(0, 1)


def _log_factor(strength: float) -> float:
    return 256.0**strength - 1


def _blend_clahe(volume: np.ndarray, weight: float) -> np.ndarray:
    import SimpleITK as sitk  # heavy, and only this method needs it

    out = np.empty_like(volume)
    for index, plane in enumerate(volume):
        out[index] = plane
        if plane.min() == plane.max():  # SimpleITK divides by the difference
            continue
        image = sitk.GetImageFromArray(plane)
        radius = [min(_CLAHE_RADIUS, (n - 1) // 2) for n in image.GetSize()]
        equalised = sitk.AdaptiveHistogramEqualization(image, radius, _CLAHE_ALPHA, _CLAHE_BETA)
        blended = (1 - weight) * plane + weight * sitk.GetArrayViewFromImage(equalised)
        out[index] = np.clip(blended, 0, 1)
    return out
