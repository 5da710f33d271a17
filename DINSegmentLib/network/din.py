"""DIN: two encoders, four DIFMs, one decoder."""

from dataclasses import dataclass, fields
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .convnext import Encoder, StageFeatures
from .decoder import Decoder
from .fusion import DIFM, SPATIAL_ATTENTIONS, Concatenation, FeatureMerging

STRIDE = 32


@dataclass(frozen=True)
class DINConfig:
    """Size of a DIN. Field names are the keys of ``network`` in a model's manifest.

    Args:
        classes: scores per pixel, background included.
        widths, depths: channels and blocks of the four stages of each encoder.
        stem, layer_scale: see `Encoder`.
        head_width: channels of one attention head.
        reductions: side of the square over which key and value are averaged, per stage.
        ffn_ratio: hidden channels of the DIFM's FFN over its channels.
        decoder_width: channels inside the decoder.
        deep_supervision: scores at all four scales while training.
        neighbours: slices seen on either side of the one that is labelled.
        detail: the stems' maps at stride 2 take part in the drawing; needs the stem ``convolution``.
        fusion: ``difm``, or what it is compared with: ``concatenation`` of both branches, ``none`` for one branch that
            sees the original image alone.
        spatial_attention: DIFM's last part: global spatial attention as ``drawn``, our ``standardized`` one, ``none``.
    """

    classes: int
    widths: tuple[int, ...] = (128, 256, 512, 1024)
    depths: tuple[int, ...] = (3, 3, 27, 3)
    stem: Literal["patchify", "convolution"] = "patchify"
    layer_scale: float = 1e-6
    head_width: int = 32
    reductions: tuple[int, ...] = (8, 4, 2, 1)
    ffn_ratio: float = 4.0
    decoder_width: int = 256
    deep_supervision: bool = True
    neighbours: int = 0
    detail: bool = False
    fusion: Literal["difm", "concatenation", "none"] = "difm"
    spatial_attention: Literal["drawn", "standardized", "none"] = "drawn"

    @property
    def channels(self) -> int:
        """Of each input image: the slice that is labelled in the middle, its neighbours around it."""
        return 1 + 2 * self.neighbours

    def __post_init__(self) -> None:
        for level, reduction in enumerate(self.reductions):
            if (STRIDE >> (level + 2)) % reduction:  # a map's side is a multiple of this: 8, 4, 2, 1
                raise ValueError(f"a reduction of {reduction} does not divide the maps of stage {level + 1}")
        if self.detail and self.stem != "convolution":
            raise ValueError("detail needs the stem convolution")
        if self.fusion not in ("difm", "concatenation", "none"):
            raise ValueError(f"unknown fusion {self.fusion!r}")
        if self.spatial_attention not in SPATIAL_ATTENTIONS:
            raise ValueError(f"unknown spatial attention {self.spatial_attention!r}")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "DINConfig":
        """Read a manifest's ``network``; raises TypeError for an unknown key."""
        known = {f.name for f in fields(cls)}
        if unknown := set(values) - known:
            raise TypeError(f"unknown network settings: {', '.join(sorted(unknown))}")
        settings: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**settings)


def din_base(classes: int) -> DINConfig:
    """The paper's size: two ConvNeXt-Base encoders, about 200 M parameters."""
    return DINConfig(classes)


def din_small(classes: int) -> DINConfig:
    """The size that we bundle: under 6 M parameters, so that fp16 weights stay under 12,000,000 bytes."""
    return DINConfig(
        classes,
        widths=(32, 64, 128, 256),
        depths=(2, 2, 4, 2),
        stem="convolution",
        layer_scale=0.2,
        ffn_ratio=2.0,
        decoder_width=64,
    )


