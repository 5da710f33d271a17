"""Figures of an evaluation: the right cases, upright, in the structures' colors."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from DINSegmentLib.geometry import Geometry
from DINSegmentLib.model import Model, find_model
from DINSegmentLib.pictures.thumbnails import TILE
from DINSegmentLib.training import figures
from DINSegmentLib.training.cases import Case
from DINSegmentLib.training.evaluate import evaluate
from DINSegmentLib.training.figures import WorstCases, boxplots

SHAPE = (6, 40, 30)
GEOMETRY = Geometry(SHAPE, np.diag([-1.5, -1.5, 10.0, 1.0]))  # rows to the back, columns to the left
RAMP = np.linspace(0, 1, 7200, dtype=np.float32).reshape(SHAPE)
TURNED = Geometry(SHAPE, np.diag([1.5, 1.5, -10.0, 1.0]))  # the same patient stored from the other end of every axis


@pytest.fixture(scope="module")
def heart() -> Model:
    """The cardiac model with colors that nothing else in a picture has."""
    model = find_model("cardiac-mr")
    colors = ((255, 0, 255), (0, 255, 0), (0, 255, 255))
    return replace(model, labels=tuple(replace(a, color=b) for a, b in zip(model.labels, colors, strict=True)))


def case(name: str) -> Case:
    label = np.zeros(SHAPE, np.uint8)
    label[1:5, 8:16, 6:14] = 1
    label[1:5, 22:30, 6:14] = 2
    label[1:5, 22:30, 18:26] = 3
    return Case(name, label.astype(np.float32) / 4, label, GEOMETRY)


def shifted(steps: int):
    """Segmentation that is off by so many rows."""
    return lambda truth: np.roll(truth, steps, axis=1)


def looked_at(worst: WorstCases, errors: dict[str, int], model: Model):
    truths = {name: case(name) for name in errors}
    order = iter(errors.items())

    def segment(image, _):
        name, steps = next(order)
        return shifted(steps)(truths[name].label)

    return evaluate(segment, truths.values(), model.labels, seen=[worst.add])


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).reshape(-1, 3).astype(int)


def has(data: bytes, color: tuple[int, int, int]) -> bool:
    return bool((np.abs(pixels(data) - color).max(axis=1) < 40).sum() > 30)


def test_the_three_cases_of_lowest_dice_are_kept_the_worst_first(heart):
    worst = WorstCases(heart)
    looked_at(worst, {"a": 2, "b": 0, "c": 4, "d": 1, "e": 3}, heart)
    assert worst.names == ("c", "e", "a")


def test_fewer_cases_than_three_and_one_without_any_value(heart):
    worst = WorstCases(heart)
    empty = Case("empty", np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.uint8), GEOMETRY)
    evaluate(lambda image, _: np.zeros(SHAPE, np.uint8), [empty], heart.labels, seen=[worst.add])
    assert worst.names == ()
    picture = np.asarray(Image.open(io.BytesIO(worst.picture())))
    assert not picture[40 : 20 + TILE, 20:TILE].any()  # a black tile, and a legend
    looked_at(worst, {"a": 1}, heart)
    assert worst.names == ("a",)


def test_the_worst_picture_draws_the_prediction_in_its_color_and_the_truth_dashed_white(heart, monkeypatch):
    found = []
    for without in (False, True):
        if without:
            monkeypatch.setattr(figures, "outlined", lambda picture, truth: picture)
        worst = WorstCases(heart)
        looked_at(worst, {"a": 2}, heart)
        found.append([np.asarray(tile).astype(int) for tile in worst._found[0].pictures.values()])
    assert np.asarray(Image.open(io.BytesIO(worst.picture()))).shape[1] > 4 * TILE

    side = TILE / 33  # pixels of a voxel: the structures reach over 22 rows and get a quarter around on either side
    for tile, plain in zip(*found, strict=True):
        for label in heart.labels:
            assert (np.abs(plain - label.color).max(axis=2) < 40).sum() > 8 * side
        line = np.abs(tile - plain).max(axis=2) > 100
        assert (tile[line] >= plain[line]).all()  # white
        around = 3 * 4 * 8 * side * 1.7  # three squares of 8 voxels, by the width of the line
        assert 0.25 < line.sum() / around < 0.75  # gaps are as long as dashes


def test_slices_are_those_of_most_disagreement_upright_and_numbered_as_in_the_file(heart):
    truth = case("a")
    prediction = truth.label.copy()
    for slice_, rows in ((1, 1), (2, 4), (3, 3), (4, 2)):
        prediction[slice_, 8 : 8 + rows, 6:14] = 0
    prediction[0, 0, 0] = 1
    turned = [np.ascontiguousarray(array[::-1, ::-1, ::-1]) for array in (truth.image, truth.label, prediction)]
    found = []
    for case_, labels in ((truth, prediction), (Case("a", *turned[:2], TURNED), turned[2])):
        worst = WorstCases(heart)
        evaluate(lambda *_, labels=labels: labels, [case_], heart.labels, seen=[worst.add])
        found.append(worst._found[0].pictures)
    assert list(found[0]) == [2, 3, 4, 5]
    assert list(found[1]) == [2, 3, 4, 5]  # 7 minus these, sorted again
    for number in found[0]:
        straight, back = (np.asarray(one)[20:] for one in (found[0][number], found[1][7 - number]))  # below the number
        assert np.abs(straight.astype(int) - back).max() <= 1
    rows = [
        (np.asarray(found[0][number])[..., 1] == 0).sum() for number in (3, 2)
    ]  # magenta: what is left of the first
    assert rows[0] != rows[1]


def test_a_pixel_is_as_high_as_its_spacing_says(heart):
    heights = []
    for tall in (1.0, 2.0):
        worst = WorstCases(heart)
        geometry = Geometry(SHAPE, np.diag([-1.0, -tall, 10.0, 1.0]))
        whole = replace(case("a"), geometry=geometry, label=np.ones(SHAPE, np.uint8), image=RAMP)
        evaluate(lambda *_: np.zeros(SHAPE, np.uint8) + 1, [whole], heart.labels, seen=[worst.add])
        tile = np.asarray(next(iter(worst._found[0].pictures.values())))
        drawn = tile.any(axis=2)
        heights.append(drawn[:, TILE // 2].sum() / drawn[TILE // 2].sum())
    assert heights == pytest.approx([40 / 30, 2 * 40 / 30], rel=0.02)


def test_the_boxplots_show_every_case_in_the_color_of_its_structure(heart):
    report = looked_at(WorstCases(heart), {f"s{n}": n % 4 for n in range(9)}, heart)
    picture = boxplots(report, heart.labels)
    assert Image.open(io.BytesIO(picture)).size == (1200, round(120 * (1.6 + 0.45 * 3)))
    assert all(has(picture, label.color) for label in heart.labels)


def shifted_image(image, _):
    return np.roll(np.rint(image * 4).astype(np.uint8), 1, axis=1)
