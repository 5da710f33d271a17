"""The picture of a run, checked by its pixels."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from PIL import Image

from DINSegmentLib.geometry import Geometry
from DINSegmentLib.pictures.overlay import overlay, positions
from DINSegmentLib.pictures.slices import choose_slices, draw_case

BACKGROUND = (17, 19, 23)
RED, GREEN = (255, 0, 0), (0, 255, 0)


def lps(shape, spacing=(1.0, 1.0, 3.0)):
    """Columns to the patient's left, rows to the back, slices upward."""
    return Geometry(shape, np.diag([-spacing[0], -spacing[1], spacing[2], 1.0]))


def stored_otherwise(array, geometry, order, flipped):
    """The same voxels in the world with other array axes."""
    matrix, shape = geometry.ijk_to_ras.copy(), array.shape
    for axis in range(3):
        if flipped[axis]:
            column = 2 - axis
            matrix[:3, 3] += matrix[:3, column] * (shape[axis] - 1)
            matrix[:3, column] *= -1
    array = array[tuple(slice(None, None, -1 if flip else 1) for flip in flipped)].transpose(order)
    matrix[:, :3] = matrix[:, [2 - axis for axis in order[::-1]]]
    return array, Geometry(array.shape, matrix)


def boxes(image, color):
    """Rows and columns of the pixels of one color in the last column of panels, the legend left out."""
    pixels = np.asarray(image)[: image.height - 80, image.width * 2 // 3 :]
    return np.nonzero((pixels == color).all(axis=-1))


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("flipped", [(False, False, False), (False, True, False), (False, True, True)])
def test_a_picture_is_the_same_however_the_volume_is_stored(model, order, flipped):
    rng = np.random.default_rng(0)
    volume = rng.random((3, 20, 30)).astype(np.float32)
    labels = np.zeros(volume.shape, np.uint8)
    labels[1:, 3:9, 5:25] = 1
    labels[1, 12:15, 3:9] = 2
    geometry = lps(volume.shape)
    wanted = draw_case(volume, volume, labels, geometry, model, "case")

    stored, stored_geometry = stored_otherwise(volume, geometry, order, flipped)
    stored_labels, _ = stored_otherwise(labels, geometry, order, flipped)

    assert draw_case(stored, stored, stored_labels, stored_geometry, model, "case").tobytes() == wanted.tobytes()


def test_anterior_is_up_and_the_right_side_of_the_patient_is_on_the_left(model):
    labels = np.zeros((2, 40, 40), np.uint8)
    labels[:, 2:12, 2:12] = 1  # rows run to the back, columns to the left: this is in front and to the right
    labels[:, 28:38, 28:38] = 2
    picture = draw_case(labels * 0.0, labels * 0.0, labels, lps(labels.shape), model, "case")

    (red_rows, red_columns), (green_rows, green_columns) = boxes(picture, RED), boxes(picture, GREEN)
    first = red_rows < red_rows.min() + 120  # of two rows of panels
    assert red_rows[first].max() < green_rows.min()
    assert red_columns.max() < green_columns.min()


def test_a_square_in_millimeters_is_a_square_in_the_picture(model):
    labels = np.zeros((1, 40, 200), np.uint8)
    labels[0, 10:30, 40:120] = 1  # 20 rows of 4 mm, 80 columns of 1 mm
    picture = draw_case(labels * 0.0, labels * 0.0, labels, lps(labels.shape, (1.0, 4.0, 8.0)), model, "case")

    rows, columns = boxes(picture, RED)
    assert np.ptp(rows) > 100
    assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=2)


