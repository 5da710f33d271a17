"""Storage of weights: 8 bits by hand, what keeps 16 and 32, and what is restored."""

import pytest
import torch

from DINSegmentLib.network import restored, stored


def test_a_channel_of_8_bits_has_127_steps_to_its_largest_number():
    kernel = torch.zeros(2, 5000)
    kernel[0, :3] = torch.tensor([12.7, -6.35, 0.049])  # steps of 0.1
    kernel[1, :2] = torch.tensor([-0.0254, 0.0001])  # of 0.0002
    state = stored({"a.weight": kernel}, 8)

    assert state["a.weight"].dtype == torch.int8
    assert state["a.weight"][0, :3].tolist() in ([127, -64, 0], [127, -63, 0])  # half a step rounds either way
    assert state["a.weight"][1, :2].tolist() in ([-127, 0], [-127, 1])
    torch.testing.assert_close(state["a.weight.scale"], torch.tensor([0.1, 0.0002]))
    back = restored(state)
    assert list(back) == ["a.weight"]
    assert (back["a.weight"] - kernel).abs().max(dim=1).values.tolist() <= [0.0501, 0.000101]


def test_a_channel_of_zeros_stays_zero():
    assert restored(stored({"a": torch.zeros(4, 3000)}, 8))["a"].abs().max() == 0


@pytest.mark.parametrize("bits", [8, 16])
def test_norms_small_tensors_and_counters_keep_their_numbers(bits):
    state = stored(
        {
            "norm.running_var": torch.full((2000,), 1e6), "head.weight": torch.full((4, 32), 0.3),
            "decode.refine.weight": torch.ones(200, 200),
            "norm.bias": torch.ones(2000), "norm.num_batches_tracked": torch.tensor(7),
        },
        bits,
    )  # fmt: skip
    assert {name: value.dtype for name, value in state.items()} == {
        "norm.running_var": torch.float32, "head.weight": torch.float16, "norm.bias": torch.float16,
        "decode.refine.weight": torch.float16,
        "norm.num_batches_tracked": torch.int64,
    }  # fmt: skip
    assert restored(state)["norm.running_var"][0] == 1e6


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_number_that_is_not_finite_shows_in_its_channels_scale(value):
    kernel = torch.ones(3, 4000)
    kernel[1, 5] = value
    assert stored({"a": kernel}, 8)["a.scale"].isfinite().tolist() == [True, False, True]
