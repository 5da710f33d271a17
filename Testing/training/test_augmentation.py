"""Augmentation: images and labels move together, values stay in range, enhancement comes before resampling."""

import numpy as np
import pytest
import torch

from DINSegmentLib.model.enhancement import Enhancement, enhance
from DINSegmentLib.training.augmentation import Augmentation
from DINSegmentLib.training.slices import Batch

LOG = Enhancement("log", 1.0)
STILL = {"free_rotation": 0.0, "rotation": 0.0, "mirror": False, "scale": (1.0, 1.0), "shift": 0.0, "elastic": 0.0}


@pytest.fixture
def slices() -> Batch:
    """Eight slices with a bright off-center rectangle that is label 2, and a gray one that is label 1."""
    images, labels = torch.zeros(8, 1, 96, 96), torch.zeros(8, 1, 96, 96, dtype=torch.uint8)
    for image, label in zip(images, labels, strict=True):
        image[0, 40:60, 30:70], label[0, 40:60, 30:70] = 0.5, 1
        image[0, 45:55, 55:70], label[0, 45:55, 55:70] = 1.0, 2
    return Batch(images, labels, torch.ones(8, 2))


def without_intensity_changes(augmentation: Augmentation, monkeypatch: pytest.MonkeyPatch) -> Augmentation:
    monkeypatch.setattr(Augmentation, "change_intensities", lambda self, images: images)
    monkeypatch.setattr(Augmentation, "change_structures", lambda self, images, labels: images)
    return augmentation


def test_labels_move_with_the_image(slices, monkeypatch):
    torch.manual_seed(1)
    augmentation = without_intensity_changes(Augmentation(strengths=(0.0, 0.0)), monkeypatch)
    original, _, labels = augmentation(slices, 64)
    inside = torch.tensor([0.0, 0.5, 1.0])[labels]
    # bilinear and nearest sampling differ within a pixel of an edge, nowhere else
    assert ((original[:, 0] - inside).abs() > 0.26).float().mean() < 0.02
    assert (labels == 2).any() and (labels == 1).any()


def test_the_enhanced_view_is_the_enhancement_of_the_original_before_resampling(slices, monkeypatch):
    torch.manual_seed(2)
    still = Augmentation(**STILL, strengths=(1.0, 1.0), gamma=0.0)
    augmentation = without_intensity_changes(still, monkeypatch)
    monkeypatch.setattr(Augmentation, "random_grid", lambda self, images, size, pixels: half_pixel_grid(images))
    original, enhanced, _ = augmentation(slices, 96)
    native = torch.from_numpy(enhance(slices[0][:, 0].numpy(), LOG))[:, None]
    expected = torch.nn.functional.grid_sample(native, half_pixel_grid(native), align_corners=False)
    torch.testing.assert_close(enhanced, expected, atol=1e-5, rtol=0)
    after_resampling = torch.from_numpy(enhance(original[:, 0].numpy(), LOG))[:, None]
    assert (after_resampling - enhanced).abs().max() > 0.1  # the other order would be detected


def half_pixel_grid(images: torch.Tensor) -> torch.Tensor:
    n, _, height, width = images.shape
    theta = torch.tensor([[1.0, 0.0, 1.0 / width], [0.0, 1.0, 1.0 / height]]).expand(n, 2, 3)
    return torch.nn.functional.affine_grid(theta, (n, 1, height, width), align_corners=False)


def test_an_aspect_stretches_one_axis_against_the_other(slices):
    torch.manual_seed(6)
    grid = Augmentation(**STILL, aspect=0.3).random_grid(slices.images, 64, slices.pixels)
    along = grid[:, 0, 1, 0] - grid[:, 0, 0, 0], grid[:, 1, 0, 1] - grid[:, 0, 0, 1]
    ratios = (along[1] / along[0]).log()  # twice a number drawn from -0.3 to 0.3
    assert ratios.abs().max() <= 0.6001 and ratios.std() > 0.1
    still = Augmentation(**STILL, aspect=0.0).random_grid(slices.images, 64, slices.pixels)
    torch.testing.assert_close(still[0], still[1])


def test_values_stay_between_0_and_1(slices):
    torch.manual_seed(3)
    for _ in range(10):
        original, enhanced, labels = Augmentation()(slices._replace(images=torch.rand(8, 1, 96, 96)), 64)
        assert original.min() >= 0 and original.max() <= 1 and enhanced.min() >= 0 and enhanced.max() <= 1
        assert original.shape == enhanced.shape == (8, 1, 64, 64) and labels.shape == (8, 64, 64)
        assert labels.dtype == torch.int64 and set(labels.unique().tolist()) <= {0, 1, 2}


