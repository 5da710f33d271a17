"""Directions of the DIFMs: the effect of silencing one, for known answers."""

import copy

import pytest
import torch

from DINSegmentLib.model.config import NetworkConfig
from DINSegmentLib.network import DIN

TINY = {
    "classes": 3, "widths": (8, 8, 16, 16), "depths": (1, 1, 1, 1), "layer_scale": 0.5, "head_width": 8,
    "ffn_ratio": 1.0, "decoder_width": 8,
}  # fmt: skip
DETAILED = {**TINY, "stem": "convolution", "detail": True}


def network(**settings) -> DIN:
    torch.manual_seed(5)
    return DIN(NetworkConfig(**settings)).eval().requires_grad_(False)


@pytest.fixture(params=[TINY, DETAILED], ids=["patchify", "detail"])
def even(request) -> DIN:
    """A network that treats both images alike: every weight of a branch is also that of the other."""
    made = network(**request.param)
    made.encode_enhanced = copy.deepcopy(made.encode_original)
    for difm in made.fuse:
        difm.merge_enhanced = copy.deepcopy(difm.merge_original)
        difm.enhanced_asks = copy.deepcopy(difm.original_asks)
    if made.decode.project_detail is not None:
        weight = made.decode.project_detail.weight
        weight.copy_(weight[:, : weight.shape[1] // 2].repeat(1, 2, 1, 1))
    return made


@pytest.mark.parametrize("settings", [TINY, DETAILED], ids=["patchify", "detail"])
def test_both_directions_give_the_networks_own_scores(settings):
    made, pair = network(**settings), (torch.rand(2, 1, 40, 33), torch.rand(2, 1, 40, 33))
    both, original, enhanced = made.forward_directions(*pair)

    assert torch.equal(both, made(*pair))
    assert both.shape == original.shape == enhanced.shape
    assert not torch.allclose(original, enhanced)


def test_equal_branches_on_equal_images_are_heard_equally(even):
    image = torch.rand(1, 1, 64, 64)
    _, original, enhanced = even.forward_directions(image, image)

    assert torch.allclose(original, enhanced, atol=1e-5)


def test_exchanging_the_images_exchanges_the_directions_of_equal_branches(even):
    first, second = torch.rand(1, 1, 64, 64), torch.rand(1, 1, 64, 64)
    _, *one_way = even.forward_directions(first, second)
    _, *other_way = even.forward_directions(second, first)

    assert torch.allclose(one_way[0], other_way[1], atol=1e-5)
    assert torch.allclose(one_way[1], other_way[0], atol=1e-5)


@pytest.mark.parametrize("deaf", ["original", "enhanced"])
def test_a_branch_whose_features_are_zero_says_nothing_and_the_other_says_all(deaf):
    made = network(**TINY)
    for difm in made.fuse:  # the branch's features are zero: no query can distinguish places
        merge = getattr(difm, f"merge_{deaf}").mix
        merge.weight.zero_()
        merge.bias.zero_()
    both, original, enhanced = made.forward_directions(torch.rand(1, 1, 64, 64), torch.rand(1, 1, 64, 64))
    silent, heard = (original, enhanced) if deaf == "original" else (enhanced, original)

    assert torch.allclose(heard, both, atol=1e-5)
    middle = silent[..., 31:33, 31:33]  # as far as can be from the zeros around the decoder's maps
    assert (middle.amax(dim=(2, 3)) - middle.amin(dim=(2, 3))).max() < 0.1 * both.std()


@pytest.mark.parametrize("fusion", ["concatenation", "none"])
def test_a_network_without_difms_has_no_directions(fusion):
    with pytest.raises(TypeError, match="no directions"):
        network(**TINY, fusion=fusion).forward_directions(torch.rand(1, 1, 32, 32), torch.rand(1, 1, 32, 32))
