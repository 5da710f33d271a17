"""Claims about the evaluation report, its files and its table."""

import csv
import json
import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest

from DINSegmentLib.errors import InputError, OutputError
from DINSegmentLib.geometry import Geometry
from DINSegmentLib.training.cases import Case, cases
from DINSegmentLib.training.evaluate import evaluate, format_table


class Structure(NamedTuple):
    value: int
    name: str


LABELS = (Structure(1, "cavity"), Structure(2, "wall"))
GEOMETRY = Geometry((4, 10, 10), np.diag([-1.0, -2.0, 5.0, 1.0]))


def case(name: str, cavity: int, wall: int) -> Case:
    """Case with a bar of `cavity` voxels of value 1 and one of `wall` voxels of value 2; the image equals the truth."""
    label = np.zeros(GEOMETRY.shape, np.uint8)
    label[1, 2, :cavity] = 1
    label[1, 6, :wall] = 2
    return Case(name, label.astype(np.float32), label, GEOMETRY)


def perfect(image: np.ndarray, _: Geometry) -> np.ndarray:
    return image.astype(np.uint8)


def half_cavity(image: np.ndarray, _: Geometry) -> np.ndarray:
    """Only the first two columns: a cavity bar of n voxels scores Dice 4 / (2 + n)."""
    found = image.astype(np.uint8)
    found[..., 2:][found[..., 2:] == 1] = 0
    return found


def test_a_perfect_segmentation_scores_one_everywhere():
    report = evaluate(perfect, [case("a", 4, 3), case("b", 6, 2)], LABELS)
    assert [(row.case, row.score.name, row.score.dice) for row in report.rows] == [
        ("a", "cavity", 1.0),
        ("a", "wall", 1.0),
        ("b", "cavity", 1.0),
        ("b", "wall", 1.0),
    ]
    assert report.overall.mean["dice"] == 1.0
    assert report.overall.spread["dice"] == 0.0


def test_mean_and_spread_are_over_cases_then_structures():
    report = evaluate(half_cavity, [case("a", 4, 3), case("b", 6, 3)], LABELS)
    cavity, wall = report.structures
    first, second = 4 / 6, 4 / 8  # Dice of the cavity, by hand
    assert cavity.mean["dice"] == pytest.approx((first + second) / 2)
    assert cavity.spread["dice"] == pytest.approx((first - second) / math.sqrt(2))  # sample SD of two values
    assert wall.mean["dice"] == 1.0
    assert report.overall.mean["dice"] == pytest.approx((cavity.mean["dice"] + 1) / 2)
    assert report.overall.spread["dice"] == pytest.approx((first - second) / 2 / math.sqrt(2))


def test_mean_of_structures_does_not_weigh_them_by_their_cases():
    # The wall is absent in two of three cases: mean over rows would be (2/3 * 3 + 1) / 4.
    report = evaluate(half_cavity, [case("a", 4, 0), case("b", 4, 0), case("c", 4, 3)], LABELS)
    assert report.overall.mean["dice"] == pytest.approx((4 / 6 + 1) / 2)
    assert report.structures[1].outcomes == {"scored": 1, "missed": 0, "spurious": 0, "absent": 2}


def test_a_missed_structure_lowers_dice_and_is_counted_beside_the_distances():
    def nothing_in_b(image, _):
        return image.astype(np.uint8) * np.uint8((image == 1).sum() != 6)

    report = evaluate(nothing_in_b, [case("a", 4, 3), case("b", 6, 3)], LABELS)
    cavity = report.structures[0]
    assert cavity.mean["dice"] == 0.5
    assert cavity.mean["hd95_mm"] == 0.0
    assert cavity.outcomes["missed"] == 1


def test_spacing_comes_from_the_geometry_in_its_own_order():
    def moved_along_j(image, _):
        return np.roll(image, 1, axis=1).astype(np.uint8)

    report = evaluate(moved_along_j, [case("a", 4, 3)], LABELS)
    assert report.overall.mean["hd95_mm"] == pytest.approx(2.0)
    assert report.overall.mean["hd95_voxels"] == pytest.approx(1.0)


def test_the_function_gets_the_image_and_the_geometry_of_the_case():
    seen = []

    def spy(image, geometry):
        seen.append((image, geometry))
        return perfect(image, geometry)

    one = case("a", 4, 3)
    evaluate(spy, [one], LABELS)
    assert seen[0][0] is one.image
    assert seen[0][1] is one.geometry


