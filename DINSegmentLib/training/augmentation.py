"""Random views of training slices: geometry, intensity, enhancement; a whole batch at once, on the device."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ..enhancement import enhance_batch


@dataclass(frozen=True)
class Augmentation:
    """How far views may stray from the data.

    Args:
        free_rotation: share of samples rotated by any angle; the others stay within ``rotation`` degrees.
        mirror: mirror half of the samples along each in-plane axis (hearts only: an abdomen has a left and a right).
        scale: smallest and largest magnification, drawn log-uniformly.
        shift: largest shift of the view's centre in pixels.
        strengths: range of the enhancement strength; half of the samples keep strength 1.
        gamma_share: share of samples enhanced with ``gamma`` instead of ``log``.
        intensity: how often contrast, shading, resolution and noise are changed; 1 is often, 0 never.
    """

    free_rotation: float = 0.5
    rotation: float = 20.0
    mirror: bool = True
    scale: tuple[float, float] = (0.7, 1.4)
    shift: float = 32.0
    strengths: tuple[float, float] = (0.0, 2.0)
    gamma_share: float = 0.15
    intensity: float = 1.0

    def __call__(self, images: Tensor, labels: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
        """Draw one view of each slice.

        Args:
            images: (N, 1, H, W) float32 in [0, 1].
            labels: (N, 1, H, W) uint8.
            size: side of the square views in pixels.

        Returns:
            original and enhanced view (N, 1, size, size) in [0, 1], labels (N, size, size) int64.

        The order is that of inference: intensities, enhancement on the native grid, then resampling of both together.
        """
        images = self.change_intensities(images)
        n = len(images)
        strengths = torch.empty(n, device=images.device).uniform_(*self.strengths)
        strengths = torch.where(_chance(n, 0.5, images), torch.ones_like(strengths), strengths)
        methods = ["gamma" if g else "log" for g in (torch.rand(n) < self.gamma_share).tolist()]
        pair = torch.cat([images, enhance_batch(images, methods, strengths)], dim=1)
        grid = self.random_grid(images, size)
        pair = F.grid_sample(pair, grid, mode="bilinear", align_corners=False)
        labels = F.grid_sample(labels.float(), grid, mode="nearest", align_corners=False)
        return pair[:, :1], pair[:, 1:], labels[:, 0].long()

    def random_grid(self, images: Tensor, size: int) -> Tensor:
        """Sampling grid (N, size, size, 2) in the normalised coordinates of ``grid_sample``."""
        n, _, height, width = images.shape
        device = images.device
        angle = torch.empty(n, device=device).uniform_(-1, 1) * torch.where(
            _chance(n, self.free_rotation, images), torch.pi, self.rotation * torch.pi / 180
        )
        low, high = (torch.tensor(s).log().item() for s in self.scale)
        zoom = torch.empty(n, device=device).uniform_(low, high).exp()
        aspect = torch.empty(n, device=device).uniform_(-0.1, 0.1).exp()
        sign = torch.where(_chance(2 * n, 0.5 if self.mirror else 0.0, images), -1.0, 1.0).reshape(2, n)
        shift = torch.empty(n, 2, device=device).uniform_(-self.shift, self.shift)
        steps = torch.arange(size, device=device) - (size - 1) / 2
        v, u = torch.meshgrid(steps, steps, indexing="ij")
        u = u * (sign[0] / (zoom * aspect))[:, None, None]
        v = v * (sign[1] / (zoom / aspect))[:, None, None]
        cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
        x = cos * u - sin * v + shift[:, 0, None, None]
        y = sin * u + cos * v + shift[:, 1, None, None]
        return torch.stack([x * 2 / width, y * 2 / height], dim=-1)

    def change_intensities(self, images: Tensor) -> Tensor:
        """Contrast curve, coil shading, low resolution and noise on (N, 1, H, W) in [0, 1]; same shape and range."""
        n = len(images)

        def draw(low: float, high: float, chance: float, neutral: float) -> Tensor:
            values = torch.empty(n, device=images.device).uniform_(low, high)
            chosen = _chance(n, chance * self.intensity, images)
            values = torch.where(chosen, values, torch.full_like(values, neutral))
            return values.reshape(n, 1, 1, 1)

        body = (images > 0).to(images)
        images = images.clamp(0, 1) ** draw(-0.5, 0.5, 0.6, 0.0).exp()
        images = images * draw(0.75, 1.3, 0.5, 1.0) + body * draw(-0.1, 0.1, 0.3, 0.0)
        shading = torch.randn(n, 1, 3, 3, device=images.device) * draw(0.0, 0.3, 0.4, 0.0)
        images = images * F.interpolate(shading, images.shape[-2:], mode="bicubic", align_corners=True).exp()
        images = _lower_resolution(images, _chance(n, 0.25 * self.intensity, images), _uniform(0.4, 0.9))
        images = images + torch.randn_like(images) * draw(0.0, 0.08, 0.3, 0.0)
        return images.clamp(0, 1)


def _lower_resolution(images: Tensor, chosen: Tensor, factor: float) -> Tensor:
    size = images.shape[-2:]
    coarse = F.interpolate(images, scale_factor=factor, mode="bilinear", antialias=True)
    coarse = F.interpolate(coarse, size, mode="bilinear")
    return torch.where(chosen.reshape(-1, 1, 1, 1), coarse, images)


def _uniform(low: float, high: float) -> float:
    return torch.empty(()).uniform_(low, high).item()


def _chance(n: int, probability: float, like: Tensor) -> Tensor:
    return torch.rand(n, device=like.device) < probability
