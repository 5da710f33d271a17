"""DIN's training loss: 0.3 cross-entropy + 0.7 Dice + multi-scale boundary loss (paper, equation of the loss)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BOUNDARY_POOLINGS = (1, 2, 4)
# our choice, constant over all ablations: weights of the cross-entropy at strides 4, 8, 16, 32
SCALE_WEIGHTS = (0.25, 0.2, 0.15, 0.1)


def boundary_loss(probabilities: Tensor, truth: Tensor) -> Tensor:
    """Sum over average pooling 1, 2, 4 of the L1 distance between gradients of prediction and truth.

    Args:
        probabilities: (N, C, H, W), in [0, 1], H and W at least 8.
        truth: one-hot, same shape and type.

    Returns:
        scalar: absolute differences summed over classes and the two directions, averaged over images and pixels.

    The paper does not name its gradient extractor; ours is the forward difference along H and along W.
    """
    loss = probabilities.new_zeros(())
    for size in BOUNDARY_POOLINGS:
        p, t = (F.avg_pool2d(x, size) if size > 1 else x for x in (probabilities, truth))
        for axis in (2, 3):
            difference = p.diff(dim=axis) - t.diff(dim=axis)
            loss = loss + difference.abs().sum(dim=1).mean()
    return loss


class DINLoss(nn.Module):
    """0.3 CE + 0.7 Dice + boundary on the scores, and soft-target CE on the scores of the four scales.

    Dice as in the MERIT family: background counts as a class, over the whole batch, squared denominators (MONAI).
    """

    def __init__(self, classes: int, boundary_weight: float = 1.0) -> None:
        super().__init__()
        from monai.losses import DiceLoss  # seconds to import: only training pays

        self.classes = classes
        self.boundary_weight = boundary_weight
        self.dice = DiceLoss(softmax=False, squared_pred=True, batch=True)

    def forward(self, scores: Tensor, scales: list[Tensor], labels: Tensor) -> Tensor:
        """``scores`` (N, C, H, W); ``scales`` coarser scores, may be empty; ``labels`` (N, H, W) int64 -> scalar."""
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
        classes = torch.arange(self.classes, device=labels.device)
        truth = (labels[:, None] == classes[:, None, None]).to(scores)  # one_hot would hold 8 bytes a value
        probabilities = scores.softmax(dim=1)
        loss = 0.3 * F.cross_entropy(scores, labels) + 0.7 * self.dice(probabilities, truth)
        loss = loss + self.boundary_weight * boundary_loss(probabilities, truth)
        for weight, scale in zip(SCALE_WEIGHTS, scales, strict=False):
            height, width = scale.shape[-2:]
            shares = F.adaptive_avg_pool2d(truth, (height, width))
            loss = loss + weight * F.cross_entropy(scale.to(scores), shares)
        return loss
