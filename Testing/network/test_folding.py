"""Folding: fewer layers, the same scores."""

import copy

import pytest
import torch
from torch import nn

from DINSegmentLib.model.config import NetworkConfig
from DINSegmentLib.network import DIN, fold


@pytest.mark.parametrize("stem", ["convolution", "patchify"])
def test_a_folded_network_gives_the_same_scores_without_batch_norm_and_layer_scale(stem):
    torch.manual_seed(7)
    network = DIN(NetworkConfig(
        classes=3, widths=(8, 8, 16, 16), depths=(2, 1, 1, 1), stem=stem, layer_scale=0.5, head_width=8,
        decoder_width=8, detail=stem == "convolution", deep_supervision=False,
    )).double().eval()  # fmt: skip
    for name, value in [*network.named_parameters(), *network.named_buffers()]:  # nothing is 0 or 1, variances positive
        if value.is_floating_point():
            value.data.add_(torch.rand_like(value) if name.endswith("var") else 0.1 * torch.randn_like(value))
    before = copy.deepcopy(network)
    images = torch.rand(2, 1, 64, 96).double(), torch.rand(2, 1, 64, 96).double()

    folded = fold(network)
    with torch.inference_mode():
        torch.testing.assert_close(folded(*images), before(*images), rtol=1e-6, atol=1e-6)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    assert not any(name.endswith("layer_scale") for name in folded.state_dict())


def test_folding_twice_changes_nothing_more():
    torch.manual_seed(8)
    network = DIN(
        NetworkConfig(classes=2, widths=(8, 8, 8, 8), depths=(1, 1, 1, 1), stem="convolution", head_width=8)
    ).eval()
    images = torch.rand(1, 1, 32, 32), torch.rand(1, 1, 32, 32)
    with torch.inference_mode():
        once = fold(network)(*images)
        assert torch.equal(fold(network)(*images), once)
