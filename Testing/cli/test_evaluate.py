"""`dinsegment evaluate`: its files and records; it replaces nothing without being asked."""

import csv
import json

import numpy as np
import pytest

FILES = ["boxplots.png", "evaluation.csv", "evaluation.json", "worst.png"]


@pytest.fixture
def data(tmp_path):
    """A data folder with one small case."""
    folder = tmp_path / "hearts"
    folder.mkdir()
    rng = np.random.default_rng(5)
    label = np.zeros((2, 24, 24), np.uint8)
    label[:, 4:12, 4:12], label[:, 4:12, 14:20], label[:, 14:20, 4:12] = 1, 2, 3
    image = rng.integers(0, 65535, label.shape).astype(np.uint16)
    np.savez(folder / "patient003_frame01_ED.npz", image=image, label=label)
    (folder / "split.json").write_text(json.dumps({"valid": ["patient003"]}), encoding="utf-8")
    return folder


@pytest.fixture
def evaluate(command, tiny_model, data, tmp_path):
    def run(*more):
        return command(
            "evaluate", "--model", tiny_model, "--data", data, "--output", tmp_path / "out", "--device", "cpu", *more
        )

    return run


def test_it_leaves_figures_tables_and_what_was_run(evaluate, tmp_path):
    outcome = evaluate()
    assert outcome.code == 0, outcome.err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == FILES
    run = json.loads((tmp_path / "out" / "evaluation.json").read_text(encoding="utf-8"))["run"]
    assert run["data"] == "hearts" and run["cleanup"] == [] and run["split"] == "valid"
    assert {"dinsegment", "torch", "numpy"} <= run["versions"].keys() and run["date"].startswith("20")
    assert str(tmp_path) not in json.dumps(run)
    assert "No confidence interval: 1 subject is too few" in outcome.out


@pytest.mark.parametrize("there", ["evaluation.csv", "evaluation.json"])
def test_an_earlier_evaluation_is_refused_at_once_and_replaced_when_asked(there, evaluate, tmp_path, listing):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / there).write_text("earlier", encoding="utf-8")
    before = listing(tmp_path)

    refused = evaluate()

    assert refused.code == 2
    assert len(refused.err.splitlines()) == 1 and there in refused.err and "--overwrite" in refused.err
    assert refused.out == "" and listing(tmp_path) == before
    assert evaluate("--overwrite").code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == FILES
    assert (tmp_path / "out" / there).read_text(encoding="utf-8") != "earlier"


def test_a_pair_of_ed_and_es_is_also_compared_by_the_hearts_function(evaluate, data, tmp_path):
    arrays = dict(np.load(data / "patient003_frame01_ED.npz"))
    arrays["label"][0] = 0  # half of every structure: an ejection fraction of 50%
    np.savez(data / "patient003_frame09_ES.npz", **arrays)

    outcome = evaluate()

    assert outcome.code == 0, outcome.err
    folder = tmp_path / "out"
    assert sorted(path.name for path in folder.iterdir()) == sorted([*FILES, "function.csv", "function.png"])
    left, right = csv.DictReader((folder / "function.csv").open(encoding="utf-8"))
    assert (left["structure"], right["structure"]) == ("Inner part", "Outer part")  # their codes say what they are
    assert float(left["ef_percent_truth"]) == float(right["ef_percent_truth"]) == 50
    told = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))["function"]
    assert told["nominal_spacing"] is True and len(told["agreement"]) == 2 * 3
    assert "Volumes are nominal" in outcome.out and "limits of agreement" in outcome.out


def test_robustness_is_written_and_told_and_goes_with_the_next_evaluation(evaluate, tmp_path):
    outcome = evaluate("--robustness")
    assert outcome.code == 0, outcome.err
    folder = tmp_path / "out"
    assert sorted(path.name for path in folder.iterdir()) == sorted([*FILES, "robustness.csv", "robustness.png"])
    rows = list(csv.DictReader((folder / "robustness.csv").open(encoding="utf-8")))
    clean = [row["dice"] for row in rows if row["kind"] == "clean"]
    assert len(rows) == 10 * 3
    assert clean == [row["dice"] for row in csv.DictReader((folder / "evaluation.csv").open(encoding="utf-8"))]
    assert len(json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))["robustness"]["means"]) == 10 * 4
    assert "contrast 3 (3)" in outcome.out

    assert evaluate("--overwrite").code == 0
    assert sorted(path.name for path in folder.iterdir()) == FILES
