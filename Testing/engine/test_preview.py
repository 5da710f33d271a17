"""The preview made in steps equals the one made at once, bit for bit, and steps are short."""

import subprocess
import sys
import time

import numpy as np
import pytest

from DINSegmentLib.engine.percentile import percentile_steps
from DINSegmentLib.engine.preprocessing import normalization, preprocess_volume
from DINSegmentLib.engine.preview import Preview
from DINSegmentLib.errors import InputError
from DINSegmentLib.geometry import Geometry
from DINSegmentLib.model import Axes, Enhancement, Intensity
from DINSegmentLib.model.enhancement import METHODS

STACK, FIXED = Axes("stack", "PI", "L"), Axes("S", "L", "A")
PERCENTILE, WINDOW = Intensity("percentile", 99.0), Intensity("window", 275.0, -125.0)
GRID = np.array([[0.1, -0.9, 0.1, 5], [1.1, 0.1, -0.2, 6], [0.1, 0.2, 4.0, 7], [0, 0, 0, 1]])
DTYPES = ("u1", "i2", "u2", "i4", "i8", "f2", "f4", "f8", ">i2", ">f4")


def noise(shape=(7, 33, 37), dtype="i2", seed=0) -> np.ndarray:
    values = np.random.default_rng(seed).gamma(1.5, 60, shape)
    signed = np.dtype(dtype).kind != "u"
    return np.clip(values - 80 * signed, -200 * signed, 255).astype(dtype)


def finish(preview: Preview, seconds: float = 0.0) -> int:
    """The number of turns until all is done."""
    turns = 1
    while preview.step(seconds):
        turns += 1
    return turns


def drain(steps):
    """What a generator returns, and how often it yields."""
    pieces = 0
    while True:
        try:
            next(steps)
        except StopIteration as finished:
            return finished.value, pieces
        pieces += 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1, 7), (2, 1, 1), (7, 33, 41), (3, 300, 301)])
@pytest.mark.parametrize("percent", [0, 0.1, 37.3, 50, 99, 99.5])
def test_a_percentile_in_pieces_is_numpys_bit_for_bit(dtype, shape, percent):
    values = noise(shape, dtype)
    found, _ = drain(percentile_steps(values, (0, percent, 100)))

    assert found == [values.min(), np.percentile(values, percent), values.max()]


@pytest.mark.parametrize("dtype", ["i2", "f4"])
def test_a_percentile_of_a_view_is_that_of_its_copy(dtype):
    values = noise((20, 31, 44), dtype).transpose(2, 0, 1)[::-2, :, ::-1]

    assert drain(percentile_steps(values, [99]))[0] == np.percentile(values.copy(), 99)


def test_a_percentile_between_values_of_either_end_of_a_type_does_not_overflow():
    values = np.array([[[-32768, 32767]]], np.int16)

    assert drain(percentile_steps(values, (0, 50, 100)))[0] == [-32768, -0.5, 32767]


def test_the_constants_of_a_large_volume_come_in_many_pieces():
    _, pieces = drain(percentile_steps(noise((12, 512, 512)), [99]))

    assert pieces == 12


@pytest.mark.parametrize("axes", [STACK, FIXED], ids=["stack", "fixed"])
@pytest.mark.parametrize("intensity", [PERCENTILE, WINDOW], ids=["percentile", "window"])
@pytest.mark.parametrize(
    ("method", "strength"),
    [("log", 1.0), ("gamma", 1.3), ("fuzzy", 0.8), ("clahe", 0.7), ("denoised", 2.0), ("none", 1.0)],
)
@pytest.mark.parametrize("first", [None, (0, 6), (1, 20), (2, 0)])
def test_what_is_made_in_turns_is_what_is_made_at_once_bit_for_bit(axes, intensity, method, strength, first):
    volume = noise()
    geometry = Geometry(volume.shape, GRID)
    preview = Preview(volume, geometry, axes, intensity)
    preview.choose(Enhancement(method, strength), first)
    assert finish(preview) >= len(volume)

    expected = preprocess_volume(volume, geometry, axes, intensity, Enhancement(method, strength))[1]
    assert preview.enhanced.dtype == np.float32 and preview.enhanced.flags.c_contiguous
    assert np.array_equal(preview.enhanced, expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("method", "strength"), [("log", 2.0), ("log", 0.3), ("gamma", 0.1), ("gamma", 2.0)])
