"""The training loss: values computed by hand, and gradients compared with finite differences."""

import math

import pytest
import torch

from DINSegmentLib.training.loss import SCALE_WEIGHTS, DINLoss, boundary_loss, merge_unlabeled

# A step at column 3 of 8: 24 pixels of class 0, 40 of class 1. Forward differences along W, per row: at full size one
# step of 1 in 7; pooled by 2 the row is 0, 1/2, 1, 1: two steps of 1/2 in 3; pooled by 4 it is 1/4, 1: one of 3/4.
STEP = (torch.arange(8) >= 3).repeat(8, 1)
STEP_LENGTH = 1 / 7 + 1 / 3 + 3 / 4


def one_hot(labels: torch.Tensor) -> torch.Tensor:
    return torch.stack([~labels, labels]).double()[None]


def test_boundary_loss_of_a_missed_step_is_that_computed_by_hand():
    truth = one_hot(STEP)
    flat = torch.full_like(truth, 0.5)

    assert boundary_loss(flat, truth).item() == pytest.approx(2 * STEP_LENGTH)  # two classes
    assert boundary_loss(flat[:, :1], truth[:, :1]).item() == pytest.approx(STEP_LENGTH)
    assert boundary_loss(flat.mT, truth.mT).item() == pytest.approx(2 * STEP_LENGTH)  # the same along H
    assert boundary_loss(truth, truth).item() == 0


def test_boundary_loss_sees_every_pooling():
    # one pixel off: 2 differences of 1 along each axis at full size (mean over 56); pooled by 2 a block of 1/4 inside
    # its row (mean over 12), pooled by 4 a quarter of that at the corner, one difference (mean over 2); twice, H and W
    truth = torch.zeros(1, 1, 8, 8)
    prediction = truth.clone()
    prediction[0, 0, 3, 3] = 1

    by_hand = 2 * (2 / 56 + 2 * 0.25 / 12 + 0.0625 / 2)
    assert boundary_loss(prediction, truth).item() == pytest.approx(by_hand)


def test_boundary_loss_is_a_mean_over_images():
    truth = one_hot(STEP)
    batch = torch.cat([truth, torch.full_like(truth, 0.5)])

    assert boundary_loss(batch, torch.cat([truth, truth])).item() == pytest.approx(STEP_LENGTH)


@pytest.fixture(scope="module")
def two_classes() -> DINLoss:
    return DINLoss(2)


def constant_scores(dtype=torch.float64) -> torch.Tensor:
    """Probability 1/4 of class 0 and 3/4 of class 1 everywhere."""
    scores = torch.zeros(1, 2, 8, 8, dtype=dtype)
    scores[:, 1] = math.log(3)
    return scores


CROSS_ENTROPY = (40 * -math.log(0.75) + 24 * -math.log(0.25)) / 64
# squared denominators: class 0 has 24 x 1/4 in common, 64 x 1/16 + 24; class 1 has 40 x 3/4, 64 x 9/16 + 40
DICE = 1 - (2 * 6 / (4 + 24) + 2 * 30 / (36 + 40)) / 2


def test_the_loss_is_the_papers_sum_computed_by_hand(two_classes):
    loss = two_classes(constant_scores(), [], STEP.long()[None]).item()

    assert loss == pytest.approx(0.3 * CROSS_ENTROPY + 0.7 * DICE + 2 * STEP_LENGTH, abs=1e-6)


def test_a_scale_adds_the_cross_entropy_with_its_share_of_each_class(two_classes):
    # at 2 x 2 the left pixels hold 1/4 of class 1, the right ones only class 1
    scale = torch.zeros(1, 2, 2, 2, dtype=torch.float64)
    scale[:, 1, :, 0] = math.log(3)
    left, right = 0.25 * -math.log(0.75) + 0.75 * -math.log(0.25), math.log(2)
    labels = STEP.long()[None]

    added = two_classes(constant_scores(), [scale], labels) - two_classes(constant_scores(), [], labels)
    assert added.item() == pytest.approx(0.25 * (left + right) / 2)


def test_scores_of_low_precision_are_summed_in_float32(two_classes):
    labels = STEP.long()[None]
    scores = constant_scores(torch.bfloat16)
    loss = two_classes(scores, [], labels)

    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(two_classes(scores.float(), [], labels).item())


