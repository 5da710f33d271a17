"""Attribution maps: sign, magnitude and position for known answers."""

import dataclasses

import numpy as np
import pytest
import torch

from DINSegmentLib.engine.attribution import attribution_map
from DINSegmentLib.engine.parameters import Parameters
from DINSegmentLib.engine.segmenter import Segmenter
from DINSegmentLib.errors import Cancelled, ModelError
from DINSegmentLib.geometry import Geometry
from DINSegmentLib.model.enhancement import NONE, Enhancement

GRID = Geometry((3, 32, 40), np.diag([1.5, 1.5, 8.0, 1.0]))


class Told(torch.nn.Module):
    """Each direction is sure of label 1 where its own image is above one half; both together: where any is."""

    def forward_directions(self, original, enhanced):
        bright = [(x > 0.5).float() for x in (torch.maximum(original, enhanced), original, enhanced)]
        return tuple(torch.cat([-40 * x + 20, 40 * x - 20], dim=1) for x in bright)


@pytest.fixture
def told(stack_model) -> Segmenter:
    """Sees the original as it is and an enhanced image that is brighter: gamma and log lift what is dim."""
    made = Segmenter(dataclasses.replace(stack_model, spacing=1.5), "cpu")
    made.device = dataclasses.replace(made.device, precision="float32")
    made._network = Told()
    return made


@pytest.mark.parametrize("mirroring", [False, True])
def test_a_part_that_only_the_enhanced_image_shows_is_plus_one_and_one_that_both_show_is_zero(told, mirroring):
    volume = np.zeros(GRID.shape, np.float32)
    volume[:, :, 10:20] = 0.3  # above one half in the enhanced image alone
    volume[:, :, 20:30] = 1.0
    decided = attribution_map(told, volume, GRID, Parameters(enhancement=Enhancement("log", 2.0), mirroring=mirroring))

    expected = np.zeros(GRID.shape)
    expected[:, :, 10:20] = 1
    assert decided.dtype == np.float32
    assert np.abs(decided - expected).max() < 1e-6


def test_equal_images_decide_nothing(told):
    volume = np.random.default_rng(3).random(GRID.shape, np.float32)

    assert not attribution_map(told, volume, GRID, Parameters(enhancement=NONE)).any()


def test_a_part_that_only_the_original_shows_is_minus_one(told):
    swapped = told._network.forward_directions
    told._network.forward_directions = lambda original, enhanced: swapped(enhanced, original)
    volume = np.zeros(GRID.shape, np.float32)
    volume[:, :, 10:20], volume[:, :, 20:30] = 0.3, 1.0
    decided = attribution_map(told, volume, GRID, Parameters(enhancement=Enhancement("log", 2.0), mirroring=False))

    assert np.abs(decided[:, :, 10:20] + 1).max() < 1e-6


def test_it_lies_where_the_volume_lies_however_that_is_stored(told, reorder, restore):
    volume = np.random.default_rng(4).random((4, 32, 40), np.float32) ** 3
    grid = Geometry(volume.shape, GRID.ijk_to_ras)
    expected = attribution_map(told, volume, grid)
    order, flips = (0, 1, 2), (True, False, True)
    stored, geometry = reorder(volume, grid, order, flips)

    assert expected.any()
    assert np.abs(restore(attribution_map(told, stored, geometry), order, flips) - expected).max() < 1e-6


def test_values_of_a_network_stay_between_minus_one_and_one(segmenter, model):
    volume = np.random.default_rng(5).random((3, 40, 40)).astype(np.float32) * 200
    decided = attribution_map(segmenter, volume, Geometry(volume.shape, np.diag([1.5, 1.5, 5.0, 1.0])))

    assert decided.shape == volume.shape
    assert np.abs(decided).max() <= 1
    assert decided.std() > 0


def test_it_can_be_stopped(told):
    with pytest.raises(Cancelled, match="after 0 of 3 slices"):
        attribution_map(told, np.indices(GRID.shape)[0], GRID, cancelled=lambda: True)


def test_a_model_without_difms_is_refused_in_a_sentence(told):
    told.model = dataclasses.replace(
        told.model, network=dataclasses.replace(told.model.network, fusion="concatenation")
    )

    with pytest.raises(ModelError, match="does not use DIFM"):
        attribution_map(told, np.indices(GRID.shape)[0], GRID)