@pytest.mark.parametrize("shape", [(2, 5, 3), (3, 31, 65), (5, 64, 127)])
def test_odd_sizes_types_and_views_make_no_difference(dtype, method, strength, shape):
    whole = noise((2 * shape[0], shape[2], 2 * shape[1]), dtype)
    view = whole[::2, ::-1, ::2].swapaxes(1, 2)  # strides of either sign, no axis contiguous
    geometry = Geometry(view.shape, GRID)
    for volume in (view, view.copy()):
        for first in ((0, 1), (1, 1), (2, 2)):
            preview = Preview(volume, geometry, FIXED, PERCENTILE)
            preview.choose(Enhancement(method, strength), first)
            finish(preview)
            expected = preprocess_volume(volume, geometry, FIXED, PERCENTILE, Enhancement(method, strength))[1]
            assert np.array_equal(preview.enhanced, expected)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_slice_in_view_is_made_first(axis):
    volume = noise((40, 33, 37))
    geometry = Geometry(volume.shape, GRID)
    preview = Preview(volume, geometry, FIXED, WINDOW)
    preview.choose(Enhancement("log", 1.0), (axis, 21))
    assert not preview.now(axis, 21)
    preview.step(0)

    assert preview.now(axis, 21) and not preview.now(axis, 3)
    expected = preprocess_volume(volume, geometry, FIXED, WINDOW, Enhancement("log", 1.0))[1]
    assert np.array_equal(preview.enhanced.take(21, axis), expected.take(21, axis))
    finish(preview)
    assert all(preview.now(along, 3) for along in range(3))


def test_the_slices_beside_the_one_in_view_come_next():
    preview = Preview(noise((40, 33, 37)), Geometry((40, 33, 37), GRID), FIXED, WINDOW)
    preview.choose(Enhancement("gamma", 1.0), (0, 21))
    for _ in range(5):
        preview.step(0)

    assert [k for k in range(40) if preview.now(0, k)] == [19, 20, 21, 22, 23]


def test_a_local_method_makes_the_models_slice_in_view_first_and_others_when_all_is_done():
    volume = noise((6, 20, 9))
    matrix = GRID[:, [2, 0, 1, 3]]  # the model's slices are the stored array's sagittal ones: they lie along I
    preview = Preview(volume, Geometry(volume.shape, matrix), FIXED, WINDOW)
    preview.choose(Enhancement("clahe", 1.0), (2, 5))
    while not preview.now(2, 5):
        assert preview.step(0)  # a piece a turn
    expected = preprocess_volume(volume, Geometry(volume.shape, matrix), FIXED, WINDOW, Enhancement("clahe", 1.0))[1]
    assert np.array_equal(preview.enhanced[..., 5], expected[..., 5])
    assert not preview.now(0, 3) and not preview.now(2, 0)

    preview.choose(Enhancement("clahe", 1.0), (0, 3))
    while preview.step(0.01):
        pass
    assert preview.now(0, 3)


def test_another_choice_in_mid_work_starts_over_and_keeps_the_constants(monkeypatch):
    from DINSegmentLib.engine import preprocessing

    passes = []
    steps = preprocessing.percentile_steps
    monkeypatch.setattr(preprocessing, "percentile_steps", lambda *given: passes.append(given) or steps(*given))
    volume = noise((30, 200, 210))
    geometry = Geometry(volume.shape, GRID)
    preview = Preview(volume, geometry, FIXED, PERCENTILE)
    for method, strength in (("log", 1.0), ("gamma", 0.4), ("clahe", 1.0), ("log", 0.5)):  # the first: no constants yet
        preview.choose(Enhancement(method, strength), (1, 4))
        for _ in range(4):
            preview.step(0)
    assert preview.now(1, 4)
    finish(preview)

    assert len(passes) == 1
    assert np.array_equal(
        preview.enhanced, preprocess_volume(volume, geometry, FIXED, PERCENTILE, Enhancement("log", 0.5))[1]
    )