class DIN(nn.Module):
    """Dual interaction network.

    The two encoders share no weights, as drawn. Any H x W works: the inputs are padded with 0 (air) to a multiple of 32
    and the scores cropped back.
    """

    def __init__(self, config: DINConfig) -> None:
        super().__init__()
        self.config = config
        encoder = (config.widths, config.depths, config.stem, config.layer_scale, config.channels)
        self.encode_original = Encoder(*encoder)
        self.encode_enhanced = Encoder(*encoder) if config.fusion != "none" else None
        self.fuse = nn.ModuleList(
            _fusion(config, width, reduction) for width, reduction in zip(config.widths, config.reductions, strict=True)
        )
        branches = 1 if self.encode_enhanced is None else 2
        detail_width = branches * (config.widths[0] // 2) if config.detail else 0
        self.decode = Decoder(
            config.widths, config.decoder_width, config.classes, config.deep_supervision, detail_width
        )

    def forward(self, original: Tensor, enhanced: Tensor) -> Tensor:
        """Two (N, channels, H, W) in [0, 1] -> scores (logits) (N, classes, H, W) of the slice in the middle."""
        return self.forward_scales(original, enhanced)[0]

    def forward_scales(self, original: Tensor, enhanced: Tensor) -> tuple[Tensor, list[Tensor]]:
        """As `forward`, and the scores of the four scales (padded size / 4, 8, 16, 32), empty outside training."""
        details, branches = self._encode(original, enhanced)
        fused = [fuse(*stage) for fuse, *stage in zip(self.fuse, *branches, strict=True)]
        return self._draw(fused, details, original.shape[-2:])

    def forward_directions(self, original: Tensor, enhanced: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As `forward`, and the scores when one direction of the DIFMs alone knows where things are.

        The decoder sees the sum of two directions, in one of which the original's query asks the enhanced image and in
        the other the enhanced image's asks the original. To silence a direction, in all four DIFMs its summand gives
        way to its own mean over the image: its features are there as before, but at every place the same. So do the
        details of that image at stride 2, where the decoder has them.

        Returns:
            scores of both directions, of the original's alone, of the enhanced image's alone; (N, classes, H, W) each.

        Raises:
            TypeError: the network has no DIFMs.
        """
        if self.config.fusion != "difm":
            raise TypeError(f"a network with the fusion {self.config.fusion} has no directions")
        details, branches = self._encode(original, enhanced)
        directions = [fuse.directions(*stage) for fuse, *stage in zip(self.fuse, *branches, strict=True)]
        heard = ((_as_it_is, _everywhere_the_same), (_everywhere_the_same, _as_it_is))
        both, original_alone, enhanced_alone = (
            self._draw([f(a) + g(b) for a, b in directions], [f(details[0]), g(details[1])], original.shape[-2:])[0]
            for f, g in ((_as_it_is, _as_it_is), *heard)
        )
        return both, original_alone, enhanced_alone

    def _encode(self, original: Tensor, enhanced: Tensor) -> tuple[list[Tensor], list[list[StageFeatures]]]:
        """Details at stride 2 and the features of four stages, of each branch, of padded images."""
        _, _, padding = _padding(original.shape[-2:])
        branches = [self.encode_original(F.pad(original, padding))]
        if self.encode_enhanced is not None:
            branches.append(self.encode_enhanced(F.pad(enhanced, padding)))
        return [detail for detail, _ in branches], [features for _, features in branches]

    def _draw(self, fused: list[Tensor], details: list[Tensor], size: torch.Size) -> tuple[Tensor, list[Tensor]]:
        scores, scales = self.decode(fused, torch.cat(details, dim=1))
        scores = F.interpolate(scores.float(), scale_factor=2.0, mode="bilinear")
        (height, width), (top, left, _) = size, _padding(size)
        return scores[..., top : top + height, left : left + width], scales


def _padding(size: torch.Size) -> tuple[int, int, tuple[int, int, int, int]]:
    """Rows above and columns at the left that fill an image up to a multiple of the stride; all four for `F.pad`."""
    height, width = size
    top, left = (-height % STRIDE) // 2, (-width % STRIDE) // 2
    return top, left, (left, -width % STRIDE - left, top, -height % STRIDE - top)


def _as_it_is(x: Tensor) -> Tensor:
    return x


def _everywhere_the_same(x: Tensor) -> Tensor:
    """Every channel's mean over the image, at every place; (N, C, H, W) -> (N, C, H, W)."""
    return x.mean(dim=(2, 3), keepdim=True).expand_as(x)


def _fusion(config: DINConfig, width: int, reduction: int) -> nn.Module:
    if config.fusion == "none":
        return FeatureMerging(width)
    if config.fusion == "concatenation":
        return Concatenation(width)
    return DIFM(width, config.head_width, reduction, config.ffn_ratio, config.spatial_attention)
