"""Dual Interactive Fusion Module (DIFM) of the paper's figure: original and enhanced image query each other."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .convnext import LayerNorm2d, StageFeatures

_BLOCK = 2048  # queries processed at a time: the scores of more would not fit into the caches


class FeatureMerging(nn.Module):
    """f~: low- and high-level feature maps of one stage, concatenated and mixed by one convolution.

    Two (N, C, H, W) -> (N, C, H, W). Our choice: 1x1, because a 3x3 kernel would cost more than all the attention.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(2 * width, width, 1)

    def forward(self, features: StageFeatures) -> Tensor:
        return self.mix(torch.cat([features.low, features.high], dim=1))


class CrossImageAttention(nn.Module):
    """softmax(Q K^T) V with queries from one image, keys and values from the other.

    Our choices, which the figure does not specify: multiple heads of ``head_width`` channels, scores scaled by
    1 / sqrt(head width), an output projection, and keys and values averaged over ``reduction`` x ``reduction`` pixels
    (full attention at stride 4 has (H W / 16)^2 scores). With reduction 1, this is plain softmax attention.
    """

    def __init__(self, width: int, head_width: int, reduction: int) -> None:
        super().__init__()
        self.heads = max(1, width // head_width)
        if width % self.heads:
            raise ValueError(f"{width} channels cannot be shared by {self.heads} heads of equal width")
        self.reduction = reduction
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.output = nn.Linear(width, width)

    def forward(self, own: Tensor, other: Tensor) -> Tensor:
        """Attend from ``own`` to ``other``; both (N, C, H, W), H and W multiples of the reduction -> (N, C, H, W)."""
        n, c, h, w = own.shape
        query = self._split_heads(self.query(_tokens(own)))
        reduced = F.avg_pool2d(other, self.reduction) if self.reduction > 1 else other
        key, value = (self._split_heads(x) for x in self.key_value(_tokens(reduced)).chunk(2, dim=-1))
        attended = attend(query, key, value)
        attended = self.output(attended.transpose(1, 2).reshape(n, h * w, c))
        return attended.transpose(1, 2).reshape(n, c, h, w)

    def _split_heads(self, tokens: Tensor) -> Tensor:
        """(N, tokens, C) -> (N, heads, tokens, C / heads)."""
        n, length, c = tokens.shape
        return tokens.reshape(n, length, self.heads, c // self.heads).transpose(1, 2)


def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Compute softmax(Q K^T / sqrt(width)) V; all (N, heads, tokens, width), as many keys as values.

    At inference in bfloat16 on a CPU, all scores of a block of queries are computed at once: with the few keys of
    reduced maps, this takes half the time of torch's own kernel, whose softmax is slow there.
    """
    if torch.is_grad_enabled() or query.device.type != "cpu" or query.dtype != torch.bfloat16:
        return F.scaled_dot_product_attention(query, key, value)
    key = (key * query.shape[-1] ** -0.5).transpose(-1, -2).contiguous()
    blocks = [(block @ key).float().softmax(-1).to(value.dtype) @ value for block in query.split(_BLOCK, dim=2)]
    return torch.cat(blocks, dim=2)


def _tokens(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, H W, C)."""
    return x.flatten(2).transpose(1, 2)


class FeedForward(nn.Sequential):
    """FFN of the figure: layer norm, two 1x1 layers with GELU between; (N, C, H, W) -> (N, C, H, W)."""

    def __init__(self, width: int, ratio: float) -> None:
        hidden = int(width * ratio)
        super().__init__(
            LayerNorm2d(width, eps=1e-6), nn.Conv2d(width, hidden, 1), nn.GELU(), nn.Conv2d(hidden, width, 1)
        )


class GlobalSpatialAttention(nn.Module):
    """f * sigmoid(mean of f over the channels), as drawn; (N, C, H, W) -> (N, C, H, W)."""

    def forward(self, f: Tensor) -> Tensor:
        return f * torch.sigmoid(f.mean(dim=1, keepdim=True))


class StandardizedSpatialAttention(nn.Module):
    """f * 2 sigmoid(z); z is the mean of f over the channels, standardized over the image.

    Our variant of the paper's attention, where the mean of f is unbounded: once it is large, the gate is 0 or 1 for
    most of the image and stops learning. Here, the gate varies around 1 whatever the magnitude of f.
    (N, C, H, W) -> (N, C, H, W).
    """

    def forward(self, f: Tensor) -> Tensor:
        mean = f.float().mean(dim=1, keepdim=True)
        deviation, center = torch.std_mean(mean, dim=(2, 3), keepdim=True, correction=0)
        return f * (2 * torch.sigmoid((mean - center) / (deviation + 1e-3))).to(f.dtype)


SPATIAL_ATTENTIONS = {
    "drawn": GlobalSpatialAttention,
    "standardized": StandardizedSpatialAttention,
    "none": nn.Identity,
}


class Interaction(nn.Module):
    """One direction of the DIFM: attention to the other image, residual from the query, FFN, global spatial attention.

    Our choices: layer norm before attention and FFN, and a residual around the FFN.
    """

    def __init__(
        self, width: int, head_width: int, reduction: int, ffn_ratio: float, spatial_attention: str = "drawn"
    ) -> None:
        super().__init__()
        self.norm = LayerNorm2d(width, eps=1e-6)
        self.attention = CrossImageAttention(width, head_width, reduction)
        self.ffn = FeedForward(width, ffn_ratio)
        self.spatial = SPATIAL_ATTENTIONS[spatial_attention]()

    def forward(self, own: Tensor, other: Tensor) -> Tensor:
        f = own + self.attention(self.norm(own), self.norm(other))
        return self.spatial(f + self.ffn(f))


class DIFM(nn.Module):
    """Fuses one stage of the two branches: merge low and high, attend in both directions, sum; -> (N, C, H, W)."""

    def __init__(
        self, width: int, head_width: int, reduction: int, ffn_ratio: float, spatial_attention: str = "drawn"
    ) -> None:
        super().__init__()
        self.merge_original = FeatureMerging(width)
        self.merge_enhanced = FeatureMerging(width)
        self.original_asks = Interaction(width, head_width, reduction, ffn_ratio, spatial_attention)
        self.enhanced_asks = Interaction(width, head_width, reduction, ffn_ratio, spatial_attention)

    def forward(self, original: StageFeatures, enhanced: StageFeatures) -> Tensor:
        original_asked, enhanced_asked = self.directions(original, enhanced)
        return original_asked + enhanced_asked

    def directions(self, original: StageFeatures, enhanced: StageFeatures) -> tuple[Tensor, Tensor]:
        """Return the two summands: from the original's queries and from the enhanced image's queries."""
        a, b = self.merge_original(original), self.merge_enhanced(enhanced)
        return self.original_asks(a, b), self.enhanced_asks(b, a)


class Concatenation(nn.Module):
    """Alternative to the DIFM for comparison: features of both branches, concatenated and mixed by a 1x1 layer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.merge_original = FeatureMerging(width)
        self.merge_enhanced = FeatureMerging(width)
        self.mix = nn.Conv2d(2 * width, width, 1)

    def forward(self, original: StageFeatures, enhanced: StageFeatures) -> Tensor:
        return self.mix(torch.cat([self.merge_original(original), self.merge_enhanced(enhanced)], dim=1))
