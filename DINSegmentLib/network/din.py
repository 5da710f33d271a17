"""DIN: two encoders, four DIFMs, one decoder."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..model.config import STRIDE, NetworkConfig
from .convnext import Encoder, StageFeatures
from .decoder import Decoder
from .fusion import DIFM, Concatenation, FeatureMerging


class DIN(nn.Module):
    """Dual interaction network.

    The two encoders share no weights, as in the paper's figure. Any H x W works: inputs are padded with 0 (air) to a
    multiple of 32, and the scores are cropped.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        channels = config.channels * (2 if config.fusion == "channels" else 1)
        encoder = (config.widths, config.depths, config.stem, config.layer_scale, channels)
        self.encode_original = Encoder(*encoder)
        self.encode_enhanced = Encoder(*encoder) if config.branches == 2 else None
        self.fuse = nn.ModuleList(
            _fusion(config, width, reduction) for width, reduction in zip(config.widths, config.reductions, strict=True)
        )
        detail_width = config.branches * (config.widths[0] // 2) if config.detail else 0
        self.decode = Decoder(
            config.widths, config.decoder_width, config.classes, config.deep_supervision, detail_width
        )

    def forward(self, original: Tensor, enhanced: Tensor) -> Tensor:
        """Return scores (logits) (N, classes, H, W) of the middle slice; both inputs (N, channels, H, W) in [0, 1]."""
        return self.forward_scales(original, enhanced)[0]

    def forward_scales(self, original: Tensor, enhanced: Tensor) -> tuple[Tensor, list[Tensor]]:
        """As `forward`, also returning scores at four scales (padded size / 4, 8, 16, 32; empty outside training)."""
        details, branches = self._encode(original, enhanced)
        fused = [fuse(*stage) for fuse, *stage in zip(self.fuse, *branches, strict=True)]
        return self._draw(fused, details, original.shape[-2:])

    def forward_directions(self, original: Tensor, enhanced: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As `forward`, also returning the scores when only one direction of the DIFMs has spatial information.

        The decoder receives the sum of two directions: queries from the original attend to the enhanced image, and
        queries from the enhanced image attend to the original. To silence a direction, its summand in all DIFMs becomes
        its own mean over the image, which keeps its average features but removes their location. The same is done
        with that image's details at stride 2, if the decoder uses them.

        Returns:
            scores with both directions, the original's alone, the enhanced image's alone; (N, classes, H, W) each.

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
        """Encode padded images: return the details at stride 2 and the features of four stages for each branch."""
        _, _, padding = _padding(original.shape[-2:])
        if self.config.fusion == "channels":
            original = torch.cat([original, enhanced], dim=1)
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
    """Rows above and columns at the left that pad an image to a multiple of the stride; all four sides for `F.pad`."""
    height, width = size
    top, left = (-height % STRIDE) // 2, (-width % STRIDE) // 2
    return top, left, (left, -width % STRIDE - left, top, -height % STRIDE - top)


def _as_it_is(x: Tensor) -> Tensor:
    return x


def _everywhere_the_same(x: Tensor) -> Tensor:
    """Replace each channel by its mean over the image; (N, C, H, W) -> (N, C, H, W)."""
    return x.mean(dim=(2, 3), keepdim=True).expand_as(x)


def _fusion(config: NetworkConfig, width: int, reduction: int) -> nn.Module:
    if config.branches == 1:
        return FeatureMerging(width)
    if config.fusion == "concatenation":
        return Concatenation(width)
    return DIFM(width, config.head_width, reduction, config.ffn_ratio, config.spatial_attention)
