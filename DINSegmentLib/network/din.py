"""DIN: two encoders, four DIFMs, one decoder."""

from dataclasses import dataclass, fields
from typing import Any, Literal

from torch import Tensor, nn
from torch.nn import functional as F

from .convnext import Encoder
from .decoder import Decoder
from .fusion import DIFM

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

    def __post_init__(self) -> None:
        for level, reduction in enumerate(self.reductions):
            if (STRIDE >> (level + 2)) % reduction:  # a map's side is a multiple of this: 8, 4, 2, 1
                raise ValueError(f"a reduction of {reduction} does not divide the maps of stage {level + 1}")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "DINConfig":
        """Read a manifest's ``network``; raises TypeError for an unknown key."""
        known = {f.name for f in fields(cls)}
        if unknown := set(values) - known:
            raise TypeError(f"unknown network settings: {', '.join(sorted(unknown))}")
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


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
        self.encode_original = Encoder(config.widths, config.depths, config.stem, config.layer_scale)
        self.encode_enhanced = Encoder(config.widths, config.depths, config.stem, config.layer_scale)
        self.fuse = nn.ModuleList(
            DIFM(width, config.head_width, reduction, config.ffn_ratio)
            for width, reduction in zip(config.widths, config.reductions, strict=True)
        )
        self.decode = Decoder(config.widths, config.decoder_width, config.classes, config.deep_supervision)

    def forward(self, original: Tensor, enhanced: Tensor) -> Tensor:
        """Two (N, 1, H, W) in [0, 1] -> scores (logits) (N, classes, H, W)."""
        return self.forward_scales(original, enhanced)[0]

    def forward_scales(self, original: Tensor, enhanced: Tensor) -> tuple[Tensor, list[Tensor]]:
        """As `forward`, and the scores of the four scales (padded size / 4, 8, 16, 32), empty outside training."""
        height, width = original.shape[-2:]
        top, left = (-height % STRIDE) // 2, (-width % STRIDE) // 2
        padding = (left, -width % STRIDE - left, top, -height % STRIDE - top)
        features_original = self.encode_original(F.pad(original, padding))
        features_enhanced = self.encode_enhanced(F.pad(enhanced, padding))
        fused = [fuse(o, e) for fuse, o, e in zip(self.fuse, features_original, features_enhanced, strict=True)]
        scores, scales = self.decode(fused)
        scores = F.interpolate(scores.float(), scale_factor=2.0, mode="bilinear")
        return scores[..., top : top + height, left : left + width], scales
