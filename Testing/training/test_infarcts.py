"""Agreement of infarcts by hand: Dice of wall and infarct, volumes, and patients without infarct."""

import csv
import io
import math

import numpy as np
import pytest

from DINSegmentLib.geometry import Geometry
from DINSegmentLib.model import find_model, read_manifest
from DINSegmentLib.training.cases import Case
from DINSegmentLib.training.infarcts import Infarcts, csv_text, format_table

GEOMETRY = Geometry((2, 4, 10), np.diag([-1.0, -1.0, 10.0, 1.0]))  # 0.01 ml a voxel


@pytest.fixture
def found(repository):
    """A case whose infarct of 10 is found as 6 in another class, and two without one, of which one shows 4 voxels."""
    found = Infarcts(read_manifest(repository / "Resources" / "Models" / "CardiacLGE"))
    for name, truth, ours in (
        ("P1", [2] * 10 + [3] * 6 + [4] * 4, [2] * 14 + [4] * 6),
        ("N1", [2] * 20, [2] * 16 + [3] * 4),
        ("N2", [2] * 20, [2] * 20),
    ):
        label, prediction = (np.array(values + [0] * 60, np.uint8).reshape(GEOMETRY.shape) for values in (truth, ours))
        found.add(Case(name, label.astype(np.float32), label, GEOMETRY, name, nominal=True), prediction, [])
    return found


def test_dice_is_of_infarct_and_no_reflow_together_and_of_the_whole_wall(found):
    one = found.cases[0]
    assert one.wall_dice == 1 and one.infarct_dice == pytest.approx(2 * 6 / (10 + 6))
    assert (one.infarct_ml_truth, one.infarct_ml) == pytest.approx((0.10, 0.06))
    assert (one.share_truth, one.share) == pytest.approx((50, 30))
    assert found.cases[1].infarct_dice == 0 and math.isnan(found.cases[2].infarct_dice)


def test_the_summary_parts_those_with_an_infarct_from_those_without(found):
    assert found.summary == pytest.approx(
        {
            "wall_dice": 1, "infarct_dice": 0.375, "infarct_dice_where_there_is_one": 0.75, "bias_ml": -0.04,
            "bias_share_points": -20, "median_ml_without_infarct": 0.02,
        }
    )  # fmt: skip
    text = format_table(found)
    assert "milliliters are nominal" in text and "-20.0" in text
    rows = list(csv.DictReader(io.StringIO(csv_text(found.cases))))
    assert rows[2]["infarct_dice"] == "" and rows[0]["case"] == "P1"


def test_a_model_without_an_infarct_leaves_it_empty():
    empty = Infarcts(find_model("cardiac-mr"))
    label = np.zeros(GEOMETRY.shape, np.uint8)
    empty.add(Case("x", label.astype(np.float32), label, GEOMETRY), label, [])
    assert empty.cases == [] and all(math.isnan(value) for value in empty.summary.values())
