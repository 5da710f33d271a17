"""Cases to training slices: the model's axes and intensities, one canvas, every slice once an epoch."""

import numpy as np
import pytest
import torch

from DINSegmentLib import models
from DINSegmentLib.errors import InputError
from DINSegmentLib.geometry import Geometry
from DINSegmentLib.training.cases import Case
from DINSegmentLib.training.slices import Slices, load_slices


@pytest.fixture
def model() -> models.Model:
    return models.find("cardiac-mr")


def case(shape: tuple[int, int, int], directions: tuple[float, float, float] = (-1.5, -1.5, 10)) -> Case:
    image = np.linspace(0, 1, int(np.prod(shape)), dtype=np.float32).reshape(shape)
    return Case("one", image, np.ones(shape, np.uint8), Geometry(shape, np.diag([*directions, 1.0])))


def test_small_slices_are_padded_and_large_ones_cropped_at_the_centre(model):
    slices = load_slices([case((2, 6, 12))], model, 8)
    assert slices.images.shape == slices.labels.shape == (2, 1, 8, 8)
    assert slices.labels[0, 0].sum() == 6 * 8
    assert slices.labels[0, 0, 1:7].all() and not slices.labels[0, 0, 0].any() and not slices.labels[0, 0, 7].any()
    unclipped = case((2, 6, 12)).image / np.percentile(case((2, 6, 12)).image, 99)
    np.testing.assert_allclose(slices.images[1, 0, 1:7], np.clip(unclipped, 0, 1)[1, :, 2:10], atol=2e-3)


def test_a_case_stored_mirrored_gives_the_same_slices(model):
    stored = case((3, 8, 8))
    flipped = Case("two", stored.image[:, :, ::-1], stored.label, Geometry((3, 8, 8), np.diag([1.5, -1.5, 10, 1.0])))
    assert torch.equal(load_slices([stored], model, 8).images, load_slices([flipped], model, 8).images)


def test_an_epoch_shows_every_slice_once():
    numbers = torch.arange(7, dtype=torch.float16).reshape(7, 1, 1, 1)
    batches = Slices(numbers, numbers.to(torch.uint8)).batches(2, torch.Generator().manual_seed(0))
    epoch = torch.cat([next(batches)[0] for _ in range(3)]).flatten().tolist()  # 7 slices: 3 whole batches of 2
    assert len(set(epoch)) == 6


def test_no_case_is_refused(model):
    with pytest.raises(InputError, match="no training case"):
        load_slices([], model, 8)
