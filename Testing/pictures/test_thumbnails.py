"""A case's strip, checked by its pixels."""

from itertools import permutations

import numpy as np
import pytest
from PIL import Image

from DINSegmentLib.batch.steps import save_picture
from DINSegmentLib.geometry import Geometry
from DINSegmentLib.pictures.thumbnails import GAP, TILE, places_in, strip

RED, GREEN = (255, 0, 0), (0, 255, 0)


def lps(shape, spacing=(1.0, 1.0, 3.0)):
    """Columns to the patient's left, rows to the back, slices upward."""
    return Geometry(shape, np.diag([-spacing[0], -spacing[1], spacing[2], 1.0]))


def extent(pixels, color):
    """Height and width in pixels of what has a color."""
    rows, columns = np.nonzero((pixels == color).all(axis=-1))
    return np.ptp(rows) + 1, np.ptp(columns) + 1


def tiles(picture):
    pixels = np.asarray(picture)
    return [pixels[:, start : start + TILE] for start in range(0, pixels.shape[1], TILE + GAP)]


@pytest.mark.parametrize(("slices", "shown"), [(1, 1), (8, 8), (30, 8)])
def test_a_strip_has_at_most_eight_squares(model, slices, shown):
    labels = np.ones((slices, 10, 20), np.uint8)

    picture = strip(labels * np.float32(0.5), labels, lps(labels.shape), model)

    assert picture.size == (shown * TILE + (shown - 1) * GAP, TILE)


def test_slices_lie_evenly_through_the_labeled_extent(model):
    labels = np.zeros((40, 20, 20), np.uint8)
    labels[10:26, 5:15, 5:15] = 1  # 16 slices: every other one, of which each k is as bright as k / 40
    volume = np.broadcast_to(np.arange(40, dtype=np.float32)[:, None, None] / 40, labels.shape).copy()

    found = [tile[2, 2, 0] for tile in tiles(strip(volume, labels, lps(labels.shape), model))]

    assert found == [round(k / 40 * 255) for k in range(11, 26, 2)]


def test_a_square_in_millimeters_is_a_square_in_the_picture(model):
    labels = np.zeros((1, 40, 200), np.uint8)
    labels[0, 15:25, 80:120] = 1  # 10 rows of 4 mm, 40 columns of 1 mm

    (tile,) = tiles(strip(labels * np.float32(0), labels, lps(labels.shape, (1.0, 4.0, 3.0)), model))

    height, width = extent(tile, RED)
    assert abs(height - width) <= 2
    # with a quarter of 40 mm on either side the field has 60 mm, that is 15 rows, and 16 when none is cut
    assert height == pytest.approx(TILE * 40 / 64, abs=2)


def test_where_the_volume_ends_the_square_is_black(model):
    labels = np.ones((1, 10, 40), np.uint8)

    (tile,) = tiles(strip(np.ones(labels.shape, np.float32), labels, lps(labels.shape), model))

    assert not tile[: TILE // 2 - 30].any() and not tile[TILE // 2 + 30 :].any()
    assert tile[TILE // 2].any()


def test_a_volume_without_a_structure_is_shown_whole(model):
    volume = np.full((3, 30, 30), 0.5, np.float32)

    found = tiles(strip(volume, np.zeros(volume.shape, np.uint8), lps(volume.shape), model))

    assert len(found) == 3 and all((tile == 128).all() for tile in found)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_strip_is_the_same_whatever_axis_comes_first(model, order):
    rng = np.random.default_rng(0)
    volume = rng.random((3, 20, 30)).astype(np.float32)
    labels = np.zeros(volume.shape, np.uint8)
    labels[1:, 3:9, 5:25] = 1
    labels[1, 12:15, 3:9] = 2
    matrix = lps(volume.shape).ijk_to_ras
    wanted = strip(volume, labels, lps(volume.shape), model)

    matrix[:, :3] = matrix[:, [2 - axis for axis in order[::-1]]]
    stored = volume.transpose(order)

    assert strip(stored, labels.transpose(order), Geometry(stored.shape, matrix), model).tobytes() == wanted.tobytes()


@pytest.mark.parametrize("flip", [False, True])
def test_slices_to_review_are_among_the_squares_and_a_saved_strip_says_which_it_shows(model, flip, tmp_path):
    labels = np.zeros((40, 20, 20), np.uint8)
    labels[10:26, 5:15, 5:15] = 1
    gray = np.arange(40, dtype=np.float32) / 40
    volume = np.broadcast_to(gray[:, None, None], labels.shape).copy()
    grid = lps(labels.shape, (1.0, 1.0, -3.0 if flip else 3.0))

    picture = strip(volume, labels, grid, model, review=[24, 3, 99])
    path = save_picture(picture, tmp_path, "case")

    places = places_in(path)
    assert places == sorted(places) and len(places) == 8 and {3, 24} <= set(places) and 99 not in places
    found = [int(tile[2, 2, 0]) for tile in tiles(picture)]
    assert found == pytest.approx([255 * gray[place] for place in places], abs=1)


def test_a_strip_of_another_program_says_nothing(tmp_path):
    assert places_in(tmp_path / "missing.jpg") == []
    Image.new("RGB", (8, 8)).save(tmp_path / "plain.jpg", comment=b"made by me")
    assert places_in(tmp_path / "plain.jpg") == []
