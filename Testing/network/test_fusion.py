"""The DIFM computes what the paper's figure shows."""

import math

import pytest
import torch

from DINSegmentLib.network.convnext import StageFeatures
from DINSegmentLib.network.fusion import (
    DIFM,
    CrossImageAttention,
    FeatureMerging,
    GlobalSpatialAttention,
    Interaction,
    StandardizedSpatialAttention,
    attend,
)

WIDTH, HEAD = 12, 4


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(3)


def images(*shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(shape, dtype=torch.float64), torch.randn(shape, dtype=torch.float64)


def attention_by_hand(layer: CrossImageAttention, own: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
    """softmax(Q K^T / sqrt(d)) V, head by head and pixel by pixel, with the layer's weights."""

    def linear(module, x):  # (N, tokens, C)
        return torch.einsum("oc,ntc->nto", module.weight, x) + module.bias

    n, c, h, w = own.shape
    query = linear(layer.query, own.reshape(n, c, h * w).permute(0, 2, 1))
    both = linear(layer.key_value, keys.reshape(n, c, -1).permute(0, 2, 1))
    key, value = both[..., :c], both[..., c:]
    out = torch.zeros_like(query)
    for image in range(n):
        for head in range(c // HEAD):
            part = slice(head * HEAD, (head + 1) * HEAD)
            for pixel in range(h * w):
                scores = key[image, :, part] @ query[image, pixel, part] / math.sqrt(HEAD)
                weights = scores.exp() / scores.exp().sum()
                out[image, pixel, part] = weights @ value[image, :, part]
    return linear(layer.output, out).permute(0, 2, 1).reshape(n, c, h, w)


def test_attention_with_reduction_1_is_plain_softmax_attention():
    layer = CrossImageAttention(WIDTH, HEAD, reduction=1).double()
    own, other = images(2, WIDTH, 3, 5)

    assert torch.allclose(layer(own, other), attention_by_hand(layer, own, other), atol=1e-12)


def test_reduction_averages_key_and_value_and_keeps_every_query():
    layer = CrossImageAttention(WIDTH, HEAD, reduction=2).double()
    own, other = images(2, WIDTH, 4, 6)
    averaged = (other[..., ::2, ::2] + other[..., 1::2, ::2] + other[..., ::2, 1::2] + other[..., 1::2, 1::2]) / 4

    assert torch.allclose(layer(own, other), attention_by_hand(layer, own, averaged), atol=1e-12)


def test_attention_asks_the_other_image_and_not_its_own():
    # with one key there is nothing to choose from: the answer is the other image's value, whatever the query
    layer = CrossImageAttention(WIDTH, HEAD, reduction=1).double()
    own, other = images(1, WIDTH, 1, 1)
    value = layer.key_value(other[..., 0, 0])[:, WIDTH:]

    assert torch.allclose(layer(own, other)[..., 0, 0], layer.output(value))
    assert torch.allclose(layer(own + 1, other), layer(own, other))
    assert not torch.allclose(layer(own, other + 1), layer(own, other))


def test_global_spatial_attention_is_f_times_sigmoid_of_its_channel_mean():
    f = torch.tensor([1.0, 3.0, -4.0, 0.0]).reshape(1, 2, 2, 1)  # channel 0: 1, 3; channel 1: -4, 0
    first, second = 1 / (1 + math.exp(1.5)), 1 / (1 + math.exp(-1.5))

    expected = torch.tensor([1 * first, 3 * second, -4 * first, 0.0]).reshape(1, 2, 2, 1)
    assert torch.allclose(GlobalSpatialAttention()(f), expected)


def test_standardized_spatial_attention_is_the_same_gate_on_the_standardized_channel_mean():
    f = torch.tensor([1.0, 3.0, -4.0, 0.0]).reshape(1, 2, 2, 1)  # channel means -1.5 and 1.5: standardized -1 and 1
    first, second = 2 / (1 + math.exp(1)), 2 / (1 + math.exp(-1))

    expected = torch.tensor([1 * first, 3 * second, -4 * first, 0.0]).reshape(1, 2, 2, 1)
    assert torch.allclose(StandardizedSpatialAttention()(f), expected, atol=2e-3)


def test_standardized_spatial_attention_never_closes_however_large_the_features():
    f = 1000 + 500 * torch.randn(2, WIDTH, 16, 16, generator=torch.Generator().manual_seed(3))

    gates = StandardizedSpatialAttention()(f) / f
    drawn = GlobalSpatialAttention()(f) / f

    assert gates.min() > 0.02 and gates.max() < 1.98 and gates.std() > 0.2
    assert drawn.min() == 1  # the gate as drawn no longer distinguishes places


def test_an_interaction_adds_its_own_feature_then_the_ffn_then_gates():
    layer = Interaction(WIDTH, HEAD, reduction=1, ffn_ratio=2.0).double()
    own, other = images(1, WIDTH, 4, 4)
    f = own + layer.attention(layer.norm(own), layer.norm(other))
    g = f + layer.ffn(f)

    assert torch.allclose(layer(own, other), g * torch.sigmoid(g.mean(1, keepdim=True)))


def test_an_interaction_with_silent_attention_and_ffn_hands_its_own_feature_on():
    layer = Interaction(WIDTH, HEAD, reduction=1, ffn_ratio=2.0).double()
    for last in (layer.attention.output, layer.ffn[-1]):
        torch.nn.init.zeros_(last.weight)
        torch.nn.init.zeros_(last.bias)
    own, other = images(1, WIDTH, 4, 4)

    assert torch.allclose(layer(own, other), own * torch.sigmoid(own.mean(1, keepdim=True)))


def test_merging_is_one_convolution_of_the_low_and_the_high_feature():
    merge = FeatureMerging(WIDTH).double()
    low, high = images(1, WIDTH, 2, 3)
    kernel = merge.mix.weight[:, :, 0, 0]

    expected = torch.einsum("oc,nchw->nohw", kernel[:, :WIDTH], low) + torch.einsum(
        "oc,nchw->nohw", kernel[:, WIDTH:], high
    )
    assert torch.allclose(merge(StageFeatures(low, high)), expected + merge.mix.bias[:, None, None])


def test_difm_sums_both_directions():
    difm = DIFM(WIDTH, HEAD, reduction=1, ffn_ratio=2.0).double()
    original, enhanced = StageFeatures(*images(1, WIDTH, 4, 4)), StageFeatures(*images(1, WIDTH, 4, 4))
    a, b = difm.merge_original(original), difm.merge_enhanced(enhanced)

    assert torch.allclose(difm(original, enhanced), difm.original_asks(a, b) + difm.enhanced_asks(b, a))
    assert not torch.allclose(difm(original, enhanced), difm(enhanced, original))  # each side has weights of its own


def test_a_width_that_its_heads_cannot_share_is_refused():
    with pytest.raises(ValueError, match="100 channels"):
        CrossImageAttention(100, 32, reduction=1)


@pytest.mark.parametrize("tokens", [(3000, 56), (7, 4), (2048, 1)])
def test_attention_at_inference_is_that_of_float32_but_for_the_rounding_of_bfloat16(tokens):
    draw = torch.Generator().manual_seed(3)
    query, key, value = (
        torch.randn(2, 4, count, 32, generator=draw).bfloat16() for count in (tokens[0], *tokens[1:] * 2)
    )
    expected = torch.nn.functional.scaled_dot_product_attention(query.float(), key.float(), value.float())
    with torch.inference_mode():
        found = attend(query, key, value)

    assert found.dtype == torch.bfloat16 and found.shape == query.shape
    assert (found.float() - expected).abs().max() < 0.03
    assert (found.float() - expected).abs().mean() < 1.5 * (expected.bfloat16().float() - expected).abs().mean() + 1e-3
