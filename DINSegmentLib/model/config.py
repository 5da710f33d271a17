"""Architecture parameters of a network, as in a model's manifest; does not need torch."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

STRIDE = 32
"""Stride of the deepest feature map: the sides of the network's input are multiples of it."""

FUSIONS = ("difm", "concatenation", "channels", "none")
SPATIAL_ATTENTIONS = ("drawn", "standardized", "none")


@dataclass(frozen=True)
class NetworkConfig:
    """Architecture parameters of a DIN. Field names are the keys of ``network`` in a model's manifest.

    Args:
        classes: number of classes, including background.
        widths, depths: channels and blocks of each encoder's four stages.
        stem, layer_scale: see `network.convnext.Encoder`.
        head_width: channels per attention head.
        reductions: for each stage, side of the square over which key and value are averaged.
        ffn_ratio: ratio of hidden channels to channels in the DIFM's FFN.
        decoder_width: channels inside the decoder.
        deep_supervision: compute scores at all four scales in training.
        neighbours: number of neighboring slices on either side that are input channels.
        detail: use the stems' maps at stride 2 in the decoder; needs the stem ``convolution``.
        fusion: ``difm``, or an alternative for comparison: ``concatenation`` of both branches, ``channels`` for one
            branch that gets both images, ``none`` for one branch that gets only the original image.
        spatial_attention: last part of the DIFM: ``drawn`` (as in the paper), ``standardized`` (ours) or ``none``.
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
        """Channels of each input image: the labeled slice in the middle, its neighbors around it."""
        return 1 + 2 * self.neighbours

    @property
    def branches(self) -> int:
        """Number of encoders, whose features are fused."""
        return 1 if self.fusion in ("channels", "none") else 2

    def __post_init__(self) -> None:
        for level, reduction in enumerate(self.reductions):
            if (STRIDE >> (level + 2)) % reduction:  # the side of a map is a multiple of this: 8, 4, 2, 1
                raise ValueError(f"a reduction of {reduction} does not divide the maps of stage {level + 1}")
        if self.detail and self.stem != "convolution":
            raise ValueError("detail needs the stem convolution")
        if self.fusion not in FUSIONS:
            raise ValueError(f"unknown fusion {self.fusion!r}")
        if self.spatial_attention not in SPATIAL_ATTENTIONS:
            raise ValueError(f"unknown spatial attention {self.spatial_attention!r}")

    def as_dict(self) -> dict[str, Any]:
        """Return all fields for JSON."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "NetworkConfig":
        """Read a manifest's ``network``; raise TypeError for an unknown key, ValueError for an invalid value."""
        known = {f.name for f in fields(cls)}
        if unknown := set(values) - known:
            raise TypeError(f"unknown network settings: {', '.join(sorted(unknown))}")
        settings: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**settings)
