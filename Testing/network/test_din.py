"""The whole network: any size, the two published sizes, no shared weights, supervision only in training."""

import io
from dataclasses import replace

import pytest
import torch

from DINSegmentLib.model import catalogue
from DINSegmentLib.model.config import NetworkConfig
from DINSegmentLib.network import DIN

TINY = NetworkConfig(
    classes=3, widths=(8, 8, 16, 16), depths=(1, 1, 1, 1), layer_scale=0.5, head_width=8, ffn_ratio=1.0, decoder_width=8
)


@pytest.fixture
def network() -> DIN:
    torch.manual_seed(5)
    return DIN(TINY)


def pair(*size: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.rand(2, 1, *size), torch.rand(2, 1, *size)


@pytest.mark.parametrize("size", [(32, 64), (33, 31), (1, 95), (40, 7)])
def test_any_size_gives_scores_of_that_size(network, size):
    assert network.eval()(*pair(*size)).shape == (2, 3, *size)


@pytest.mark.parametrize(("size", "before", "after"), [((33, 50), (15, 7), (16, 7)), ((64, 31), (0, 0), (0, 1))])
def test_scores_equal_those_of_an_image_padded_with_air_by_hand(network, size, before, after):
    original, enhanced = pair(*size)
    padded = [torch.zeros(2, 1, *(b + n + a for b, n, a in zip(before, size, after, strict=True))) for _ in range(2)]
    inside = (..., slice(before[0], before[0] + size[0]), slice(before[1], before[1] + size[1]))
    for canvas, image in zip(padded, (original, enhanced), strict=True):
        canvas[inside] = image

    network.eval()
    assert torch.equal(network(original, enhanced), network(*padded)[inside])


def test_each_encoder_sees_its_own_image(network):
    seen = {}
    for name in ("encode_original", "encode_enhanced"):
        getattr(network, name).register_forward_pre_hook(lambda _, inputs, name=name: seen.update({name: inputs[0]}))
    original, enhanced = pair(32, 32)
    network(original, enhanced)

    assert torch.equal(seen["encode_original"], original)
    assert torch.equal(seen["encode_enhanced"], enhanced)


def test_the_two_encoders_share_no_weights(network):
    storages = [
        {p.untyped_storage().data_ptr() for p in encoder.parameters()}
        for encoder in (network.encode_original, network.encode_enhanced)
    ]
    assert all(storages)
    assert storages[0].isdisjoint(storages[1])


def test_the_bundled_sizes_keep_their_budget():
    for model in catalogue().values():
        network = DIN(model.network)
        file = io.BytesIO()
        torch.save(network.half().state_dict(), file)
        assert sum(p.numel() for p in network.parameters()) <= 6_000_000
        assert file.tell() < 12_000_000


def test_the_papers_size_holds_two_convnext_base():
    with torch.device("meta"):
        network = DIN(NetworkConfig(9))
    encoder = sum(p.numel() for p in network.encode_original.parameters())

    # ConvNeXt-B: 88,591,464 parameters in torchvision; less the classifier, two of the stem's three colors
    assert encoder == 88_591_464 - (1024 * 1000 + 1000) - 2 * 1024 - 2 * 128 * 16
    assert 180e6 < sum(p.numel() for p in network.parameters()) < 230e6


def test_scores_of_the_four_scales_exist_in_training_alone(network):
    scores, scales = network.train().forward_scales(*pair(64, 32))
    assert [tuple(s.shape) for s in scales] == [(2, 3, 16, 8), (2, 3, 8, 4), (2, 3, 4, 2), (2, 3, 2, 1)]
    assert scores.shape == (2, 3, 64, 32)
    assert network.eval().forward_scales(*pair(64, 32))[1] == []


def test_a_network_without_deep_supervision_differs_by_its_scale_heads_alone():
    plain = DIN(NetworkConfig(**{**vars(TINY), "deep_supervision": False}))
    extra = set(DIN(TINY).state_dict()) - set(plain.state_dict())

    assert plain.train().forward_scales(*pair(32, 32))[1] == []
    assert extra == {f"decode.scale_heads.{i}.{p}" for i in range(4) for p in ("weight", "bias")}


def test_a_gradient_reaches_every_parameter(network):
    scores, scales = network.train().forward_scales(*pair(64, 64))
    sum((x * torch.randn_like(x)).sum() for x in (scores, *scales)).backward()

    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


def test_a_manifests_network_becomes_a_configuration():
    values = {"classes": 3, "widths": [8, 8, 16, 16], "stem": "convolution"}
    assert NetworkConfig.from_dict(values) == NetworkConfig(3, widths=(8, 8, 16, 16), stem="convolution")
    with pytest.raises(TypeError, match="unknown network settings: colour"):
        NetworkConfig.from_dict({"classes": 3, "colour": 1})


def test_one_branch_with_both_images_as_channels_listens_to_either():
    torch.manual_seed(0)
    network = DIN(replace(TINY, fusion="channels")).eval()
    original, enhanced = pair(32, 32)
    scores = network(original, enhanced)

    assert network.encode_enhanced is None
    assert not torch.allclose(scores, network(original, enhanced.flip(-1)))
    assert not torch.allclose(scores, network(original.flip(-1), enhanced))
