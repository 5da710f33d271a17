"""Training loss of DIN: 0.3 cross-entropy + 0.7 Dice + multi-scale boundary loss (the paper's loss equation)."""

from itertools import combinations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BOUNDARY_POOLINGS = (1, 2, 4)
# our choice, the same in all ablations: weights of the cross-entropy at strides 4, 8, 16, 32
SCALE_WEIGHTS = (0.25, 0.2, 0.15, 0.1)
_NEVER = -1e4  # score of an impossible class; finite, because 0 times infinity is NaN


def boundary_loss(probabilities: Tensor, truth: Tensor) -> Tensor:
    """Sum of the L1 distances between gradients of prediction and truth after average pooling by 1, 2 and 4.

    Args:
        probabilities: (N, C, H, W), in [0, 1], H and W at least 8.
        truth: one-hot, same shape and type.

    Returns:
        scalar: absolute differences summed over classes and both directions, averaged over images and pixels.

    The paper does not specify its gradient operator; here it is the forward difference along H and W.
    """
    loss, error = probabilities.new_zeros(()), probabilities - truth  # pooling and differences are linear
    for size in BOUNDARY_POOLINGS:
        pooled = F.avg_pool2d(error, size) if size > 1 else error
        for axis in (2, 3):
            loss = loss + pooled.diff(dim=axis).abs().sum(dim=1).mean()
    return loss


def merge_unlabeled(scores: Tensor, unlabeled: Tensor) -> Tensor:
    """Merge the scores of classes that an image's reference does not label into the background.

    Args:
        scores: (N, C, ...), class 0 the background.
        unlabeled: (N, C) bool, classes that the reference of an image leaves in the background.

    Returns:
        scores of the same shape. After softmax, the background has its own probability plus theirs, and they have 0.
    """
    left_out = unlabeled.reshape(*unlabeled.shape, *[1] * (scores.ndim - 2))[:, 1:]
    structures = scores[:, 1:]
    background = torch.cat([scores[:, :1], structures.masked_fill(~left_out, _NEVER)], dim=1)
    return torch.cat([background.logsumexp(dim=1, keepdim=True), structures.masked_fill(left_out, _NEVER)], dim=1)


class DINLoss(nn.Module):
    """0.3 CE + 0.7 Dice + boundary loss on the scores, and a loss on the scores of the four scales.

    Dice as in the MERIT family: includes background, over the whole batch, with squared denominators (MONAI).

    Args:
        classes: number of classes, including background.
        boundary_weight: weight of the boundary loss.
        supervision: loss on the four scales. ``scales``: soft-target CE of each. ``combined``: 0.3 CE + 0.7 Dice of the
            summed scores of every nonempty combination of scales, at stride 4 (MUTATION of MERIT, Rahman and
            Marculescu, 2023). Both have the same total weight.
    """

    def __init__(self, classes: int, boundary_weight: float = 1.0, supervision: str = "scales") -> None:
        super().__init__()
        from monai.losses import DiceLoss  # takes seconds to import

        self.classes = classes
        self.boundary_weight = boundary_weight
        self.supervision = supervision
        self.dice = DiceLoss(softmax=False, squared_pred=True, batch=True)

    def forward(self, scores: Tensor, scales: list[Tensor], labels: Tensor, unlabeled: Tensor | None = None) -> Tensor:
        """Compute the loss of a batch, a scalar.

        Args:
            scores: (N, C, H, W).
            scales: coarser scores, fine to coarse; may be empty.
            labels: (N, H, W) int64.
            unlabeled: see `merge_unlabeled`; None if all references have all classes.
        """
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
        scales = [scale.to(scores) for scale in scales]
        if unlabeled is not None:
            scores = merge_unlabeled(scores, unlabeled)
        classes = torch.arange(self.classes, device=labels.device)
        truth = (labels[:, None] == classes[:, None, None]).to(scores)  # one_hot would take 8 bytes per value
        logarithms = scores.log_softmax(dim=1)
        probabilities = logarithms.exp()
        loss = 0.3 * F.nll_loss(logarithms, labels) + 0.7 * self.dice(probabilities, truth)
        loss = loss + self.boundary_weight * boundary_loss(probabilities, truth)
        if self.supervision == "combined" and scales:
            return loss + sum(SCALE_WEIGHTS) * self._combined(scales, truth, unlabeled)
        for weight, scale in zip(SCALE_WEIGHTS, scales, strict=False):
            shares = F.adaptive_avg_pool2d(truth, scale.shape[-2:])  # type: ignore[arg-type]  # a size is two numbers
            merged = scale if unlabeled is None else merge_unlabeled(scale, unlabeled)
            loss = loss + weight * F.cross_entropy(merged, shares)
        return loss

    def _combined(self, scales: list[Tensor], truth: Tensor, unlabeled: Tensor | None) -> Tensor:
        """Mean loss over all sums of scores of one, two, ... scales, resized to the finest one."""
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
