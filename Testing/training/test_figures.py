"""Claims about the pictures of an evaluation: which cases they show, upright, and with the structures' colours."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from DINSegmentLib.geometry import Geometry
from DINSegmentLib.model import Model, find_model
from DINSegmentLib.training.cases import Case
from DINSegmentLib.training.evaluate import evaluate
from DINSegmentLib.training.figures import WorstCases, boxplots

SHAPE = (6, 40, 30)
GEOMETRY = Geometry(SHAPE, np.diag([-1.5, -1.5, 10.0, 1.0]))  # rows to the back, columns to the left
TURNED = Geometry(SHAPE, np.diag([1.5, 1.5, -10.0, 1.0]))  # the same patient stored from the other end of every axis


@pytest.fixture(scope="module")
def heart() -> Model:
    """The cardiac model with colours that nothing else in a picture has."""
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
    assert worst.picture().startswith(b"\x89PNG")
    looked_at(worst, {"a": 1}, heart)
    assert worst.names == ("a",)


def test_the_worst_picture_draws_the_prediction_in_its_colour_and_the_truth_dashed_white(heart, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "DINSegmentLib.training.figures._contour", lambda axes, mask, color, style, width: drawn.append((color, style))
    )
    worst = WorstCases(heart)
    looked_at(worst, {"a": 2}, heart)
    without = worst.picture()
    assert {style for color, style in drawn if color == (1, 1, 1)} == {(0, (3, 3))}
    assert {style for color, style in drawn if color != (1, 1, 1)} == {"solid"}
    monkeypatch.undo()
    picture = worst.picture()
    for label in heart.labels:  # the legend alone has the colour too, but fewer pixels of it
        near = [(np.abs(pixels(data) - label.color).max(axis=1) < 40).sum() for data in (picture, without)]
        assert near[0] > near[1] + 100


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
        found.append(worst._found[0])
    assert [panel.number for panel in found[0].panels] == [2, 3, 4, 5]
    assert [panel.number for panel in found[1].panels] == [2, 3, 4, 5]  # 7 minus these, sorted again
    for straight, back in zip(found[0].panels, reversed(found[1].panels), strict=True):
        assert np.array_equal(straight.truth, back.truth)
        assert np.array_equal(straight.prediction, back.prediction)


def test_a_pixel_is_as_high_as_its_spacing_says(heart):
    worst = WorstCases(heart)
    tall = Geometry(SHAPE, np.diag([-1.0, -2.0, 10.0, 1.0]))
    evaluate(shifted_image, [replace(case("a"), geometry=tall)], heart.labels, seen=[worst.add])
    assert worst._found[0].aspect == pytest.approx(2.0)


def test_the_boxplots_show_every_case_in_the_colour_of_its_structure(heart):
    report = looked_at(WorstCases(heart), {f"s{n}": n % 4 for n in range(9)}, heart)
    picture = boxplots(report, heart.labels)
    assert picture.startswith(b"\x89PNG")
    assert all(has(picture, label.color) for label in heart.labels)


def shifted_image(image, _):
    return np.roll(np.rint(image * 4).astype(np.uint8), 1, axis=1)
