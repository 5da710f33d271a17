"""Fuzzy enhancement: affine maps in a logarithmic image model, blended over fuzzy windows.

Based on the formulas of V. Patrascu, image enhancement by support fuzzification in the framework of a logarithmic
model (2003). Its gray levels v in (-1, 1) form a vector space with the addition (u + v) / (1 + u v). With v = 2 r - 1,
x = 2 artanh v = ln(r / (1 - r)) is an isomorphism to the real numbers, where means and variances are the usual ones.

That the paper (arXiv 2509.05953) uses this method is our guess, see Documentation/method.md. Target, gain and windows
are fitted to the curve measured in its figure, see `training.fuzzy_fit`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

_MARGIN = 1 / 512  # half of one of 256 gray levels: keeps values away from black and white, where x is infinite


@dataclass(frozen=True)
class Windows:
    """Parameters fitted to the paper's figure.

    Args:
        count: number of windows along each axis.
        width: standard deviation of the bells, in units of the distance between their centers.
        mean, deviation: target mean and deviation of x in each window at strength 1.
        flat: deviation whose variance is added to each window's variance, so that flat regions stay flat.
    """

    count: int = 3
    width: float = 0.8
    mean: float = -0.15
    deviation: float = 2.0
    flat: float = 0.5


FITTED = Windows()


def fuzzy(volume: np.ndarray, strength: float) -> np.ndarray:
    """Enhance each slice (S, H, W), float32 in [0, 1], with `enhanced_in_windows`; return a new array."""
    return np.stack([enhanced_in_windows(plane, np.float32(strength), np) for plane in volume])


def enhanced_in_windows(images: Any, strength: Any, xp: Any, windows: Windows = FITTED) -> Any:
    """Bring the mean and deviation of x in each fuzzy window to their target values.

    The maps of all windows are blended by the windows' memberships, which sum to 1 at each pixel.

    Args:
        images: (..., H, W) float32 in [0, 1].
        strength: s in [0, 2], a number or broadcastable to ``images``; the mean moves by the share s, and the gain
            is raised to s.
        xp: numpy, or torch if ``images`` is a tensor.
    """
    rows, columns = (_memberships(n, windows, images, xp) for n in images.shape[-2:])  # (windows, H), (windows, W)
    r = _MARGIN + (1 - 2 * _MARGIN) * images
    x = xp.log(r / (1 - r))
    weight = rows.sum(-1)[:, None] * columns.sum(-1)
    mean = rows @ x @ columns.T / weight
    variance = rows @ (x * x) @ columns.T / weight - mean * mean
    gain = (windows.deviation**2 / (variance.clip(0) + windows.flat**2)) ** (strength / 2)
    shift = mean + strength * (windows.mean - mean) - gain * mean
    x = (rows.T @ gain @ columns) * x + rows.T @ shift @ columns
    r = 1 / (1 + xp.exp(-x))
    return ((r - _MARGIN) / (1 - 2 * _MARGIN)).clip(0, 1)


def _memberships(length: int, windows: Windows, like: Any, xp: Any) -> Any:
    """Memberships (windows, length): evenly spaced bells, divided by their sum at each pixel."""
    centers = (np.arange(windows.count) + 0.5) / windows.count
    pixels = (np.arange(length) + 0.5) / length
    bells = np.exp(-(((pixels - centers[:, None]) * windows.count / windows.width) ** 2) / 2)
    shares = (bells / bells.sum(0)).astype(np.float32)
    return shares if xp is np else xp.from_numpy(shares).to(like)
