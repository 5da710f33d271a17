"""Volume-time curves, read from the picture's pixels."""

import numpy as np
import pytest

from DINSegmentLib.pictures.curve import Curve
from DINSegmentLib.pictures.curve import draw_curves as describe
from DINSegmentLib.pictures.drawing import raster

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def draw_curves(*parts):
    return raster(describe(*parts))


def places(picture, color) -> np.ndarray:
    """(N, 2): rows and columns of a color above the legend, without the blurred edges."""
    return np.argwhere((np.abs(np.asarray(picture)[:500].astype(int) - color) < 20).all(axis=-1))


def test_volumes_lie_in_proportion_above_zero():
    curves = [Curve("a", RED, [0, 0, 0]), Curve("b", GREEN, [50, 50, 50]), Curve("c", BLUE, [100, 100, 100])]
    picture = draw_curves(curves, None, {}, "beat")
    zero, half, whole = (np.median(places(picture, one.color)[:, 0]) for one in curves)

    assert whole < half < zero
    assert zero - half == pytest.approx(half - whole, abs=1)


def test_times_lie_in_proportion_along_the_axis():
    curve = Curve("a", RED, [100, 0, 0, 100])
    picture = draw_curves([curve], (0.0, 100.0, 200.0, 800.0), {}, "beat")
    found = places(picture, RED)
    low = found[found[:, 0] >= found[:, 0].max() - 2]  # from the second frame to the third
    left, right = found[:, 1].min(), found[:, 1].max()

    assert (low[:, 1].max() - low[:, 1].min()) / (right - left) == pytest.approx(0.1 / 0.8, abs=0.02)


def test_a_mark_stands_at_its_frame():
    curve = Curve("a", RED, [10, 0, 20, 0, 10])
    without = draw_curves([curve], None, {}, "beat")
    marked = draw_curves([curve], None, {"ED": 2}, "beat")
    changed = np.argwhere((np.asarray(without) != np.asarray(marked)).any(axis=-1))
    peak = places(marked, RED)
    peak = peak[peak[:, 0] <= peak[:, 0].min() + 2]

    assert np.median(changed[:, 1]) == pytest.approx(np.median(peak[:, 1]), abs=1)


@pytest.mark.parametrize("volumes", [[0.0, 0.0], [1e-3, 2e-3], [400.0, 0.0], [7.0, 7.0], [7.0, None]])
@pytest.mark.parametrize("times", [None, (0.0, 500.0), (0.0, 1.0)])
def test_every_range_of_volumes_and_times_can_be_drawn(volumes, times):
    picture = draw_curves([Curve("a", RED, volumes)], times, {"ED": 0, "ES": 1}, "beat " * 99, "x")

    assert picture.size == (960, 560) and picture.mode == "RGB"
    assert len(places(picture, RED)) > 15


def test_a_frame_without_a_volume_is_a_gap():
    picture = draw_curves([Curve("a", RED, [50, 50, None, 50, 50])], None, {}, "beat")
    columns = np.unique(places(picture, RED)[:, 1])
    whole = np.unique(places(draw_curves([Curve("a", RED, [50] * 5)], None, {}, "beat"), RED)[:, 1])

    assert len(whole) == np.ptp(whole) + 1  # one line
    assert len(columns) == pytest.approx(len(whole) / 2, abs=12)  # a dot is 7 wide


def test_names_stand_in_the_legend():
    named = draw_curves([Curve("Left ventricle", RED, [1, 2])], None, {}, "beat")
    other = draw_curves([Curve("Right ventricle", RED, [1, 2])], None, {}, "beat")

    changed = np.argwhere((np.asarray(named) != np.asarray(other)).any(axis=-1))
    assert len(changed) and (changed[:, 0] > 500).all()
