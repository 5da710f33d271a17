"""ConvNeXt encoder (Liu et al., CVPR 2022) that returns a low- and a high-level feature map of each stage."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Mean and standard deviation of gray values in ImageNet: published ConvNeXt weights expect standardized inputs, and
# ours are in [0, 1]. Also used for networks trained from scratch (our choice).
GRAY_MEAN, GRAY_STD = 0.449, 0.226


@dataclass(frozen=True)
class StageFeatures:
    """Feature maps of one stage, both (N, C, h, w): ``low`` enters its first block, ``high`` leaves its last."""

    low: Tensor
    high: Tensor


class LayerNorm2d(nn.LayerNorm):
    """Layer normalization over the channels of (N, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Block(nn.Module):
    """ConvNeXt block: depth-wise 7x7, layer norm, two linear layers with GELU, layer scale, residual.

    (N, C, H, W) -> (N, C, H, W). With channels-last memory the permutations cost nothing. In training, ``drop_path`` is
    the share of samples that skip the block (stochastic depth, Huang et al. 2016); it has no parameters.
    """

    drop_path = 0.0

    def __init__(self, width: int, layer_scale: float) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.expand = nn.Linear(width, 4 * width)
        self.project = nn.Linear(4 * width, width)
        self.layer_scale: nn.Parameter | None = nn.Parameter(torch.full((width,), layer_scale))  # None: folded

    def forward(self, x: Tensor) -> Tensor:
        y = self.depthwise(x).permute(0, 2, 3, 1)
        y = self.project(F.gelu(self.expand(self.norm(y))))
        if self.layer_scale is not None:
            y = y * self.layer_scale
        if self.training and self.drop_path:
            kept = torch.rand(len(y), 1, 1, 1, device=y.device) >= self.drop_path
            y = y * (kept / (1 - self.drop_path)).to(y.dtype)
        return x + y.permute(0, 3, 1, 2)


def _stem(kind: Literal["patchify", "convolution"], channels: int, width: int) -> nn.Sequential:
    if kind == "patchify":
        return nn.Sequential(nn.Conv2d(channels, width, 4, stride=4), LayerNorm2d(width, eps=1e-6))
    if kind == "convolution":
        # our choice: in a trial, a patchify stem with a concatenating decoder hardly learned from scratch
        return nn.Sequential(
            nn.Conv2d(channels, width // 2, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(width // 2),
            nn.GELU(),
            nn.Conv2d(width // 2, width, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )
    raise ValueError(f"unknown stem {kind!r}")


class Encoder(nn.Module):
    """Four ConvNeXt stages at strides 4, 8, 16, 32.

    Args:
        widths: channels of the four stages.
        depths: blocks of the four stages.
        stem: ``patchify`` (as published, accepts ImageNet weights) or ``convolution`` (learns from scratch).
        layer_scale: initial value; 1e-6 as published, larger for training from scratch.
        channels: input channels: a slice, or a slice and its neighbors.
    """

    def __init__(
        self,
        widths: tuple[int, ...],
        depths: tuple[int, ...],
        stem: Literal["patchify", "convolution"] = "patchify",
        layer_scale: float = 1e-6,
        channels: int = 1,
    ) -> None:
        super().__init__()
        self.stem = _stem(stem, channels, widths[0])
        self.downsample = nn.ModuleList(
            nn.Sequential(LayerNorm2d(fine, eps=1e-6), nn.Conv2d(fine, coarse, 2, stride=2))
            for fine, coarse in zip(widths[:-1], widths[1:], strict=True)
        )
        self.stages = nn.ModuleList(
            nn.Sequential(*(Block(width, layer_scale) for _ in range(depth)))
            for width, depth in zip(widths, depths, strict=True)
        )

    def forward(self, image: Tensor) -> tuple[Tensor, list[StageFeatures]]:
        """Encode ``image`` (N, channels, H, W) in [0, 1], H and W multiples of 32.

        Returns:
            output of the stem's first layers, with a ``convolution`` stem (N, widths[0] / 2, H / 2, W / 2); features
            of the four stages, fine to coarse.
        """
        detail = self.stem[: len(self.stem) - 2]((image - GRAY_MEAN) / GRAY_STD)
        low = self.stem[len(self.stem) - 2 :](detail)
        features: list[StageFeatures] = []
        for index, stage in enumerate(self.stages):
            if index:
                low = self.downsample[index - 1](features[-1].high)
            features.append(StageFeatures(low, stage(low)))
        return detail, features