def test_the_result_goes_into_the_array_that_was_given():
    volume = noise()
    out = np.full(volume.shape, np.nan, np.float32)
    preview = Preview(volume, Geometry(volume.shape, GRID), FIXED, PERCENTILE, out)
    preview.choose(Enhancement("log", 1.0))
    finish(preview)

    assert preview.enhanced is out
    assert np.array_equal(
        out, preprocess_volume(volume, Geometry(volume.shape, GRID), FIXED, PERCENTILE, Enhancement("log", 1))[1]
    )


@pytest.mark.parametrize("out", [np.empty((7, 33, 36), np.float32), np.empty((7, 33, 37), np.float64)])
def test_an_array_of_another_shape_or_type_is_refused(out):
    with pytest.raises(ValueError, match=r"not float32 \(7, 33, 37\)"):
        Preview(noise(), Geometry((7, 33, 37), GRID), FIXED, PERCENTILE, out)


@pytest.mark.parametrize("volume", [np.zeros((3, 4, 5)), np.full((3, 4, 5), np.nan), np.arange(60.0).reshape(3, 1, 20)])
def test_a_volume_that_cannot_be_segmented_is_refused(volume):
    with pytest.raises(InputError):
        Preview(volume, Geometry(volume.shape, GRID), FIXED, PERCENTILE)


def test_before_a_choice_there_is_nothing_to_do():
    preview = Preview(noise(), Geometry((7, 33, 37), GRID), FIXED, WINDOW)

    assert not preview.step(0.01) and not preview.now(0, 0)


@pytest.mark.parametrize("method", METHODS)
def test_turns_on_slices_of_512_x_512_are_short(method):
    volume = np.tile(noise((10, 64, 64)), (1, 8, 8))
    preview = Preview(volume, Geometry(volume.shape, GRID), FIXED, PERCENTILE)
    turns = []
    for _ in range(5):
        preview.choose(Enhancement(method, 1.3), (1, 200))
        more = True
        while more:
            started = time.perf_counter()
            more = preview.step(0.005)
            turns.append(time.perf_counter() - started)

    assert np.median(turns) < 0.045  # 0.006 to 0.02 s alone on the machine


def test_a_turn_ends_before_a_piece_that_would_make_it_too_long(monkeypatch):
    clock = iter(range(0, 1000, 20))  # ms: each reading of the clock is 20 ms after the previous one
    monkeypatch.setattr("DINSegmentLib.engine.preview.time.perf_counter", lambda: next(clock) / 1000)
    preview = Preview(noise((9, 20, 20)), Geometry((9, 20, 20), GRID), FIXED, WINDOW)
    preview.choose(Enhancement("clahe", 1.0), (0, 4))

    assert preview.step(0.03) and sum(preview.now(0, k) for k in range(9)) == 1  # a second one would end at 40 ms
    assert preview.step(0.065) and sum(preview.now(0, k) for k in range(9)) == 4


def test_the_constants_of_a_volume_are_its_minimum_and_numpys_percentile():
    volume = noise((9, 40, 40), "f4")
    normalize = normalization(volume, PERCENTILE)

    assert (normalize.low, normalize.high) == (float(volume.min()), float(np.percentile(volume, 99.0)))


def test_previews_and_advice_need_no_torch(repository):
    code = (
        "import sys; import DINSegmentLib.engine.preview, DINSegmentLib.checks.fit, DINSegmentLib.measure.volumes; "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=repository, check=True)
