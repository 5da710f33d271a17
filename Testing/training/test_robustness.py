"""Scores on degraded images: rows, means, table and picture."""

import csv
import math

import numpy as np
import pytest

from DINSegmentLib.geometry import Geometry
from DINSegmentLib.model import Model, find_model
from DINSegmentLib.training import robustness
from DINSegmentLib.training.cases import Case
from DINSegmentLib.training.degradation import CLEAN, LEVELS, conditions
from DINSegmentLib.training.evaluate import evaluate

SHAPE = (3, 20, 20)


@pytest.fixture(scope="module")
def heart() -> Model:
    return find_model("cardiac-mr")


def case(name: str, wall: bool = True) -> Case:
    label = np.zeros(SHAPE, np.uint8)
    label[:, 2:8, 2:12] = 1
    label[:, 12:18, 2:8] = 2 if wall else 0
    label[:, 12:18, 12:18] = 3
    return Case(name, label.astype(np.float32) / 3, label, Geometry(SHAPE, np.diag([-1.5, -1.5, 10, 1])))


@pytest.fixture(scope="module")
def seen(heart):
    """Two cases, segmented by rounding gray values; how often that was done."""
    calls = []

    def segment(image, _):
        calls.append(image)
        return np.rint(image * 3).clip(0, 3).astype(np.uint8)

    watched = robustness.Robustness(heart, segment)
    evaluate(segment, [case("b"), case("a", wall=False)], heart.labels, seen=[watched.add])
    return watched.rows, calls


def test_rows_follow_condition_case_and_structure(seen, heart):
    rows, calls = seen
    assert [(row.kind, row.level, row.case, row.value) for row in rows] == [
        (*condition, name, label.value) for condition in conditions() for name in ("b", "a") for label in heart.labels
    ]
    assert len(calls) == 2 * len(list(conditions()))  # the clean image once
    assert all(row.dice == 1.0 or row.outcome == "absent" for row in rows if row.kind == "clean")


def test_worse_pictures_score_worse(seen):
    overall = {(one.kind, one.level): one for one in robustness.means(seen[0]) if one.structure == "overall"}
    assert list(overall) == list(conditions())
    assert overall[CLEAN].dice == 1.0
    assert overall["blur", 3].dice < overall["blur", 1].dice
    assert overall["contrast", 3].dice == 1.0  # it keeps the order of the four gray values, which rounding finds again
    assert overall["noise", 1].dice > overall["noise", 2].dice > overall["noise", 3].dice


def test_means_leave_out_absent_structures_and_weigh_structures_alike(seen):
    found = robustness.means(seen[0])
    clean = [one for one in found if one.kind == "clean"]
    assert [one.structure for one in clean][-1] == "overall"
    assert clean[1].dice == 1.0  # absent in one of two cases
    for kind, level in conditions():
        *structures, overall = (one for one in found if (one.kind, one.level) == (kind, level))
        assert overall.dice == pytest.approx(np.mean([one.dice for one in structures]))
        assert overall.nsd_voxel == pytest.approx(np.mean([one.nsd_voxel for one in structures]))


def test_csv_has_a_line_for_each_row_and_no_nan(seen):
    text = robustness.csv_text(seen[0])
    lines = list(csv.DictReader(text.splitlines()))
    assert len(lines) == len(seen[0])
    absent = next(n for n, row in enumerate(seen[0]) if math.isnan(row.dice))
    assert (lines[absent]["outcome"], lines[absent]["dice"], lines[absent]["nsd_voxel"]) == ("absent", "", "")
    assert "nan" not in text


def test_the_table_has_a_line_for_each_condition_with_dice_and_surface_dice(seen, heart):
    table, footer = robustness.format_table(seen[0]).split("\n\n")
    head, *lines = table.splitlines()
    worse = [f"{kind} {level}" for kind, level in conditions() if kind != "clean"]
    assert [line.split("  ")[0].split(" (")[0] for line in lines] == ["clean", *worse]
    assert all(label.name in head for label in heart.labels) and head.endswith("overall")
    assert lines[0].endswith("1.000 / 1.000")
    assert len({len(line) for line in table.splitlines()}) == 1
    assert "surface Dice (1 voxel)" in footer


def test_json_has_levels_and_means(seen):
    content = robustness.json_content(seen[0])
    assert content["levels"] == LEVELS
    assert content["means"][0].keys() == {"kind", "level", "structure", "dice", "nsd_voxel"}


def test_the_picture_is_a_png_with_a_line_in_each_color(seen, heart, tmp_path):
    from PIL import Image

    (tmp_path / "robustness.png").write_bytes(robustness.picture(seen[0], heart))
    pixels = np.asarray(Image.open(tmp_path / "robustness.png").convert("RGB")).astype(int)
    for label in heart.labels:
        assert (np.abs(pixels - label.color).max(axis=-1) < 10).sum() > 100
