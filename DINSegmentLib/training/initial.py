"""Initial weights, and fitting of missing heads before the rest of the network is trained."""

import math
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

import torch
from torch import Tensor

from ..errors import InputError
from ..network import DIN, restored

_HEADS = ("decode.head.", "decode.scale_heads.")
_STEPS = 60
_RATE = 2e-2  # heads are linear and tolerate a learning rate that would ruin the layers below


def load_initial(network: DIN, path: Path) -> list[str]:
    """Load weights of another run or model (`weights.pt`, `best.pt`): all tensors of the same name and shape.

    If the first layer has more input slices than in the file, the file's weights are used for the middle slices, 0 for
    the others, so that the network starts with the same scores.

    Returns:
        names of the heads' tensors that are missing in the file or have other classes.

    Raises:
        InputError: the file cannot be read, or has less than half of the network.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        state = restored(state.get("average", state))
    except (OSError, EOFError, RuntimeError, AttributeError, ValueError, KeyError, ImportError) as error:
        raise InputError(f"The weights {path} cannot be read: use a weights.pt or best.pt.") from error
    except Exception as error:  # pickle's own exception class is equivalent
        raise InputError(f"The weights {path} are not plain tensors: use a weights.pt or best.pt.") from error
    own = network.state_dict()
    state = {name: _widened(value, own[name]) for name, value in state.items() if name in own}
    fitting = {name: value for name, value in state.items() if own[name].shape == value.shape}
    count = sum(value.numel() for value in own.values())
    if 2 * sum(value.numel() for value in fitting.values()) < count:
        raise InputError(
            f"The weights {path} are of another architecture (they fit less than half of the network): "
            "use the weights of a similar network."
        )
    network.load_state_dict(fitting, strict=False)
    return [name for name in own if name.startswith(_HEADS) and name not in fitting]


def _widened(value: Tensor, like: Tensor) -> Tensor:
    """Extend kernels (out, channels, h, w) of a first layer by zeros for additional slices."""
    if value.ndim != 4 or value.shape[::2] != like.shape[::2] or value.shape[0] != like.shape[0]:
        return value
    more = like.shape[1] - value.shape[1]
    if more <= 0 or more % 2 or value.shape[1] % 2 == 0:
        return value
    return torch.nn.functional.pad(value, (0, 0, 0, 0, more // 2, more // 2))


def fit_heads(
    network: DIN,
    names: Collection[str],
    views: Iterable[tuple[Tensor, ...]],
    loss: Callable[..., Tensor],
) -> tuple[float, float]:
    """Fit some of the heads while all else is frozen, including batch norm's statistics.

    New heads on trained layers cause a high loss, whose gradients would destroy what the layers have learned.

    Args:
        network: trained, except for these heads.
        names: parameters of the heads to fit.
        views: original and enhanced (N, channels, H, W), and the other arguments of the loss; at least ``_STEPS``.
        loss: function of scores, scores of the scales, and the rest of a view.

    Returns:
        the loss before and after.
    """
    learns = {name: parameter.requires_grad for name, parameter in network.named_parameters()}
    heads = [parameter.requires_grad_(name in names) for name, parameter in network.named_parameters()]
    heads = [parameter for parameter in heads if parameter.requires_grad]
    network.eval()
    network.decode.training = True  # only the flag, which makes the decoder use the heads of the scales
    optimizer = torch.optim.Adam(heads, _RATE)
    losses = []
    for step, (original, enhanced, *truth) in zip(range(_STEPS), views, strict=False):
        for group in optimizer.param_groups:
            group["lr"] = _RATE * 0.5 * (1 + math.cos(math.pi * step / _STEPS))
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(original.device.type, torch.bfloat16, cache_enabled=False):
            scores, scales = network.forward_scales(original, enhanced)
        found = loss(scores, scales, *truth)
        found.backward()
        optimizer.step()
        losses.append(found.detach())
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(learns[name]).grad = None
    found = torch.stack(losses)
    return found[0].item(), found[-5:].mean().item()
