"""Decoder: four fused maps to class scores. The paper only mentions an "MLP decoder"; the details are our choice."""

from torch import Tensor, nn
from torch.nn import functional as F


class Decoder(nn.Module):
    """Linear projections of the four scales, summed from coarse to fine, then refined at stride 2.

    Our choice: a 3x3 convolution with batch norm after each sum. In a trial, plain concatenation of all scales with
    the patchify stem hardly learned from scratch.

    Args:
        widths: channels of the four fused maps, fine to coarse.
        width: channels inside the decoder.
        classes: number of classes, including background.
        deep_supervision: add a 1x1 head to each of the four scales, for training only.
        detail_width: channels of an additional input map at stride 2; 0 for none.
    """

    def __init__(
        self, widths: tuple[int, ...], width: int, classes: int, deep_supervision: bool, detail_width: int = 0
    ) -> None:
        super().__init__()
        self.project_detail = nn.Conv2d(detail_width, width, 1) if detail_width else None
        self.project = nn.ModuleList(nn.Conv2d(w, width, 1) for w in widths)
        self.refine = nn.ModuleList(_refine(width, width) for _ in widths)
        self.draw = _refine(width, width // 2)
        self.head = nn.Conv2d(width // 2, classes, 1)
        self.scale_heads = nn.ModuleList(nn.Conv2d(width, classes, 1) for _ in widths) if deep_supervision else None

    def forward(self, fused: list[Tensor], detail: Tensor | None = None) -> tuple[Tensor, list[Tensor]]:
        """Compute class scores.

        Args:
            fused: four maps (N, C, H, W), strides 4 to 32.
            detail: (N, detail_width, H, W) at stride 2; ignored when ``detail_width`` is 0.

        Returns:
            scores at stride 2; scores at the four scales, fine to coarse, empty outside training.
        """
        scales: list[Tensor] = []
        for level in reversed(range(len(fused))):
            x = self.project[level](fused[level])
            if scales:
                x = x + F.interpolate(scales[0], scale_factor=2.0, mode="bilinear")
            scales.insert(0, self.refine[level](x))
        finest = F.interpolate(scales[0], scale_factor=2.0, mode="bilinear")
        if self.project_detail is not None:
            finest = finest + self.project_detail(detail)
        scores = self.head(self.draw(finest))
        if self.scale_heads is None or not self.training:
            return scores, []
        return scores, [head(x) for head, x in zip(self.scale_heads, scales, strict=True)]


def _refine(width_in: int, width_out: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(width_in, width_out, 3, padding=1, bias=False), nn.BatchNorm2d(width_out), nn.GELU())
