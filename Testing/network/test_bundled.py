"""The bundled networks after training; the README reports the values."""

from pathlib import Path

import numpy as np
import pytest
import torch

from DINSegmentLib import io
from DINSegmentLib.engine.parameters import Parameters
from DINSegmentLib.engine.preprocessing import preprocess_volume
from DINSegmentLib.engine.segmenter import Segmenter, load_network, segment
from DINSegmentLib.measure import dice
from DINSegmentLib.model import Model, find_model
from DINSegmentLib.network import restored, stored
from DINSegmentLib.network.fusion import GlobalSpatialAttention
from DINSegmentLib.resources import root
from DINSegmentLib.training.cases import cases


def test_the_attention_as_drawn_is_shut_or_wide_open_for_most_of_the_coarsest_level_of_the_hearts_model():
    model = find_model("cardiac-mr")
    network = load_network(model)
    shares: list[float] = []

    def watch(layer, inputs, output):
        gate = torch.sigmoid(inputs[0].float().mean(dim=1))
        shares.append(float(((gate < 0.05) | (gate > 0.95)).float().mean()))

    for layer in network.modules():
        if isinstance(layer, GlobalSpatialAttention):
            layer.register_forward_hook(watch)
    image = io.read(root() / "SampleData" / "cardiac_phantom_ED.nrrd")
    original, enhanced = preprocess_volume(
        image.array, image.geometry, model.axes, model.intensity, model.enhancement.default
    )
    channels = network.config.channels
    with torch.inference_mode():
        network(*(torch.from_numpy(x[4:5].copy())[None].repeat(1, channels, 1, 1) for x in (original, enhanced)))
    print([f"{share:.2f}" for share in shares])
    assert len(shares) == 8 and min(shares[-2:]) > 0.8


def test_myocardium_encloses_the_left_ventricle_of_the_sample_in_every_slice_down_to_the_apex():
    image = io.read(root() / "SampleData" / "cardiac_phantom_ED.nrrd")
    labels = segment(image.array, image.geometry, find_model("cardiac-mr"), Parameters(mirroring=False), "cpu").labels
    with_cavity, with_wall = ((labels == value).any(axis=(1, 2)) for value in (3, 2))
    assert with_cavity.all() and with_wall.all()


def with_both_bits(model: Model) -> tuple[Segmenter, Segmenter]:
    """By weights of more than 8 bits, the model's changed by about 0.3%, and by the same ones with 8."""
    generator = torch.Generator().manual_seed(1)
    state = load_network(model).state_dict()  # may come from 8 bits, which 8 bits store without a loss
    state = {k: v * (1 + 0.003 * torch.randn(v.shape, generator=generator)).to(v) for k, v in state.items()}
    whole, short = load_network(model), load_network(model)
    whole.load_state_dict(state)
    short.load_state_dict(restored(stored(state, 8)))
    return Segmenter(model, "cpu", whole), Segmenter(model, "cpu", short)


def test_8_bits_change_hardly_a_label_of_the_sample():
    image = io.read(root() / "SampleData" / "cardiac_phantom_ED.nrrd")
    both = with_both_bits(find_model("cardiac-mr"))
    of_16, of_8 = (one.segment(image.array, image.geometry).labels for one in both)
    assert np.count_nonzero(of_16 != of_8) < 0.003 * np.count_nonzero(of_16)


@pytest.mark.data
@pytest.mark.slow
def test_8_bits_cost_at_most_two_hundredths_of_a_point_of_validation_dice(shared_data: Path):
    model = find_model("cardiac-mr")
    both = with_both_bits(model)
    rows = [
        [
            [dice(found == label.value, case.label == label.value) for label in model.labels]
            for found in (one.segment(case.image, case.geometry).labels for one in both)
        ]
        for case in cases(shared_data / "acdc", "valid")
    ]
    of_16, of_8 = np.mean(rows, axis=(0, 2))
    print(f"{100 * of_16:.3f} with 16 bits, {100 * of_8:.3f} with 8")
    assert 100 * (of_16 - of_8) <= 0.02
