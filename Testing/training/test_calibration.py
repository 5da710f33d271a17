"""The temperature from samples with known answer, and `dinsegment calibrate` on a data folder."""

import json

import numpy as np
import pytest
import torch
from probabilities import probabilities

from DINSegmentLib.cli.parser import main
from DINSegmentLib.engine.parameters import Parameters
from DINSegmentLib.engine.segmenter import Segmenter
from DINSegmentLib.model import find_model
from DINSegmentLib.training import calibration, cases

FILES = {"calibration.json", "reliability.csv", "slices.csv", "structures.csv", "calibration.png"}


@pytest.fixture
def data(tmp_path):
    """Two cases of one split, as the heart's data lie in a folder."""
    random, folder = np.random.default_rng(4), tmp_path / "data"
    folder.mkdir()
    for name in ("one", "two"):
        image = random.integers(0, 65535, (6, 40, 36), np.uint16)
        np.savez(folder / f"{name}.npz", image=image, label=random.integers(0, 4, image.shape, np.uint8))
    (folder / "split.json").write_text(json.dumps({"valid": ["one", "two"]}), encoding="utf-8")
    return folder


@pytest.mark.parametrize("temperature", [0.6, 1.0, 1.7])
def test_the_temperature_under_which_labels_were_drawn_is_found(temperature):
    torch.manual_seed(2)
    scores = 2 * torch.randn(100_000, 4)
    truth = torch.distributions.Categorical(logits=scores / temperature).sample()

    assert calibration.fit_temperature(scores, truth) == pytest.approx(temperature, rel=0.02)


def test_samples_are_the_scores_and_the_truth_of_the_same_voxels(data, tiny_model):
    segmenter = Segmenter(find_model(str(tiny_model)), "cpu")
    case = cases.read_case(data / "one.npz")
    scores, truth = calibration.sample(segmenter, case, Parameters())
    result = probabilities(segmenter, case.image, case.geometry)
    confidence, right = calibration.winners(scores, truth, 1.0)
    # slice 2 of 6, every 29th voxel in the order of the model's rows and columns
    at = [result.probabilities.max(axis=0)[2], (result.labels == case.label)[2]]
    order = segmenter_order(segmenter, case)
    expected = [order(one).ravel()[::29] for one in at]

    assert np.allclose(confidence, expected[0].astype(np.float32), atol=1e-3)
    assert np.array_equal(right, expected[1])


def segmenter_order(segmenter, case):
    """A slice as the model sees it."""
    from DINSegmentLib.model.orientation import orientation

    orient = orientation(case.geometry, segmenter.model.axes)
    return lambda plane: orient.to_model(np.broadcast_to(plane, case.image.shape))[0]


def test_the_command_tells_temperature_and_errors_and_leaves_the_model_alone(data, tiny_model, tmp_path, capsys):
    manifest = (tiny_model / "manifest.json").read_bytes()
    arguments = ["--model", str(tiny_model), "--data", str(data), "--output", str(tmp_path / "out"), "--device", "cpu"]
    assert main(["calibrate", *arguments]) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    summary = json.loads((tmp_path / "out" / "calibration.json").read_text(encoding="utf-8"))

    assert (tiny_model / "manifest.json").read_bytes() == manifest
    assert summary["slices"] == 12 and summary["cases"] == 2
    assert f"temperature {summary['temperature']:g}" in capsys.readouterr().out
    rows = np.genfromtxt(tmp_path / "out" / "slices.csv", delimiter=",", names=True, dtype=None, encoding="utf-8")
    worst = np.argsort(-rows["expected_wrong"], kind="stable")[:2]  # a tenth of 12, rounded up
    assert summary["errors_held"]["0.1"][0] == pytest.approx(rows["wrong"][worst].sum() / rows["wrong"].sum(), rel=0.01)
    assert main(["calibrate", *arguments]) == 2 and "--overwrite" in capsys.readouterr().err