def test_gradients_of_the_boundary_loss_agree_with_finite_differences():
    torch.manual_seed(0)
    truth = torch.nn.functional.one_hot(torch.randint(2, (1, 8, 8)), 2).permute(0, 3, 1, 2).double()
    probabilities = torch.rand(1, 2, 8, 8, dtype=torch.float64, requires_grad=True)

    assert torch.autograd.gradcheck(lambda p: boundary_loss(p, truth), probabilities)


def test_gradients_of_the_loss_agree_with_finite_differences():
    torch.manual_seed(0)
    loss, labels = DINLoss(3), torch.randint(3, (2, 8, 8))
    scores = torch.randn(2, 3, 8, 8, dtype=torch.float64, requires_grad=True)
    scales = [torch.randn(2, 3, size, size, dtype=torch.float64, requires_grad=True) for size in (4, 2)]

    assert torch.autograd.gradcheck(lambda s, *more: loss(s, list(more), labels), (scores, *scales), fast_mode=True)


def test_a_background_that_may_hide_a_structure_has_both_their_probabilities():
    scores = torch.tensor([0.2, 0.3, 0.5]).log().reshape(1, 3, 1, 1).expand(2, 3, 1, 1)
    unlabeled = torch.tensor([[False, True, False], [False, False, False]])
    merged = merge_unlabeled(scores, unlabeled).softmax(dim=1)[..., 0, 0]

    torch.testing.assert_close(merged, torch.tensor([[0.5, 0.0, 0.5], [0.2, 0.3, 0.5]]))


@pytest.mark.parametrize("supervision", ["scales", "combined"])
def test_partial_labels_say_nothing_of_an_unlabeled_structure_against_the_background(supervision):
    torch.manual_seed(2)
    loss = DINLoss(3, supervision=supervision).double()
    labels = torch.where(STEP, 2, 0)[None]
    unlabeled = torch.tensor([[False, True, False]])
    scores = torch.randn(1, 3, 8, 8, dtype=torch.float64)
    scales = [torch.randn(1, 3, side, side, dtype=torch.float64) for side in (2, 1)]
    found = loss(scores, scales, labels, unlabeled)

    def with_mass_moved(x: torch.Tensor) -> torch.Tensor:
        """The same sum of background's and class 1's probabilities, shared out otherwise."""
        total = x[:, :2].logsumexp(dim=1, keepdim=True)
        return torch.cat([total + math.log(0.9), total + math.log(0.1), x[:, 2:]], dim=1)

    moved = loss(with_mass_moved(scores), scales, labels, unlabeled)
    torch.testing.assert_close(moved, found)
    assert loss(with_mass_moved(scores), scales, labels) != pytest.approx(loss(scores, scales, labels).item(), abs=1e-3)
    right = torch.where(torch.stack([~STEP, ~STEP, STEP])[None], 20.0, -20.0).double()  # correct where labeled
    assert loss(right, [], labels, unlabeled).item() == pytest.approx(0, abs=1e-6)


def test_combined_supervision_is_the_mean_over_all_sums_of_scales_by_hand():
    loss, labels = DINLoss(2, supervision="combined").double(), torch.ones(1, 16, 16, dtype=torch.int64)
    scores = constant_scores()[..., :1, :1].expand(1, 2, 16, 16)
    scales = [constant_scores()[..., :1, :1].expand(1, 2, side, side) for side in (4, 2, 1)]

    def of_sum(count: int) -> float:
        """One class everywhere, of probability p = 3^n / (1 + 3^n): cross-entropy, and Dice of two classes."""
        p = 3**count / (1 + 3**count)
        dice = 1 - (2 * p / (p * p + 1) + 0) / 2
        return 0.3 * -math.log(p) + 0.7 * dice

    by_hand = (3 * of_sum(1) + 3 * of_sum(2) + of_sum(3)) / 7  # choices of one, two and three of three scales
    added = loss(scores, scales, labels) - loss(scores, [], labels)
    assert added.item() == pytest.approx(sum(SCALE_WEIGHTS) * by_hand, abs=1e-4)  # the Dice is smoothed by 1e-5