def test_files_hold_every_figure_and_no_nan(tmp_path):
    folder = tmp_path / "new" / "folder"
    report = evaluate(half_cavity, [case("a", 4, 0), case("b", 6, 3)], LABELS, folder, run={"model": "test"})
    with (folder / "evaluation.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["case"], row["structure"], row["outcome"]) for row in rows] == [
        ("a", "cavity", "scored"),
        ("a", "wall", "absent"),
        ("b", "cavity", "scored"),
        ("b", "wall", "scored"),
    ]
    assert float(rows[0]["dice"]) == report.rows[0].score.dice
    assert rows[1]["dice"] == ""

    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    content = json.loads((folder / "evaluation.json").read_text(), parse_constant=refuse)
    assert content["run"] == {"model": "test"}
    assert content["overall"]["mean"]["dice"] == report.overall.mean["dice"]
    assert content["rows"][1]["dice"] is None
    assert content["tolerance_mm"] == 2.0
    assert any("Empty in truth" in rule for rule in content["rules"])
    assert sorted(path.name for path in folder.iterdir()) == ["evaluation.csv", "evaluation.json"]


def test_a_failed_evaluation_leaves_earlier_files_as_they_were(tmp_path):
    evaluate(perfect, [case("a", 4, 3)], LABELS, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def fails_on_the_second(image, geometry):
        if (image == 1).sum() == 6:
            raise KeyboardInterrupt
        return half_cavity(image, geometry)

    with pytest.raises(KeyboardInterrupt):
        evaluate(fails_on_the_second, [case("a", 4, 3), case("b", 6, 3)], LABELS, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_an_output_that_cannot_be_a_folder_is_refused_before_any_work(tmp_path):
    (tmp_path / "taken").touch()

    def never(image, geometry):
        raise AssertionError("work was done")

    with pytest.raises(OutputError, match="taken cannot be made"):
        evaluate(never, [case("a", 4, 3)], LABELS, tmp_path / "taken")


def test_progress_names_each_case_after_it_is_scored():
    told = []
    evaluate(perfect, [case("a", 4, 3), case("b", 6, 3)], LABELS, progress=lambda *args: told.append(args))
    assert told == [(1, "a"), (2, "b")]


def test_no_case_is_an_error():
    with pytest.raises(InputError, match="no case to evaluate"):
        evaluate(perfect, [], LABELS)


def test_a_truth_with_labels_that_the_model_does_not_know_is_refused():
    with pytest.raises(InputError, match="truth of a has label 2"):
        evaluate(perfect, [case("a", 4, 3)], LABELS[:1])


def test_the_table_is_aligned_and_shows_every_case_when_they_are_few():
    few = format_table(evaluate(half_cavity, [case("a", 4, 0), case("b", 6, 3)], LABELS))
    per_case, summary, footer = few.split("\n\n")
    assert len({len(line) for line in per_case.splitlines()[1:]}) == 1
    assert len({len(line) for line in summary.splitlines()}) == 1
    assert per_case.splitlines()[1].split()[:3] == ["a", "cavity", "0.667"]
    assert per_case.splitlines()[2].split()[:3] == ["a", "wall", "-"]
    assert summary.splitlines()[1].split()[:3] == ["cavity", "0.583", "(0.118)"]
    assert summary.splitlines()[-1].startswith("overall")
    assert all(word in footer for word in ("mm", "voxels", "SD", "missed", "spurious", "absent", "TransUNet"))


def test_the_table_leaves_out_single_cases_from_eight_on():
    many = format_table(evaluate(perfect, [case(f"case{n}", 4, 3) for n in range(8)], LABELS))
    assert "case0" not in many


def test_nominal_spacing_is_said():
    nominal = replace(case("a", 4, 3), nominal=True)
    assert "nominal" in format_table(evaluate(perfect, [nominal], LABELS))
    assert "nominal" not in format_table(evaluate(perfect, [case("a", 4, 3)], LABELS))


@pytest.mark.data
def test_the_truth_of_a_real_case_scores_one_against_itself(shared_data):
    heart = (Structure(1, "RV"), Structure(2, "Myo"), Structure(3, "LV"))
    first = next(cases(shared_data / "acdc", "valid"))
    report = evaluate(lambda *_: first.label, [first], heart)
    assert report.overall.mean["dice"] == 1.0
    assert report.overall.mean["assd_mm"] == 0.0
    assert report.nominal
