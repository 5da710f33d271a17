"""Size of the network that a model's manifest describes. No torch here."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

STRIDE = 32
"""Pixels of the image for one of the deepest map: the sides of what the network sees are multiples of it."""

FUSIONS = ("difm", "concatenation", "channels", "none")
SPATIAL_ATTENTIONS = ("drawn", "standardized", "none")


@dataclass(frozen=True)
class NetworkConfig:
    """Size of a DIN. Field names are the keys of ``network`` in a model's manifest.

    Args:
        classes: scores per pixel, background included.
        widths, depths: channels and blocks of the four stages of each encoder.
        stem, layer_scale: see `network.convnext.Encoder`.
        head_width: channels of one attention head.
        reductions: side of the square over which key and value are averaged, per stage.
        ffn_ratio: hidden channels of the DIFM's FFN over its channels.
        decoder_width: channels inside the decoder.
        deep_supervision: scores at all four scales while training.
        neighbors: slices seen on either side of the one that is labeled.
        detail: the stems' maps at stride 2 take part in the drawing; needs the stem ``convolution``.
        fusion: ``difm``, or what it is compared with: ``concatenation`` of both branches, ``channels`` for one
            branch that sees both images, ``none`` for one that sees the original image alone.
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
    fusion: Literal["difm", "concatenation", "channels", "none"] = "difm"
    spatial_attention: Literal["drawn", "standardized", "none"] = "drawn"

    @property
    def channels(self) -> int:
        """Of each input image: the slice that is labeled in the middle, its neighbors around it."""
        return 1 + 2 * self.neighbours

    @property
    def branches(self) -> int:
        """Encoders, whose features are fused."""
        return 1 if self.fusion in ("channels", "none") else 2

    def __post_init__(self) -> None:
        for level, reduction in enumerate(self.reductions):
            if (STRIDE >> (level + 2)) % reduction:  # a map's side is a multiple of this: 8, 4, 2, 1
                raise ValueError(f"a reduction of {reduction} does not divide the maps of stage {level + 1}")
        if self.detail and self.stem != "convolution":
            raise ValueError("detail needs the stem convolution")
        if self.fusion not in FUSIONS:
            raise ValueError(f"unknown fusion {self.fusion!r}")
        if self.spatial_attention not in SPATIAL_ATTENTIONS:
            raise ValueError(f"unknown spatial attention {self.spatial_attention!r}")

    def as_dict(self) -> dict[str, Any]:
        """For JSON, every field."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "NetworkConfig":
        """Read a manifest's ``network``; raises TypeError for an unknown key, ValueError for an unusable value."""
        known = {f.name for f in fields(cls)}
        if unknown := set(values) - known:
            raise TypeError(f"unknown network settings: {', '.join(sorted(unknown))}")
        settings: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**settings)
