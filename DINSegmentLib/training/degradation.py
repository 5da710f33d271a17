"""Degraded images of the same patient: noise, blur and loss of contrast at three levels each."""

import hashlib
from collections.abc import Iterator

import numpy as np

from ..engine.preprocessing import normalization
from ..model import Model
from ..model.orientation import orientation
from .cases import Case

CLEAN = ("clean", 0)
# noise: standard deviation as a share of the normalized range; blur: standard deviation in pixels of the slice;
# contrast: exponent of a curve that is flat in the middle of the range, where soft tissues differ
LEVELS = {"noise": (0.05, 0.1, 0.2), "blur": (1.0, 2.0, 3.0), "contrast": (1.5, 2.0, 3.0)}
_GRAY_LEVELS = 255


def conditions() -> Iterator[tuple[str, int]]:
    """Yield ``CLEAN``, then each kind with its levels 1 to 3."""
    yield CLEAN
    for kind, levels in LEVELS.items():
        for level in range(1, len(levels) + 1):
            yield kind, level


def degrade(case: Case, model: Model, kind: str, level: int, seed: int = 0) -> np.ndarray:
    """Degrade the image of a case as if it had been stored by a poorer scanner.

    The image is normalized to [0, 1] as by the model, changed, and converted back to its own units, so that it can pass
    through the unmodified engine. No linear normalization undoes the changes; loss of contrast also includes
    8-bit quantization, as in stored images.

    Args:
        case: its image (K, J, I) is not modified.
        model: defines the normalization and the plane of the slices.
        kind, level: one of `conditions`.
        seed: of the noise, which otherwise depends only on the case's name, the kind and the level.

    Returns:
        (K, J, I) float32, in the units of the case.
    """
    if (kind, level) == CLEAN:
        return case.image
    strength = LEVELS[kind][level - 1]
    normalize = normalization(case.image, model.intensity)
    image = normalize(case.image)
    if kind == "noise":
        name = f"{case.name} {kind} {level} {seed}".encode()
        random = np.random.default_rng(int.from_bytes(hashlib.sha256(name).digest()[:8], "little"))
        image = image + random.normal(0, strength, image.shape).astype(np.float32)
    elif kind == "blur":
        from scipy.ndimage import gaussian_filter

        sigma = np.full(3, strength)
        sigma[orientation(case.geometry, model.axes).order[0]] = 0
        image = gaussian_filter(image, sigma)
    else:
        centered = 2 * image - 1
        image = (1 + np.sign(centered) * np.abs(centered) ** strength) / 2
        image = np.round(image * _GRAY_LEVELS) / _GRAY_LEVELS
    return (image.clip(0, 1) * (normalize.high - normalize.low) + normalize.low).astype(np.float32)
