"""Preprocessing for the network: normalization by constants of the whole volume, then enhancement; numpy only."""

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from ..checks.volume import check_array
from ..geometry import Geometry
from ..messages import Sentence as _
from ..model import Axes, Intensity, Model
from ..model.enhancement import Enhancement, enhance
from ..model.orientation import orientation
from .parameters import Parameters
from .percentile import percentile_steps


@dataclass(frozen=True)
class Normalization:
    """Linear map from ``low`` to 0 and ``high`` to 1, with clipping."""

    low: float
    high: float

    def __call__(self, volume: np.ndarray) -> np.ndarray:
        """Map an array of any shape and real type to float32 in [0, 1], as a C-contiguous copy."""
        out = np.array(volume, dtype=np.float32, order="C")
        np.clip(out, self.low, self.high, out=out)
        out -= np.float32(self.low)
        out *= np.float32(1 / (self.high - self.low))
        return np.clip(out, 0, 1, out=out)


def normalization(volume: np.ndarray, intensity: Intensity) -> Normalization:
    """Compute the constants of a whole native volume (any axis order) as the model's manifest specifies."""
    steps = normalization_steps(volume, intensity)
    while True:
        try:
            next(steps)
        except StopIteration as finished:
            return finished.value


def normalization_steps(volume: np.ndarray, intensity: Intensity) -> Generator[None, None, Normalization]:
    """Like `normalization`, in steps: yields every few milliseconds, returns the constants."""
    if intensity.method == "window":
        return Normalization(intensity.lower, intensity.upper)
    if isinstance(volume, np.ma.MaskedArray):  # ignore masked background, see `io.background`
        volume = volume.compressed()
    percents = (0, intensity.lower, intensity.upper, 100)
    lowest, low, high, highest = yield from percentile_steps(volume, percents)
    # equal percentiles: too few voxels differ from the background, so none are clipped
    return Normalization(low, high) if high > low else Normalization(lowest, highest)


@dataclass(frozen=True)
class Preprocessor:
    """Normalization and enhancement of any part of a volume, with constants of the whole volume."""

    normalize: Normalization
    enhancement: Enhancement

    def __call__(self, slices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Map slices (S, H, W) in the model's plane to original and enhanced, float32 in [0, 1], same shape."""
        original = self.normalize(slices)
        return original, enhance(original, self.enhancement)


def preprocess_volume(
    volume: np.ndarray, geometry: Geometry, axes: Axes, intensity: Intensity, enhancement: Enhancement
) -> tuple[np.ndarray, np.ndarray]:
    """Preprocess a whole volume for display, bit for bit as it enters resampling and the network.

    Args:
        volume: (K, J, I), any real type; not modified.
        geometry: grid of the volume.
        axes, intensity: as in the model's manifest.
        enhancement: how the enhanced image is made.

    Returns:
        original and enhanced (K, J, I), float32 in [0, 1], in the stored order of the input.
    """
    orient = orientation(geometry, axes)
    preprocess = Preprocessor(normalization(volume, intensity), enhancement)
    original, enhanced = preprocess(orient.to_model(volume))
    return orient.to_stored(original), orient.to_stored(enhanced)


def enhance_volume(
    volume: np.ndarray, geometry: Geometry, model: Model, parameters: Parameters | None = None
) -> np.ndarray:
    """Return the enhanced volume for display, bit for bit as `Segmenter` passes it to resampling.

    Args:
        volume: (K, J, I), any real type; not modified.
        geometry: grid of the volume.
        parameters: only the enhancement is used; by default the model's.

    Returns:
        (K, J, I) float32 in [0, 1], in the stored order of the input.

    Raises:
        InputError, GeometryError: the volume or the parameters cannot be used.
    """
    check_array(volume, geometry, _("The volume"))
    chosen = (parameters or Parameters()).resolved(model)
    pair = preprocess_volume(volume, geometry, model.axes, model.intensity, chosen.enhancement)
    return np.ascontiguousarray(pair[1])
