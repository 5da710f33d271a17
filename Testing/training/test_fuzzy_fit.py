"""The fit of an enhancement to the paper's figure."""

import numpy as np
import pytest

from DINSegmentLib.model import Enhancement
from DINSegmentLib.model.enhancement import enhance
from DINSegmentLib.training.fuzzy_fit import MEASURED, fit, slices_of

GRAYS = np.tile(np.arange(256, dtype=np.float32) / 255, (2, 60, 1))
FIGURE = np.interp(GRAYS * 255, list(MEASURED), list(MEASURED.values())) / 128


def test_the_figures_own_curve_fits_without_spread():
    found = fit(GRAYS, FIGURE)
    assert found.error < 0.6 and found.spread < 1e-9  # gray levels up to 4 apart count as one


def test_a_curve_that_is_3_gray_levels_too_high_has_an_error_of_3():
    assert fit(GRAYS, FIGURE + 3 / 128).error == pytest.approx(3, abs=0.3)


def test_air_that_is_2_gray_levels_brighter_on_the_left_has_a_gradient_of_2():
    slices = np.zeros((1, 60, 256), np.float32)
    slices[0, :30] = GRAYS[0, :30]
    enhanced = np.where(np.arange(256) < 128, 2 / 128, 0) + 0 * slices

    assert fit(slices, enhanced).gradient == pytest.approx(2, abs=0.1)


@pytest.mark.data
def test_fuzzy_is_as_near_to_the_figure_as_log_and_spreads_as_it_does(shared_data):
    slices = slices_of(shared_data / "btcv")
    fuzzy, log = (fit(slices, enhance(slices, Enhancement(method, 1.0))) for method in ("fuzzy", "log"))

    assert fuzzy.error < 1.6 and log.error < 2.5
    assert 2 <= fuzzy.spread <= 3 and log.spread < 1e-3