@pytest.mark.parametrize("flipped", [(False,) * 3, (True, False, False)])
def test_rows_follow_the_order_of_the_file(model, flipped):
    volume = np.broadcast_to(np.linspace(0.1, 0.9, 5, dtype=np.float32)[:, None, None], (5, 30, 30))
    geometry = stored_otherwise(volume, lps(volume.shape), (0, 1, 2), flipped)[1]  # the array stays as it is

    picture = draw_case(volume, volume, np.zeros(volume.shape, np.uint8), geometry, model, "case")

    pixels = np.asarray(picture.convert("L"))[:, picture.width // 2].astype(int)
    shown = [round(0.1 * 255), *(round(part * 255) for part in (0.3, 0.5, 0.7, 0.9))]
    first_rows = [np.flatnonzero(abs(pixels - gray) <= 1)[20] for gray in shown]
    assert first_rows == sorted(first_rows)


def test_slices_are_spread_over_those_that_hold_a_label():
    labels = np.zeros((40, 2, 2), np.uint8)
    labels[10:20, 0, 0] = 1
    assert choose_slices(labels) == [11, 13, 15, 17, 19]


def test_every_slice_with_a_label_is_shown_when_there_are_at_most_five():
    labels = np.zeros((40, 2, 2), np.uint8)
    labels[[3, 17, 39], 0, 0] = 1
    assert choose_slices(labels) == [3, 17, 39]


def test_slices_are_spread_over_the_volume_when_nothing_was_found():
    assert choose_slices(np.zeros((10, 2, 2), np.uint8)) == [1, 3, 5, 7, 9]
    assert choose_slices(np.zeros((2, 2, 2), np.uint8)) == [0, 1]


def test_an_overlay_fills_with_thirty_percent_outlines_in_full_and_leaves_the_rest(model):
    plane, labels = np.full((30, 30), 0.4, np.float32), np.zeros((30, 30), np.uint8)
    labels[10:20, 10:20] = 1
    pixels = np.asarray(overlay(plane, labels, (300, 300), model.labels))

    assert pixels[20, 20].tolist() == [102, 102, 102]  # 0.4 * 255
    assert pixels[150, 150].tolist() == [148, 71, 71]  # 102 + 0.3 * (255 - 102), 102 * 0.7
    assert pixels[150, 100].tolist() == [255, 0, 0]
    assert np.abs(np.flatnonzero((pixels[150] == RED).all(axis=-1)) - 149.5).max() == pytest.approx(49.5, abs=1)


def test_the_number_of_a_large_structure_stands_inside_and_of_a_small_one_beside_it():
    labels = np.zeros((100, 100), np.uint8)
    labels[10:60, 10:40] = 1
    labels[80:84, 80:84] = 2
    found = positions(labels, (200, 200))

    x, y = found[1]
    assert abs(x - 50) <= 2 and 50 <= y <= 90  # deep inside: at least 30 pixels from each side, less the rounding
    x, y = found[2]
    assert x > 168 and abs(y - 164) < 16


def test_no_text_runs_over_the_margin(model):
    volume = np.zeros((2, 200, 12), np.float32)  # narrow panels
    long = replace(
        model, title="A long title " * 30, labels=tuple(replace(one, name=one.name * 80) for one in model.labels)
    )
    picture = draw_case(volume, volume, volume.astype(np.uint8), lps(volume.shape), long, "name_" * 90, "log " * 40)

    pixels = np.asarray(picture)
    assert (pixels[:, -20:] == BACKGROUND).all() and (pixels[:, :20] == BACKGROUND).all()
    assert (pixels[-10:] == BACKGROUND).all() and (pixels[:20] == BACKGROUND).all()
    for color in (RED, GREEN):  # every entry of the legend has found a line
        assert (pixels[-90:] == color).all(axis=-1).sum() > 100


def test_a_name_in_letters_that_the_font_lacks_is_drawn_in_those_that_it_has(model):
    volume = np.zeros((2, 30, 30), np.float32)

    def draw(title):
        return draw_case(volume, volume, volume.astype(np.uint8), lps(volume.shape), model, title).tobytes()

    assert draw("파일_Müller.nii") == draw("??_Muller.nii")


def test_the_legend_shows_every_structure_also_one_that_was_not_found(model):
    labels = np.zeros((2, 30, 30), np.uint8)
    labels[:, 5:9, 5:9] = 2
    picture = draw_case(labels * 0.0, labels * 0.0, labels, lps(labels.shape), model, "case")

    legend = np.asarray(picture)[-60:]
    for color in (RED, GREEN):
        assert (legend == color).all(axis=-1).sum() > 100


def test_inputs_are_only_read(model):
    volume, labels = np.full((3, 20, 20), 0.5, np.float32), np.ones((3, 20, 20), np.uint8)
    volume.flags.writeable = labels.flags.writeable = False
    assert isinstance(draw_case(volume, volume, labels, lps(labels.shape), model, "case"), Image.Image)