def test_an_abdomen_is_not_mirrored_and_a_heart_is(slices, monkeypatch):
    torch.manual_seed(4)
    abdomen = without_intensity_changes(Augmentation(free_rotation=0.0, rotation=15.0, mirror=False), monkeypatch)
    assert not any(mirrored(label) for label in views(abdomen, slices))
    heart = Augmentation(free_rotation=0.0, rotation=0.0, mirror=True)
    assert 30 < 100 * np.mean([mirrored(label) for label in views(heart, slices)]) < 70


def views(augmentation: Augmentation, slices) -> list[np.ndarray]:
    labels = torch.cat([augmentation(slices, 96)[2] for _ in range(12)]).numpy()
    return [label for label in labels if (label == 1).any() and (label == 2).any()]


def mirrored(label: np.ndarray) -> bool:
    """Whether label 2, stored to the right of label 1, lies to its left."""
    return np.argwhere(label == 2)[:, 1].mean() < np.argwhere(label == 1)[:, 1].mean()


def test_a_magnified_view_holds_as_many_times_more_pixels(slices, monkeypatch):
    augmentation = without_intensity_changes(Augmentation(**{**STILL, "scale": (1.4, 1.4)}), monkeypatch)
    torch.manual_seed(5)
    _, _, labels = augmentation(slices, 96)
    ratio = (labels > 0).sum() / (slices[1] > 0).sum()
    assert ratio == pytest.approx(1.4**2, rel=0.05)


def test_one_seed_gives_the_same_views(slices):
    results = []
    for _ in range(2):
        torch.manual_seed(6)
        results.append(Augmentation()(slices, 64))
    for one, two in zip(*results, strict=True):
        assert torch.equal(one, two)


def test_without_intensity_changes_a_still_view_is_the_slice_itself(slices):
    torch.manual_seed(7)
    original, _, labels = Augmentation(**STILL, intensity=0.0, curves=0.0, structures=0.0)(slices, 96)
    inner = (slice(None), slice(None), slice(8, -8), slice(8, -8))
    difference = (original - slices[0])[inner].abs()
    assert (difference > 0.01).float().mean() < 0.05  # only at edges: a heart's pixels may be stretched by a tenth
    changed, _, _ = Augmentation(**STILL, intensity=1.0, curves=0.0, structures=0.0)(slices, 96)
    assert ((changed - slices[0])[inner].abs() > 0.01).float().mean() > 0.05


@pytest.mark.parametrize("setting", ["contrast", "structure_curves"])
def test_another_contrast_keeps_range_and_place_and_changes_gray_values(slices, setting):
    torch.manual_seed(7)
    still = Augmentation(contrast=0.0, structure_curves=0.0)
    assert torch.equal(still.change_contrast(slices.images, slices.labels), slices.images)
    changed = Augmentation(**{setting: 1.0}).change_contrast(slices.images, slices.labels)
    assert changed.shape == slices.images.shape and changed.min() >= 0 and changed.max() <= 1
    assert (changed - slices.images).abs().amax(dim=(1, 2, 3)).min() > 0.02  # every sample
    # what was flat stays flat, two pixels away from an edge for the kernels' sake
    for image in changed[:, 0]:
        assert image[44:56, 36:50].std() < 1e-5 and image[:36, :26].std() < 1e-2


def test_curves_of_structures_change_one_against_another(slices):
    torch.manual_seed(8)
    gray = slices._replace(images=torch.full_like(slices.images, 0.5))
    changed = Augmentation(structure_curves=1.0).change_contrast(gray.images, gray.labels)[:, 0]
    inside, outside = changed[:, 50, 60], changed[:, 5, 5]
    assert (inside - outside).abs().mean() > 0.1  # with one curve they would stay equal


def test_a_slice_and_its_neighbors_go_through_the_same_random_layers(slices):
    torch.manual_seed(9)
    stack = slices.images.expand(-1, 3, -1, -1)
    changed = Augmentation(contrast=1.0).change_contrast(stack, slices.labels.expand(-1, 3, -1, -1))
    torch.testing.assert_close(changed[:, 0], changed[:, 2])
