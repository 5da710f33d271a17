"""The evaluation report, its files and its table."""

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
from DINSegmentLib.training.evaluate import FILES, evaluate, save
from DINSegmentLib.training.report import csv_text, format_table, json_text


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
    return Case(name, label.astype(np.float32), label, GEOMETRY, name.partition("_")[0])


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


def test_csv_and_json_hold_every_figure_and_no_nan():
    report = evaluate(half_cavity, [case("a", 4, 0), case("b", 6, 3)], LABELS)
    rows = list(csv.DictReader(csv_text(report).splitlines()))
    assert [(row["case"], row["structure"], row["outcome"]) for row in rows] == [
        ("a", "cavity", "scored"),
        ("a", "wall", "absent"),
        ("b", "cavity", "scored"),
        ("b", "wall", "scored"),
    ]
    assert float(rows[0]["dice"]) == report.rows[0].score.dice
    assert float(rows[0]["nsd_voxel"]) == report.rows[0].score.nsd_voxel
    assert rows[1]["dice"] == ""

    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    content = json.loads(json_text(report, {"model": "test"}, {"more": [math.nan]}), parse_constant=refuse)
    assert content["run"] == {"model": "test"}
    assert content["more"] == [None]
    assert content["overall"]["mean"]["dice"] == report.overall.mean["dice"]
    assert content["overall"]["mean"]["nsd_voxel"] == report.overall.mean["nsd_voxel"]
    assert content["rows"][1]["dice"] is None
    assert content["tolerance_mm"] == 2.0
    assert any("Empty in reference" in rule for rule in content["rules"])


def test_save_replaces_an_evaluation_and_touches_nothing_else(tmp_path):
    folder = tmp_path / "new" / "folder"
    save(folder, {"evaluation.csv": "old", "robustness.csv": "old"})
    (folder / "notes.txt").touch()
    save(folder, {"evaluation.csv": "new", "worst.png": b"picture"})
    assert sorted(path.name for path in folder.iterdir()) == ["evaluation.csv", "notes.txt", "worst.png"]
    assert (folder / "evaluation.csv").read_text(encoding="utf-8") == "new"
    assert {"evaluation.csv", "robustness.csv", "worst.png"} <= set(FILES)


def test_an_output_that_cannot_be_a_folder_is_refused(tmp_path):
    (tmp_path / "taken").touch()
    with pytest.raises(OutputError, match="taken cannot be written"):
        save(tmp_path / "taken", {"evaluation.csv": ""})


def test_those_who_look_on_get_case_prediction_and_scores():
    seen = []
    one = case("a", 4, 3)
    report = evaluate(half_cavity, [one], LABELS, seen=[lambda *given: seen.append(given)])
    ((looked, prediction, scores),) = seen
    assert looked is one
    assert np.array_equal(prediction, half_cavity(one.image, one.geometry))
    assert scores == [row.score for row in report.rows]


def test_the_interval_is_that_of_a_bootstrap_over_subjects_by_hand():
    # Eight subjects of one or two volumes: cavity Dice 1 or 4 / (2 + n).
    lengths = {"s1_ED": 4, "s1_ES": 10, "s2_ED": 6, "s3_ED": 2, "s4_ED": 8, "s5_ED": 3, "s6_ED": 9, "s7_ED": 5}
    lengths |= {"s8_ED": 7, "s8_ES": 7}
    report = evaluate(half_cavity, [case(name, n, 3) for name, n in lengths.items()], LABELS)
    values = {}
    for name, n in lengths.items():
        values.setdefault(name[:2], []).append(4 / (2 + n))
    random = np.random.default_rng(123)  # another stream than the report's: the limits agree but for the resampling
    subjects = list(values.values())
    means = [np.mean(np.concatenate([subjects[n] for n in random.integers(0, 8, 8)])) for _ in range(4000)]
    assert report.structures[0].interval["dice"] == pytest.approx(np.percentile(means, (2.5, 97.5)), abs=0.012)
    assert report.structures[1].interval["dice"] == (1.0, 1.0)
    low, high = report.structures[0].interval["dice"]
    assert report.overall.interval["dice"] == pytest.approx(((low + 1) / 2, (high + 1) / 2))


def test_volumes_of_one_subject_do_not_narrow_the_interval():
    once = [case(f"s{n}_a", 2 + n, 3) for n in range(8)]
    often = [case(f"s{n}_{frame}", 2 + n, 3) for n in range(8) for frame in range(5)]
    first, second = (evaluate(half_cavity, some, LABELS).structures[0] for some in (once, often))
    assert first.interval["dice"] == pytest.approx(second.interval["dice"])
    other_subjects = [replace(one, name=f"s{n}", subject=f"s{n}") for n, one in enumerate(often)]
    low, high = evaluate(half_cavity, other_subjects, LABELS).structures[0].interval["dice"]
    assert high - low < 0.6 * (first.interval["dice"][1] - first.interval["dice"][0])


