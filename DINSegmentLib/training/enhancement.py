"""Enhancement of a whole batch on the training device, with a method and strength for each image."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ..model import Enhancement
from ..model.enhancement import METHODS, enhance
from ..model.fuzzy import enhanced_in_windows

_LEAST = 1e-6  # smallest strength, as in `enhance`: below it the image is unchanged


def enhance_batch(images: Tensor, methods: Sequence[str], strengths: Tensor, extents: Tensor | None = None) -> Tensor:
    """Enhance images with torch as `enhance` does.

    Args:
        images: (N, channels, H, W), float32 in [0, 1], any device.
        methods: N keys of `METHODS`; those not implemented here run on the CPU, one image at a time.
        strengths: (N,), in [0, 2].
        extents: see `Batch`; methods that use a pixel's surroundings ignore the padding around a slice.

    Returns:
        enhanced images like ``images``; equal to `enhance` within 1e-5.
    """
    s = strengths.to(images).reshape(-1, 1, 1, 1)
    out = images.clone()
    for method in set(methods):
        rows = [row for row, one in enumerate(methods) if one == method]
        twin = _TWINS.get(method) or partial(_on_cpu, method)
        if extents is None or METHODS[method].pointwise:
            out[rows] = twin(images[rows], s[rows])
            continue
        for row, extent in zip(rows, extents[rows].tolist(), strict=True):
            top, left = ((side - n) // 2 for side, n in zip(images.shape[2:], extent, strict=True))
            inside = slice(row, row + 1), slice(None), slice(top, top + extent[0]), slice(left, left + extent[1])
            out[inside] = twin(images[inside], s[row : row + 1])
    return images.where(s < _LEAST, out).clamp(0, 1)


def _on_cpu(method: str, images: Tensor, strengths: Tensor) -> Tensor:
    numbers = strengths.flatten().tolist()
    made = [enhance(one, Enhancement(method, s)) for one, s in zip(images.cpu().numpy(), numbers, strict=True)]
    return torch.from_numpy(np.stack(made)).to(images)


def _log(images: Tensor, strengths: Tensor) -> Tensor:
    k = 256.0 ** strengths.clamp(min=_LEAST) - 1
    return (images * k).log1p() / k.log1p()


def _gamma(images: Tensor, strengths: Tensor) -> Tensor:
    return images.clamp(min=0) ** (5.0**-strengths)


def _fuzzy(images: Tensor, strengths: Tensor) -> Tensor:
    return enhanced_in_windows(images, strengths, torch)


_TWINS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"log": _log, "gamma": _gamma, "fuzzy": _fuzzy}
