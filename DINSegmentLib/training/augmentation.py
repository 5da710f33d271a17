"""Augmentation of whole batches on the device: geometry, intensity, enhancement.

MONAI's transforms process one sample at a time on the CPU, which would slow down training of a small network on a GPU.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from .enhancement import enhance_batch
from .slices import Batch

_STRUCTURES = 256  # number of values in uint8
_CURVE_POINTS = 6


@dataclass(frozen=True)
class Augmentation:
    """Strength of the augmentation. Shares refer to samples, or for ``low_resolution`` to batches.

    Args:
        free_rotation: share rotated by any angle; the rest stays within ``rotation`` degrees.
        mirror: mirror half of the samples along each in-plane axis (only for hearts: abdomens have a left and right).
        mirror_stack: reverse the order of the neighbors in half of the samples (base to apex, or apex to base).
        alone: share whose neighbors are replaced by the slice itself.
        scale: smallest and largest scaling factor, sampled log-uniformly.
        aspect: largest stretch of one axis against the other, as the logarithm of the square root of their ratio.
        shift: largest shift of the crop's center, in pixels of the model.
        elastic: standard deviation in pixels of a smooth random displacement, applied to a third of the samples.
        strengths: range of the enhancement strength; half of the samples keep strength 1.
        gamma: share enhanced with ``gamma`` instead of the model's method.
        intensity: how often contrast, shading, blur, resolution and noise are changed, from 0 (never) to 1 (often).
        curves: share whose gray values are mapped by a random curve, which is not monotone half of the time.
        contrast: share blended with the output of a random network of four shallow layers: another contrast of the same
            anatomy (after GIN, Ouyang et al., IEEE TMI 2023).
        structure_curves: share in which each structure's gray values are mapped by a separate random curve.
        structures: standard deviation of a smooth change of each structure's brightness, in a quarter of the samples:
            mimics other sequences, contrast phases and scars.
    """

    free_rotation: float = 0.5
    rotation: float = 20.0
    mirror: bool = True
    mirror_stack: bool = True
    alone: float = 0.1
    scale: tuple[float, float] = (0.7, 1.4)
    aspect: float = 0.1
    shift: float = 32.0
    elastic: float = 3.0
    strengths: tuple[float, float] = (0.0, 2.0)
    gamma: float = 0.15
    intensity: float = 1.0
    curves: float = 0.1
    contrast: float = 0.0
    structure_curves: float = 0.0
    structures: float = 0.15

    def __call__(self, batch: Batch, size: int, method: str = "log") -> tuple[Tensor, Tensor, Tensor]:
        """Augment each slice once, and enhance it by ``method`` (see ``gamma``).

        Returns:
            original and enhanced image (N, channels, size, size) in [0, 1], labels (N, size, size) int64.

        The order is that of inference: intensities, enhancement on the native grid, then joint resampling.
        """
        images, labels = self.change_stack(batch.images, batch.labels)
        middle = images.shape[1] // 2
        images = self.change_contrast(self.change_structures(images, labels), labels)
        images = self.change_intensities(images)
        n = len(images)
        strengths = torch.empty(n, device=images.device).uniform_(*self.strengths)
        strengths = torch.where(_chance(n, 0.5, images), torch.ones_like(strengths), strengths)
        usual = _chance(n, 1 - self.gamma, images).tolist()
        enhanced = enhance_batch(images, [method if one else "gamma" for one in usual], strengths, batch.extents)
        grid = self.random_grid(images, size, batch.pixels)
        pair = F.grid_sample(torch.cat([images, enhanced], dim=1), grid, mode="bilinear", align_corners=False)
        truth = F.grid_sample(labels[:, middle : middle + 1].to(grid), grid, mode="nearest", align_corners=False)
        original, enhanced = pair.chunk(2, dim=1)
        return original, enhanced, truth[:, 0].long()

    def change_stack(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Reverse or replace the neighbors of some samples."""
        n, channels = images.shape[:2]
        order = torch.arange(channels, device=images.device).expand(n, channels)
        if self.mirror_stack:
            order = torch.where(_chance(n, 0.5, images)[:, None], order.flip(1), order)
        alone = _chance(n, self.alone, images)[:, None]
        order = torch.where(alone, torch.full_like(order, channels // 2), order)
        rows = torch.arange(n, device=images.device)[:, None]
        return images[rows, order], labels[rows, order]

    def random_grid(self, images: Tensor, size: int, pixels: Tensor) -> Tensor:
        """Create a sampling grid (N, size, size, 2) in the normalized coordinates of ``grid_sample``."""
        n, _, height, width = images.shape
        device = images.device
        angle = torch.empty(n, device=device).uniform_(-1, 1) * torch.where(
            _chance(n, self.free_rotation, images), torch.pi, self.rotation * torch.pi / 180
        )
        low, high = (torch.tensor(s).log().item() for s in self.scale)
        zoom = torch.empty(n, device=device).uniform_(low, high).exp()
        aspect = torch.empty(n, device=device).uniform_(-self.aspect, self.aspect).exp()
        sign = torch.where(_chance(2 * n, 0.5 if self.mirror else 0.0, images), -1.0, 1.0).reshape(2, n)
        shift = torch.empty(n, 2, device=device).uniform_(-self.shift, self.shift)
        steps = torch.arange(size, device=device) - (size - 1) / 2
        v, u = torch.meshgrid(steps, steps, indexing="ij")
        u = u * (sign[0] / (zoom * aspect))[:, None, None]
        v = v * (sign[1] / (zoom / aspect))[:, None, None]
        cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
        bent = torch.randn(n, 2, 5, 5, device=device) * (self.elastic * _chance(n, 0.33, images))[:, None, None, None]
        bent = F.interpolate(bent, (size, size), mode="bicubic", align_corners=True)
        x = (cos * u - sin * v + shift[:, 0, None, None] + bent[:, 0]) * pixels[:, 1, None, None]
        y = (sin * u + cos * v + shift[:, 1, None, None] + bent[:, 1]) * pixels[:, 0, None, None]
        return torch.stack([x * 2 / width, y * 2 / height], dim=-1)

    def change_structures(self, images: Tensor, labels: Tensor) -> Tensor:
        """Change the brightness of each structure separately and unevenly; same shape and range."""
        n = len(images)
        change = torch.randn(n, _STRUCTURES, device=images.device) * self.structures
        change[:, 0] = 0  # the rest of the body

        def changed(images: Tensor, labels: Tensor, change: Tensor) -> Tensor:
            change = change.gather(1, labels.flatten(1).long()).reshape(images.shape)
            change = F.avg_pool2d(change, 3, stride=1, padding=1)
            field = F.interpolate(_normal(images, 6), images.shape[-2:], mode="bicubic", align_corners=True)
            return (images + change * (1 + field)).clamp(0, 1)

        return _of_some(_chance(n, 0.25, images), changed, images, labels, change)

    def change_contrast(self, images: Tensor, labels: Tensor) -> Tensor:
        """Change the contrast of some samples as another sequence might; (N, channels, H, W) in [0, 1]."""
        n = len(images)
        images = _of_some(_chance(n, self.structure_curves, images), _through_curves, images, labels)
        return _of_some(_chance(n, self.contrast, images), _through_random_layers, images)

    def change_intensities(self, images: Tensor) -> Tensor:
        """Change contrast, shading, sharpness, resolution and noise of (N, channels, H, W) in [0, 1]."""
        n = len(images)

        def draw(low: float, high: float, chance: float, neutral: float) -> Tensor:
            values = torch.empty(n, device=images.device).uniform_(low, high)
            chosen = _chance(n, chance * self.intensity, images)
            values = torch.where(chosen, values, torch.full_like(values, neutral))
            return values.reshape(n, 1, 1, 1)

        body = (images > 0).to(images)
        images = _of_some(_chance(n, self.curves, images), _through_curves, images)
        images = images ** draw(-0.5, 0.5, 0.6, 0.0).exp()
        images = images * draw(0.75, 1.3, 0.5, 1.0) + body * draw(-0.1, 0.1, 0.3, 0.0)
        shading = _normal(images, 3) * draw(0.0, 0.3, 0.4, 0.0)
        images = images * F.interpolate(shading, images.shape[-2:], mode="bicubic", align_corners=True).exp()
        blur, noise = draw(-0.5, 1.0, 0.3, 0.0), draw(0.0, 0.08, 0.3, 0.0)
        images = _of_some(blur != 0, _blurred, images, blur)
        images = _of_some(_chance(n, 0.25 * self.intensity, images), _lower_resolution, images)
        images = _of_some(noise != 0, lambda some, share: some + torch.randn_like(some) * share, images, noise)
        return images.clamp(0, 1)


def _of_some(chosen: Tensor, change: Callable[..., Tensor], images: Tensor, *others: Tensor) -> Tensor:
    """Change the chosen samples only: ``change`` gets them, and the same ones of ``others``.

    On a CPU, changing all samples and dropping most results took a fifth of the training time.
    """
    at = chosen.flatten().nonzero()[:, 0]
    return images.index_copy(0, at, change(images[at], *(one[at] for one in others))) if len(at) else images


def _through_curves(images: Tensor, labels: Tensor | None = None) -> Tensor:
    """Map gray values by random piecewise linear curves that keep 0 at 0.

    ``labels``, of the same shape: use a separate curve for each structure.
    """
    n, curves = len(images), 1 if labels is None else _STRUCTURES
    heights = torch.rand(n, curves, _CURVE_POINTS, device=images.device)
    heights = torch.where(_chance(n, 0.5, images)[:, None, None], heights.sort(dim=2).values, heights)
    heights[:, :, 0] = 0
    heights = heights.flatten(1)
    place = images.flatten(1) * (_CURVE_POINTS - 1)
    left = place.floor().clamp(0, _CURVE_POINTS - 2).long()
    first = left if labels is None else left + _CURVE_POINTS * labels.flatten(1).long()
    lower, upper = heights.gather(1, first), heights.gather(1, first + 1)
    return (lower + (upper - lower) * (place - left)).reshape(images.shape)


def _through_random_layers(images: Tensor) -> Tensor:
    """Pass each sample through its own random layers 1-2-2-2-1 of kernels 1 or 3, blend with the input, rescale.

    A slice and its neighbors pass through the same layers.
    """
    n = len(images)
    mixed = images.transpose(0, 1)  # samples become groups of channels, neighbors become the batch
    widths = (1, 2, 2, 2, 1)
    for index, (inside, outside) in enumerate(zip(widths, widths[1:], strict=False)):
        side = 3 if torch.rand(()) < 0.5 else 1
        kernels = torch.randn(n * outside, inside, side, side, device=images.device)
        mixed = F.conv2d(mixed, kernels, padding=side // 2, groups=n)
        if index < len(widths) - 2:
            mixed = F.leaky_relu(mixed, 0.1)
    mixed = _to_range(mixed.transpose(0, 1))
    share = torch.rand(n, 1, 1, 1, device=images.device)
    return _to_range(share * mixed + (1 - share) * images) * images.amax(dim=(1, 2, 3), keepdim=True)


def _to_range(images: Tensor) -> Tensor:
    """Scale each sample from its smallest and largest value to 0 and 1."""
    low, high = images.amin(dim=(1, 2, 3), keepdim=True), images.amax(dim=(1, 2, 3), keepdim=True)
    return (images - low) / (high - low).clamp(min=1e-6)


def _blurred(images: Tensor, share: Tensor) -> Tensor:
    """Blend each slice with itself blurred by a Gaussian of 1.2 pixels; a negative share sharpens."""
    taps = torch.exp(-0.5 * (torch.arange(-3, 4, device=images.device) / 1.2) ** 2)
    taps = taps / taps.sum()
    flat = images.reshape(-1, 1, *images.shape[-2:])
    flat = F.conv2d(flat, taps.reshape(1, 1, 7, 1), padding=(3, 0))
    flat = F.conv2d(flat, taps.reshape(1, 1, 1, 7), padding=(0, 3))
    return images + share * (flat.reshape(images.shape) - images)


def _lower_resolution(images: Tensor) -> Tensor:
    coarse = F.interpolate(images, scale_factor=_uniform(0.4, 0.9), mode="bilinear", antialias=True)
    return F.interpolate(coarse, images.shape[-2:], mode="bilinear")


def _normal(like: Tensor, points: int) -> Tensor:
    """Create a coarse random field (N, 1, points, points), the same for a slice and its neighbors."""
    return torch.randn(len(like), 1, points, points, device=like.device)


def _uniform(low: float, high: float) -> float:
    return torch.empty(()).uniform_(low, high).item()


def _chance(n: int, probability: float, like: Tensor) -> Tensor:
    return torch.rand(n, device=like.device) < probability
