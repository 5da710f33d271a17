"""The example of Documentation/training.md in miniature, and errors of its commands."""

import json
import shutil

import pytest
import SimpleITK as sitk

from DINSegmentLib.model import read_manifest
from DINSegmentLib.phantom.__main__ import main as phantom

SMALL = 'data = "."\n[network]\nwidths = [8, 8, 16, 16]\ndepths = [1, 1, 1, 1]\nhead_width = 8\ndecoder_width = 8\n'
RECIPE = "[recipe]\nsteps = 3\nvalidations = 1\nbatch = 2\nsizes = [96]\nsize_shares = [1.0]\ncanvas = 128\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Three phantoms as a data set, with a training file for a very small network."""
    folder = tmp_path_factory.mktemp("made") / "hearts"
    assert phantom(["--dataset", str(folder), "--cases", "3"]) == 0
    (folder / "training.toml").write_text(SMALL + RECIPE, encoding="utf-8")
    return folder


@pytest.fixture
def hearts(made, tmp_path):
    """A copy that a test may spoil."""
    return shutil.copytree(made, tmp_path / "hearts")


@pytest.fixture
def train(command, hearts, tmp_path):
    def run(*more):
        where = ("--config", hearts / "training.toml", "--output", tmp_path / "run", "--device", "cpu")
        return command("train", *where, *more)

    return run


def refused(outcome, text):
    assert outcome.code == 2 and text in outcome.err, outcome.err
    assert outcome.err.count("\n") == 1 and outcome.err.rstrip().endswith(".")
    return True


def test_a_data_set_becomes_a_model_that_segments_and_is_scored(command, train, hearts, tmp_path):
    run, model, out = (tmp_path / name for name in ("run", "model", "out"))
    trained = train()
    assert trained.code == 0, trained.err
    packed = command("pack", run, "--output", model)
    assert packed.code == 0, packed.err
    read_manifest(model).verify()
    assert refused(command("pack", run, "--output", model), "exists already")
    assert command("pack", run, "--output", model, "--overwrite").code == 0

    image = hearts / "images" / "heart03.nii.gz"
    done = command("segment", image, "--model", model, "--output", out, "--format", "nii.gz", "--device", "cpu")
    assert done.code == 0, done.err
    written = sitk.ReadImage(str(next(out.glob("*.nii.gz"))))
    assert written.GetSize() == sitk.ReadImage(str(image)).GetSize()

    scored = command("evaluate", "--model", model, "--data", hearts, "--output", tmp_path / "scores", "--device", "cpu")
    assert scored.code == 0, scored.err
    assert "Left ventricle" in scored.out

    # the same run folder with another plan, and its weights in another network
    assert refused(train("--steps", "9"), "other settings")
    text = (hearts / "training.toml").read_text(encoding="utf-8").replace("[8, 8, 16, 16]", "[16, 16, 32, 32]")
    (hearts / "training.toml").write_text(text, encoding="utf-8")
    other = tmp_path / "other"
    config = ("--config", hearts / "training.toml", "--output", other, "--device", "cpu")
    assert refused(command("train", *config, "--init", run / "best.pt"), "another architecture")


ALL_CASES = 'splits = ["train", "valid"]\nkeep = "last"\n'
PARTIAL = "[partial.labels]\nMyocardium = [2]\n'Left ventricle' = [1, 3]\n"


def test_a_plan_on_all_cases_keeps_the_last_weights_and_has_no_figures(command, train, hearts, tmp_path):
    (hearts / "training.toml").write_text(SMALL + RECIPE + ALL_CASES + PARTIAL, encoding="utf-8")
    trained = train("--partial", hearts)
    assert trained.code == 0 and "Last weights, averaged" in trained.out, trained.err
    assert (tmp_path / "run" / "curve.csv").read_text(encoding="utf-8").startswith("minutes,step,loss\n")
    assert command("pack", tmp_path / "run", "--output", tmp_path / "model").code == 0
    assert read_manifest(tmp_path / "model").validation == {}
    card = (tmp_path / "model" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "were not evaluated" in card and '"Left ventricle" = [1, 3]' in card


def test_partial_labels_and_their_data_folder_go_together(train, hearts):
    assert refused(train("--partial", hearts), "has no partial labels")
    (hearts / "training.toml").write_text(SMALL + RECIPE + PARTIAL, encoding="utf-8")
    assert refused(train(), "use --partial")
    (hearts / "training.toml").write_text(SMALL + RECIPE + PARTIAL.replace("[1, 3]", "[3]"), encoding="utf-8")
    assert refused(train("--partial", hearts), "has label 1, which the partial labels do not name")
    every_value_elsewhere = PARTIAL.replace("[2]", "[8]").replace("[1, 3]", "[9]")
    (hearts / "training.toml").write_text(SMALL + RECIPE + every_value_elsewhere, encoding="utf-8")
    assert refused(train("--partial", hearts), "which the partial labels do not name")


def test_pack_wants_one_of_two_forms(command, tmp_path):
    assert refused(command("pack", tmp_path), "--output")
    assert refused(command("pack", tmp_path, "--output", tmp_path / "m", "--model", "cardiac-mr"), "not allowed with")
    assert refused(command("pack", tmp_path, "--model", "cardiac-mr", "--overwrite"), "--overwrite")


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (lambda folder: (folder / "images" / "heart01.nii.gz").unlink(), "no file of heart01"),
        (lambda folder: (folder / "labels" / "heart02.nii.gz").unlink(), "no file of heart02"),
        (lambda folder: crop(folder / "labels" / "heart01.nii.gz"), "voxels and"),
        (lambda folder: add(folder / "labels" / "heart01.nii.gz", 4), "label value 4"),
        (lambda folder: add(folder / "labels" / "heart01.nii.gz", 0.5), "label value 0.5"),
        (lambda folder: rewrite(folder, 'valid = ["heart02"]', "valid = []"), "split.valid"),
        (lambda folder: rewrite(folder, 'valid = ["heart02"]', 'valid = ["heart01"]'), "in train and in valid"),
        (lambda folder: rewrite(folder, "[split]", "[split"), "cannot be read"),
        (lambda folder: rewrite(folder, "[split]", "colour = 3\n[split]"), "colour"),
    ],
)
def test_bad_data_is_told_in_one_sentence(train, hearts, spoil, text):
    spoil(hearts)
    assert refused(train(), text)


def test_a_model_and_a_data_set_with_other_labels_are_refused(train, hearts, tiny_model):
    manifest = json.loads((tiny_model / "manifest.json").read_text(encoding="utf-8"))
    assert len(manifest["labels"]) == 3
    text = 'model = "abdomen-ct"\n' + (hearts / "training.toml").read_text(encoding="utf-8")
    (hearts / "training.toml").write_text(text, encoding="utf-8")
    assert refused(train(), "other labels")


def rewrite(folder, old, new):
    path = folder / "dataset.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def crop(path):
    sitk.WriteImage(sitk.ReadImage(str(path))[:, :, 1:], str(path))


def add(path, value):
    image = sitk.ReadImage(str(path), sitk.sitkFloat32)
    image[0, 0, 0] = value
    sitk.WriteImage(image, str(path))
