"""Enhancement methods; preview, network input and training share this code.

Sources: the log curve with k = 255 is the gray-level mapping measured in the main figure of the paper (arXiv
2509.05953). The paper does not name its method, so names, strength and the other methods are our choice.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import numpy as np

from ..errors import InputError
from ..messages import Sentence as _
from .clahe import clahe
from .denoising import denoised
from .fuzzy import fuzzy

STRENGTH_RANGE = (0.0, 2.0)
_IDENTITY = 1e-6  # a smaller strength makes no difference in float32


@dataclass(frozen=True)
class EnhancementChoice:
    """Enhancement settings chosen by the user; None selects the model's default.

    Args:
        method: a key of `METHODS`.
        strength: in [0, 2]; 0 leaves the volume unchanged.

    Raises:
        InputError: the method is unknown, or the strength is outside [0, 2].
    """

    method: str | None = None
    strength: float | None = None

    def __post_init__(self) -> None:
        if self.method is not None and self.method not in METHODS:
            known = ", ".join(METHODS)
            raise InputError(
                _('Unknown enhancement "{method}": choose one of {known}.', method=self.method, known=known)
            )
        if self.strength is None:
            return
        low, high = STRENGTH_RANGE
        object.__setattr__(self, "strength", float(self.strength))
        if not (math.isfinite(self.strength) and low <= self.strength <= high):
            raise InputError(
                _(
                    "Enhancement strength {strength:g} is out of range: choose {low:g} to {high:g}.",
                    strength=self.strength,
                    low=low,
                    high=high,
                )
            )

    def resolved(self, default: "Enhancement") -> "Enhancement":
        """Return a copy with the model's defaults filled in."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return replace(default, **{name: value for name, value in values.items() if value is not None})


@dataclass(frozen=True)
class Enhancement(EnhancementChoice):
    """Method and strength that make the network's second input image from the first."""

    method: str = field()
    strength: float = field()

    @property
    def pointwise(self) -> bool:
        """Whether a voxel's result depends only on its own value, not on the slice around it."""
        return METHODS[self.method].pointwise

    @property
    def options(self) -> dict[str, Any]:
        """Return the values under the option names of the command line and `DINSegmentLogic`."""
        values = asdict(self)
        return {"enhancement": values.pop("method"), **values}

    def __str__(self) -> str:
        return self.method if self.method == "none" else f"{self.method}, strength {self.strength:g}"


def enhance(volume: np.ndarray, enhancement: Enhancement) -> np.ndarray:
    """Enhance each slice.

    Args:
        volume: (S, H, W), slices along the first axis, float32 in [0, 1].
        enhancement: method and strength.

    Returns:
        (S, H, W), float32 in [0, 1], always a new array.
    """
    volume = np.asarray(volume, dtype=np.float32)
    if enhancement.strength < _IDENTITY:
        return volume.copy()
    return METHODS[enhancement.method].apply(volume, enhancement.strength)


def _log(volume: np.ndarray, strength: float) -> np.ndarray:
    k = 256.0**strength - 1
    out = volume * np.float32(k)
    np.log1p(out, out=out)
    out *= np.float32(1 / math.log1p(k))
    return np.clip(out, 0, 1, out=out)


def _gamma(volume: np.ndarray, strength: float) -> np.ndarray:
    return np.power(volume, np.float32(5.0**-strength))


def _none(volume: np.ndarray, strength: float) -> np.ndarray:
    return volume.copy()


@dataclass(frozen=True)
class Method:
    """An enhancement method; `training.enhancement` has batch versions of some.

    Args:
        apply: function of (S, H, W) float32 in [0, 1] and a strength above 0 that returns a new array of the same kind.
        summary: what it does, for the user.
        pointwise: see `Enhancement.pointwise`.
    """

    apply: Callable[[np.ndarray, float], np.ndarray]
    summary: str
    pointwise: bool = True


METHODS = {
    "log": Method(  # ln(1 + k r) / ln(1 + k), k = 256^s - 1
        _log, _("Logarithmic curve: lifts dark tissue. Strength 1 is the curve measured in the paper's figure.")
    ),
    "gamma": Method(_gamma, _("Power curve: lifts dark tissue, most of all near black.")),  # r^(5^-s)
    "fuzzy": Method(
        fuzzy,
        _("Equalizes brightness and contrast between regions, with fuzzy windows that blend smoothly."),
        pointwise=False,
    ),
    "clahe": Method(
        clahe,
        _("Contrast limited adaptive histogram equalization, blended with the original: half and half at strength 1."),
        pointwise=False,
    ),
    "denoised": Method(denoised, _("Smooths noise and keeps edges (guided filter)."), pointwise=False),
    "none": Method(_none, _("No enhancement: the network receives the original image twice.")),
}
NONE = Enhancement(method="none", strength=0.0)
