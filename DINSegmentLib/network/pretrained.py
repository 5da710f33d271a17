"""ImageNet weights for an encoder: a ConvNeXt checkpoint that the user has, with torchvision's or timm's key names."""

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .convnext import Encoder

_CLASSIFIER = ("classifier.", "head.")
# parts of a block: our name, torchvision's, timm's
_BLOCK = (
    ("depthwise", "block.0", "conv_dw"),
    ("norm", "block.2", "norm"),
    ("expand", "block.3", "mlp.fc1"),
    ("project", "block.5", "mlp.fc2"),
)


def load_imagenet(encoder: Encoder, path: Path) -> None:
    """Load ImageNet weights into an encoder with a ``patchify`` stem; the checkpoint's classifier is left out.

    Our input is grey: the stem's kernels are summed over red, green and blue.

    Args:
        encoder: of the checkpoint's widths and depths; unchanged when an error is raised.
        path: file of ``torch.save`` with a plain state dict; only tensors are read from it.

    Raises:
        ValueError: the file is missing, no state dict, in neither layout, or of another size than the encoder.
    """
    given = {key: value for key, value in _read(path).items() if not key.startswith(_CLASSIFIER)}
    ours, *layouts = zip(*_names(encoder), strict=True)
    wanted = encoder.state_dict()
    if set(ours) != set(wanted):
        raise ValueError("ImageNet weights need an encoder with the stem patchify: choose it in the settings.")
    theirs = next((names for names in layouts if not given.keys().isdisjoint(names)), None)
    if theirs is None:
        raise ValueError(f"{path} has neither torchvision's nor timm's key names: give a ConvNeXt checkpoint of one.")
    if odd := sorted(given.keys() ^ set(theirs)):
        raise ValueError(f"{path} has other layers than the encoder (see {odd[0]}): give a ConvNeXt of its depths.")
    state = {own: given[name] for own, name in zip(ours, theirs, strict=True)}
    state["stem.0.weight"] = state["stem.0.weight"].sum(dim=1, keepdim=True)
    for own, value in state.items():
        if value.squeeze().shape != wanted[own].squeeze().shape:
            raise ValueError(f"{path} has layers of another width (see {own}): give a ConvNeXt of its widths.")
        state[own] = value.reshape(wanted[own].shape)  # torchvision's layer scale is (C, 1, 1)
    encoder.load_state_dict(state)


def _read(path: Path) -> dict[str, Tensor]:
    try:
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        raise ValueError(f"{path} cannot be read as a file of weights: give a ConvNeXt's state dict.") from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"{path} is no plain state dict (names and tensors): give a ConvNeXt's.")
    return state


def _names(encoder: Encoder) -> Iterator[tuple[str, ...]]:
    """Our name, torchvision's and timm's of every parameter of an encoder."""
    for names in _module_names(encoder):
        yield from (tuple(f"{name}.{parameter}" for name in names) for parameter in ("weight", "bias"))
    for index, stage in enumerate(encoder.stages):
        for block, _ in enumerate(stage.children()):
            own, torchvision, timm = _block_names(index, block)
            yield f"{own}.layer_scale", f"{torchvision}.layer_scale", f"{timm}.gamma"


def _module_names(encoder: Encoder) -> Iterator[tuple[str, ...]]:
    for part in (0, 1):
        yield f"stem.{part}", f"features.0.{part}", f"stem.{part}"
        for index in range(len(encoder.downsample)):
            torchvision, timm = f"features.{2 * index + 2}", f"stages.{index + 1}.downsample"
            yield f"downsample.{index}.{part}", f"{torchvision}.{part}", f"{timm}.{part}"
    for index, stage in enumerate(encoder.stages):
        for block, _ in enumerate(stage.children()):
            names = _block_names(index, block)
            yield from (tuple(f"{name}.{layer}" for name, layer in zip(names, part, strict=True)) for part in _BLOCK)


def _block_names(index: int, block: int) -> tuple[str, str, str]:
    # torchvision's features are stem, stage, downsampling, stage, ...
    return f"stages.{index}.{block}", f"features.{2 * index + 1}.{block}", f"stages.{index}.blocks.{block}"
