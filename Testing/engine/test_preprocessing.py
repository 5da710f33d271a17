"""Normalization by percentile and window, computed by hand."""

import numpy as np
import pytest

from DINSegmentLib.engine.preprocessing import Normalization, normalization
from DINSegmentLib.model import Intensity


def test_a_percentile_clips_there_then_takes_minimum_to_0_and_maximum_to_1():
    volume = np.arange(1, 102, dtype=np.int16).reshape(1, 1, 101)  # 1 ... 101: the 99th percentile is 100
    normalize = normalization(volume, Intensity("percentile", upper=99.0))

    assert (normalize.low, normalize.high) == (1, 100)
    assert np.allclose(normalize(volume).ravel(), np.minimum((np.arange(1, 102) - 1) / 99, 1))


def test_a_lower_percentile_clips_the_darkest_voxels_too():
    volume = np.arange(201, dtype=np.float32).reshape(1, 3, 67)  # 0 ... 200: percentiles 10 and 99 are 20 and 198
    normalize = normalization(volume, Intensity("percentile", upper=99.0, lower=10.0))

    assert (normalize.low, normalize.high) == (20, 198)


def test_a_window_takes_its_bounds_to_0_and_1_whatever_the_volume_holds():
    normalize = normalization(np.array([5, 6]), Intensity("window", upper=275, lower=-125))

    values = np.array([[[-3000, -125, -25, 275, 4000]]], np.int16)
    assert np.allclose(normalize(values), [[[0, 0, 0.25, 1, 1]]])


def test_a_volume_that_is_almost_all_background_keeps_its_contrast():
    volume = np.zeros((5, 10, 10))
    volume[2, 4, 4] = 7  # fewer than 1%: the percentile is the background
    normalize = normalization(volume, Intensity("percentile", upper=99.0))

    assert (normalize.low, normalize.high) == (0, 7)
    assert normalization(7 - volume, Intensity("percentile", upper=99.0, lower=10.0)) == Normalization(0, 7)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.float64, ">i2"])
def test_normalized_voxels_are_a_new_float32_array_in_0_1(dtype):
    volume = np.arange(24).reshape(2, 3, 4).astype(dtype)[:, ::-1]
    out = Normalization(3, 20)(volume)

    assert out.dtype == np.float32 and out.flags.c_contiguous and not np.shares_memory(out, volume)
    assert out.min() == 0 and out.max() == 1
