"""Number formats in a weight file: 8 bits with a scale for each output channel, 16 bits, or 32 bits."""

from collections.abc import Mapping

import torch
from torch import Tensor

SCALE = ".scale"
# Tensors with at least this many numbers are stored with 8 bits. Smaller ones and the decoder, whose errors directly
# affect the scores, are a twelfth of the network; in 8 bits, they would cause nine tenths of the error.
_LARGE = 10_000
_DECODER = "decode."
# A variance above 65504 overflows fp16; as infinity, it would silently disable its channel.
_KEPT_WHOLE = ("running_mean", "running_var")


def stored(state: Mapping[str, Tensor], bits: int) -> dict[str, Tensor]:
    """Convert weights to the form stored in a file.

    Args:
        state: state dictionary of a network.
        bits: 8 or 16. With 8, a matrix or kernel NAME of at least 10,000 numbers outside the decoder becomes int8, and
            `NAME.scale` float32 has one value per output channel: its largest number / 127. All else is float16;
            batch norm's statistics are float32, integers are unchanged.
    """
    result = {}
    for name, value in state.items():
        if not value.is_floating_point():
            result[name] = value
        elif name.endswith(_KEPT_WHOLE):
            result[name] = value.float()
        elif bits == 8 and value.ndim > 1 and value.numel() >= _LARGE and not name.startswith(_DECODER):
            scale = value.float().flatten(1).abs().amax(dim=1).clamp(min=torch.finfo(torch.float32).tiny) / 127
            result[name] = (value.float() / _broadcast(scale, value)).round().to(torch.int8)
            result[name + SCALE] = scale
        else:
            result[name] = value.half()
    return result


def restored(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the float32 weights of a file with any number of bits.

    Raises:
        ValueError: an 8-bit tensor lacks its scales, or they are not one finite number for each output channel.
    """
    result = {}
    for name, value in state.items():
        if value.dtype == torch.int8:
            scale = state.get(name + SCALE)
            if scale is None or scale.shape != value.shape[:1] or not scale.isfinite().all():
                raise ValueError(f"{name} has no finite scale for each output channel")
            result[name] = value.float() * _broadcast(scale.float(), value)
        elif not name.endswith(SCALE):
            result[name] = value.float()
    return result


def _broadcast(scale: Tensor, like: Tensor) -> Tensor:
    return scale.reshape(-1, *[1] * (like.ndim - 1))
