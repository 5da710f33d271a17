"""In-plane resampling: nothing shifts, and sizes follow millimeters."""

import numpy as np
import pytest
import torch

from DINSegmentLib.engine.resampling import MIXED, NativePixels, model_size, to_model_grid, to_native_grid
from DINSegmentLib.errors import GeometryError


@pytest.mark.parametrize(
    ("shape", "spacing", "target", "size"),
    [
        ((256, 216), (1.5625, 1.5625), 1.5625, (256, 216)),
        ((256, 216), (1.57, 1.55), 1.5625, (256, 216)),  # within 1%
        ((200, 100), (3.125, 1.5625), 1.5625, (400, 100)),
        ((512, 512), (0.78125, 0.78125), 1.5625, (256, 256)),
        ((4, 200), (1.0, 9.0), 1.5, (16, 1200)),  # never smaller than 16
    ],
)
def test_the_models_grid_covers_the_same_millimeters(shape, spacing, target, size):
    assert model_size(shape, spacing, target) == size


def test_slices_wider_than_three_meters_are_refused():
    with pytest.raises(GeometryError, match="76.8 m wide"):
        model_size((256, 256), (300.0, 1.5), 1.5)


SIZES = [((256, 216), (147, 311)), ((100, 90), (200, 180)), ((181, 240), (60, 240)), ((64, 64), (63, 65))]


def blob(shape: tuple[int, int], center: tuple[float, float]) -> torch.Tensor:
    y, x = np.indices(shape)
    radius = min(shape) / 8
    return torch.from_numpy(np.exp(-((y - center[0]) ** 2 + (x - center[1]) ** 2) / (2 * radius**2))[None, None])


def centroid(image: torch.Tensor) -> np.ndarray:
    weights = image[0, 0].numpy()
    return np.array([(weights * axis).sum() for axis in np.indices(weights.shape)]) / weights.sum()


@pytest.mark.parametrize(("native", "size"), SIZES)
def test_a_blob_stays_at_its_place_on_the_way_there_and_back(native, size):
    center = (native[0] * 0.47, native[1] * 0.55)
    there = to_model_grid(blob(native, center), size)
    back = to_native_grid(there, native)

    # pixel centers lie at (index + 1/2) of the covered length
    expected = [(c + 0.5) * n / m - 0.5 for c, n, m in zip(center, size, native, strict=True)]
    assert there.shape[2:] == size and back.shape[2:] == native
    assert np.abs(centroid(there) - expected).max() < 0.05
    assert np.abs(centroid(back) - center).max() < 0.05


@pytest.mark.parametrize(("native", "size"), SIZES)
def test_a_ramp_comes_back_as_it_was_away_from_the_border(native, size):
    y, x = np.indices(native)
    ramp = torch.from_numpy((0.3 * y - 0.2 * x)[None, None])
    border = 3 * max(1, *(m // n for m, n in zip(native, size, strict=True))) + 3
    inner = (..., slice(border, -border), slice(border, -border))

    # a step is 0.3: no pixel is off by a tenth of it, and on average nothing moves
    moved = (to_native_grid(to_model_grid(ramp, size), native) - ramp)[inner]
    assert moved.abs().max() < 0.03
    assert moved.mean().abs() < 0.001


def test_the_same_size_is_handed_on_untouched():
    image = torch.rand(1, 2, 5, 7)
    assert to_model_grid(image, (5, 7)) is image
    assert to_native_grid(image, (5, 7)) is image


@pytest.mark.parametrize(("native", "size"), SIZES)
def test_single_pixels_are_interpolated_as_all_of_them(native, size):
    scores = torch.from_numpy(np.random.default_rng(2).normal(0, 5, (3, *size)).astype(np.float32))
    pixels = np.array([0, 1, native[1] - 1, native[1], native[0] * native[1] // 2 + 3, native[0] * native[1] - 1])
    whole = to_native_grid(scores[None], native)[0].flatten(1)
    assert torch.allclose(NativePixels(size, native).interpolate(scores, pixels), whole[:, pixels], atol=1e-3)


@pytest.mark.parametrize(("native", "size"), SIZES)
def test_a_class_is_spread_only_where_it_wins_between_pixels_too(native, size):
    scores = torch.zeros(3, *size)
    scores[0] = 8
    scores[2, 20:24, 10:13] = 15
    pixels = NativePixels(size, native)
    classes = scores.argmax(dim=0).to(torch.uint8).numpy()
    classes[30, 5] = MIXED  # uncertain
    labels = pixels.spread(classes)
    mixed = labels == MIXED

    whole = to_native_grid(scores[None], native)[0].argmax(dim=0).numpy()
    assert np.array_equal(labels[~mixed], whole[~mixed]) and (labels == 2).any()
    assert 0 < mixed.mean() < 0.05
    rows, columns = ((np.arange(n) + 0.5) * m / n - 0.5 for n, m in zip(native, size, strict=True))
    around = np.outer(abs(rows - 30) < 1, abs(columns - 5) < 1)  # the weight of the uncertain pixel is not 0
    assert (mixed if size != native else labels == MIXED)[around].all()


@pytest.mark.parametrize(("native", "size"), SIZES)
def test_each_native_pixel_counts_at_its_nearest_pixel(native, size):
    left_out = np.flatnonzero(np.random.default_rng(3).random(native).ravel() < 0.3)
    pixels = NativePixels(size, native)
    counts = pixels.counts(left_out).reshape(size)

    assert counts.sum() == native[0] * native[1] - len(left_out) and counts.min() >= 0
    kept = np.setdiff1d(np.arange(native[0] * native[1]), left_out)
    places = [((i + 0.5) * m / n - 0.5) for i, n, m in zip(np.divmod(kept, native[1]), native, size, strict=True)]
    center = (np.indices(size) * counts).sum(axis=(1, 2)) / counts.sum()
    assert np.allclose(center, np.mean(places, axis=1), atol=0.51)  # exact ties are rounded to one side


def test_larger_pixels_are_means_not_picks():
    fine = (torch.arange(63) % 2).double().repeat(63, 1)[None, None]  # stripes finer than the model's pixels
    coarse = to_model_grid(fine, (21, 21))[..., 2:-2, 2:-2]

    assert (coarse - 0.5).abs().max() < 0.1  # picking gives 0 and 1
