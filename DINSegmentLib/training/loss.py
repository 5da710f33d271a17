"""DIN's training loss: 0.3 cross-entropy + 0.7 Dice + multi-scale boundary loss (paper, equation of the loss)."""

from itertools import combinations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BOUNDARY_POOLINGS = (1, 2, 4)
# our choice, constant over all ablations: weights of the cross-entropy at strides 4, 8, 16, 32
SCALE_WEIGHTS = (0.25, 0.2, 0.15, 0.1)
_NEVER = -1e4  # score of a class that cannot be; finite, because 0 times infinity is not a number


def boundary_loss(probabilities: Tensor, truth: Tensor) -> Tensor:
    """Sum over average pooling 1, 2, 4 of the L1 distance between gradients of prediction and truth.

    Args:
        probabilities: (N, C, H, W), in [0, 1], H and W at least 8.
        truth: one-hot, same shape and type.

    Returns:
        scalar: absolute differences summed over classes and the two directions, averaged over images and pixels.

    The paper does not name its gradient extractor; here it is the forward difference along H and along W.
    """
    loss = probabilities.new_zeros(())
    for size in BOUNDARY_POOLINGS:
        p, t = (F.avg_pool2d(x, size) if size > 1 else x for x in (probabilities, truth))
        for axis in (2, 3):
            difference = p.diff(dim=axis) - t.diff(dim=axis)
            loss = loss + difference.abs().sum(dim=1).mean()
    return loss


def merge_unlabeled(scores: Tensor, unlabeled: Tensor) -> Tensor:
    """Scores in which the background stands for the classes, too, that an image's truth does not distinguish from it.

    Args:
        scores: (N, C, ...), class 0 the background.
        unlabeled: (N, C) bool, which classes the truth of an image leaves out.

    Returns:
        the same shape. By softmax, the background has its own probability and theirs, they have 0, the others theirs.
    """
    left_out = unlabeled.reshape(*unlabeled.shape, *[1] * (scores.ndim - 2))[:, 1:]
    structures = scores[:, 1:]
    background = torch.cat([scores[:, :1], structures.masked_fill(~left_out, _NEVER)], dim=1)
    return torch.cat([background.logsumexp(dim=1, keepdim=True), structures.masked_fill(left_out, _NEVER)], dim=1)


class DINLoss(nn.Module):
    """0.3 CE + 0.7 Dice + boundary on the scores, and a loss on the scores of the four scales.

    Dice as in the MERIT family: background counts as a class, over the whole batch, squared denominators (MONAI).

    Args:
        classes: background included.
        boundary_weight: of the boundary loss.
        supervision: of the four scales. ``scales``: soft-target CE of each. ``combined``: 0.3 CE + 0.7 Dice
            of the sum of scores of every non-empty choice of scales, at stride 4 (MUTATION of MERIT, Rahman and
            Marculescu, 2023); both weigh the same in all.
    """

    def __init__(self, classes: int, boundary_weight: float = 1.0, supervision: str = "scales") -> None:
        super().__init__()
        from monai.losses import DiceLoss  # seconds to import: only training pays

        self.classes = classes
        self.boundary_weight = boundary_weight
        self.supervision = supervision
        self.dice = DiceLoss(softmax=False, squared_pred=True, batch=True)

    def forward(self, scores: Tensor, scales: list[Tensor], labels: Tensor, unlabeled: Tensor | None = None) -> Tensor:
        """Loss of a batch, a scalar.

        Args:
            scores: (N, C, H, W).
            scales: coarser scores, fine to coarse; may be empty.
            labels: (N, H, W) int64.
            unlabeled: see `merge_unlabeled`; None: every truth has all classes.
        """
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
        scales = [scale.to(scores) for scale in scales]
        if unlabeled is not None:
            scores = merge_unlabeled(scores, unlabeled)
        classes = torch.arange(self.classes, device=labels.device)
        truth = (labels[:, None] == classes[:, None, None]).to(scores)  # one_hot would hold 8 bytes a value
        probabilities = scores.softmax(dim=1)
        loss = 0.3 * F.cross_entropy(scores, labels) + 0.7 * self.dice(probabilities, truth)
        loss = loss + self.boundary_weight * boundary_loss(probabilities, truth)
        if self.supervision == "combined" and scales:
            return loss + sum(SCALE_WEIGHTS) * self._combined(scales, truth, unlabeled)
        for weight, scale in zip(SCALE_WEIGHTS, scales, strict=False):
            shares = F.adaptive_avg_pool2d(truth, scale.shape[-2:])  # type: ignore[arg-type]  # a size is two numbers
            merged = scale if unlabeled is None else merge_unlabeled(scale, unlabeled)
            loss = loss + weight * F.cross_entropy(merged, shares)
        return loss

    def _combined(self, scales: list[Tensor], truth: Tensor, unlabeled: Tensor | None) -> Tensor:
        """Mean loss over all sums of scores of one, two, ... scales, drawn at the finest one's size."""
        size = scales[0].shape[-2:]
        shares = F.adaptive_avg_pool2d(truth, size)  # type: ignore[arg-type]
        drawn = [scales[0], *(F.interpolate(scale, size, mode="bilinear") for scale in scales[1:])]
        losses = []
        for count in range(1, len(drawn) + 1):
            for some in combinations(drawn, count):
                summed = torch.stack(some).sum(dim=0)
                if unlabeled is not None:
                    summed = merge_unlabeled(summed, unlabeled)
                losses.append(0.3 * F.cross_entropy(summed, shares) + 0.7 * self.dice(summed.softmax(dim=1), shares))
        return torch.stack(losses).mean()
