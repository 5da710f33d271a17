"""Folding of operations that are constant at inference into neighboring layers: fewer passes, same scores."""

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from .convnext import Block
from .din import DIN


@torch.no_grad()
def fold(network: DIN) -> DIN:
    """Fold layer scales and batch norms of a network in evaluation mode into its weights, in place; return it.

    In float32, the scores differ only by rounding. The result cannot be trained, and its state no longer matches
    a weight file.
    """
    for module in list(network.modules()):
        if isinstance(module, Block) and module.layer_scale is not None:
            module.project.weight.mul_(module.layer_scale[:, None])
            module.project.bias.mul_(module.layer_scale)
            module.layer_scale = None
        if isinstance(module, nn.Sequential):
            _fold_batch_norms(module)
    return network


def _fold_batch_norms(layers: nn.Sequential) -> None:
    for index in range(len(layers) - 1):
        convolution, norm = layers[index], layers[index + 1]
        if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            layers[index] = fuse_conv_bn_eval(convolution, norm)
            layers[index + 1] = nn.Identity()  # the following layers keep their indices