def test_the_interval_is_the_same_every_time_and_in_table_and_json():
    some = [case(f"s{n}", 2 + n, 3) for n in range(8)]
    report, again = (evaluate(half_cavity, some, LABELS) for _ in range(2))
    assert report == again
    low, high = report.structures[0].interval["dice"]
    table = format_table(report)
    assert f"{low:.3f}-{high:.3f}" in table
    assert "8 subjects" in table and "10,000 resamples" in table
    content = json.loads(json_text(report, {}))
    assert content["structures"][0]["interval"]["dice"] == [low, high]
    assert content["bootstrap"] == {"subjects": 8, "level": 0.95, "resamples": 10_000, "seed": 1}


def test_subjects_without_a_value_do_not_count_for_the_interval():
    some = [case(f"s{n}", 2 + n, 3 if n else 0) for n in range(8)]  # the wall is absent in s0
    cavity, wall = evaluate(half_cavity, some, LABELS).structures
    assert not math.isnan(cavity.interval["dice"][0])
    assert math.isnan(wall.interval["dice"][0])


def test_fewer_than_eight_subjects_get_no_interval_but_every_case_and_the_reason():
    report = evaluate(perfect, [case(f"s{n % 7}_{n}", 4, 3) for n in range(14)], LABELS)
    table = format_table(report)
    assert report.overall.interval == {}
    assert "s6_13" in table
    assert "No confidence interval: 7 subjects are too few" in table


def test_the_footer_counts_where_the_rules_for_empty_structures_differ():
    report = evaluate(half_cavity, [case("a", 4, 0), case("b", 6, 3)], LABELS)
    assert "differ here in 1 of 4 case-structures (Dice in 1)" in format_table(report)


def test_progress_names_each_case_after_it_is_scored():
    told = []
    evaluate(perfect, [case("a", 4, 3), case("b", 6, 3)], LABELS, progress=lambda *args: told.append(args))
    assert told == [(1, "a"), (2, "b")]


def test_no_case_is_an_error():
    with pytest.raises(InputError, match="No case to evaluate"):
        evaluate(perfect, [], LABELS)


def test_a_truth_with_labels_that_the_model_does_not_know_is_refused():
    with pytest.raises(InputError, match="reference of a has label 2"):
        evaluate(perfect, [case("a", 4, 3)], LABELS[:1])


def test_the_table_is_aligned_and_shows_every_case_when_they_are_few():
    few = format_table(evaluate(half_cavity, [case("a", 4, 0), case("b", 6, 3)], LABELS))
    per_case, summary, both_rules, footer = few.split("\n\n")
    assert len({len(line) for line in per_case.splitlines()[1:]}) == 1
    assert len({len(line) for line in summary.splitlines()}) == 1
    assert len({len(line) for line in both_rules.splitlines()}) == 1
    assert per_case.splitlines()[1].split()[:3] == ["a", "cavity", "0.667"]
    assert per_case.splitlines()[2].split()[:3] == ["a", "wall", "-"]
    assert summary.splitlines()[1].split()[:3] == ["cavity", "0.583", "(0.118)"]
    assert summary.splitlines()[-1].startswith("overall")
    assert both_rules.splitlines()[2].split()[:3] == ["wall", "1.000", "0.500"]  # absent in a: none, and 0
    assert all(word in footer for word in ("mm", "voxel", "SD", "missed", "spurious", "absent", "TransUNet"))


def test_the_table_leaves_out_single_cases_from_eight_on():
    many = format_table(evaluate(perfect, [case(f"case{n}", 4, 3) for n in range(8)], LABELS))
    assert "case0" not in many


def test_nominal_spacing_is_said():
    nominal = replace(case("a", 4, 3), nominal=True)
    assert "nominal" in format_table(evaluate(perfect, [nominal], LABELS))
    assert "nominal" not in format_table(evaluate(perfect, [case("a", 4, 3)], LABELS))


def test_with_intervals_the_table_fits_130_columns():
    table = format_table(evaluate(half_cavity, [case(f"s{n}", 2 + n, 3) for n in range(8)], LABELS))
    assert max(map(len, table.split("\n\n")[0].splitlines())) <= 130


@pytest.mark.data
def test_the_truth_of_a_real_case_scores_one_against_itself(shared_data):
    heart = (Structure(1, "RV"), Structure(2, "Myo"), Structure(3, "LV"))
    first = next(cases(shared_data / "acdc", "valid"))
    report = evaluate(lambda *_: first.label, [first], heart)
    assert report.overall.mean["dice"] == 1.0
    assert report.overall.mean["assd_mm"] == 0.0
    assert report.nominal
