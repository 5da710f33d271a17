"""Other commands: enhance, models, demo, and from data to scores by train, pack and evaluate."""

import csv
import json

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
import slicerio
from nifti import write_nifti
from PIL import Image

from DINSegmentLib import io
from DINSegmentLib.console import Console
from DINSegmentLib.engine.preprocessing import preprocess_volume
from DINSegmentLib.measure import dice
from DINSegmentLib.model import Axes, Enhancement, Intensity, find_model
from DINSegmentLib.model.enhancement import METHODS
from DINSegmentLib.scene.boot import boot
from DINSegmentLib.scene.files import add_volume
from DINSegmentLib.training.cases import read_case

CARDIAC_RULE = Axes("stack", "PI", "L"), Intensity("percentile", 99.0)


@pytest.mark.parametrize("output", ["e.nii.gz", "e.nrrd", "e.mha"])
@pytest.mark.parametrize("method", METHODS)
def test_enhance_writes_what_the_network_sees_bit_for_bit(method, output, command, write, tmp_path):
    path = write("heart.nii.gz")

    outcome = command("enhance", path, "--output", tmp_path / output, "--enhancement", method, "--strength", 0.7)

    assert outcome.code == 0, outcome.err
    image, written = io.read(path), sitk.ReadImage(str(tmp_path / output))
    _, enhanced = preprocess_volume(image.array, image.geometry, *CARDIAC_RULE, Enhancement(method, 0.7))
    assert written.GetPixelID() == sitk.sitkFloat32
    assert np.array_equal(sitk.GetArrayFromImage(written), enhanced)
    source = sitk.ReadImage(str(path))
    assert np.allclose(written.GetOrigin(), source.GetOrigin(), atol=1e-4)
    assert np.allclose(written.GetSpacing(), source.GetSpacing(), atol=1e-4)
    assert np.allclose(written.GetDirection(), source.GetDirection(), atol=1e-4)


def test_enhance_with_a_model_takes_its_axes_window_and_defaults(command, write, write_model, tmp_path):
    defaults = {"method": "gamma", "strength": 0.5, "trained_methods": ["gamma"], "trained_range": [0.0, 1.0]}
    model = write_model(tmp_path / "model", "fixed", enhancement=defaults)
    path = write("ct.nrrd")

    assert command("enhance", path, "--output", tmp_path / "e.nrrd", "--model", model.folder).code == 0

    image = io.read(path)
    _, enhanced = preprocess_volume(image.array, image.geometry, model.axes, model.intensity, Enhancement("gamma", 0.5))
    assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "e.nrrd"))), enhanced)


@pytest.mark.parametrize(
    ("output", "more", "text"),
    [
        ("folder", (), "is a folder"),
        ("folder", ("--overwrite",), "is a folder"),
        ("new/e.jpg", (), "is not the name of a volume file"),
        ("kept.nrrd", (), "add --overwrite"),
        ("heart.nii.gz", ("--overwrite",), "is the input itself"),
        ("kept.nrrd/e.nrrd", (), "is a file, but the output needs a folder there"),
        ("new/e.nrrd", ("--strength", "3"), "choose 0 to 2"),
        ("new/e.nrrd", ("--model", "bogus"), 'Unknown model "bogus"'),
        ("new/e.nrrd", ("--frame", "2"), "no frame 2"),
    ],
)
def test_enhance_refuses_in_one_sentence_and_writes_nothing(output, more, text, command, write, listing, tmp_path):
    path = write("heart.nii.gz")
    (tmp_path / "folder").mkdir()
    (tmp_path / "kept.nrrd").write_text("kept", encoding="utf-8")
    before = listing(tmp_path)

    outcome = command("enhance", path, "--output", tmp_path / output, *more)

    assert outcome.code == 2 and outcome.out == ""
    assert text in outcome.err and outcome.err.count("\n") == 1
    assert listing(tmp_path) == before


def test_enhance_replaces_a_file_when_told(command, write, tmp_path):
    (tmp_path / "e.nrrd").write_text("old", encoding="utf-8")
    assert command("enhance", write("heart.nii.gz"), "--output", tmp_path / "e.nrrd", "--overwrite").code == 0
    assert sitk.ReadImage(str(tmp_path / "e.nrrd")).GetSize() == (36, 40, 6)


def test_models_lists_ids_structures_and_licenses(command):
    outcome = command("models")
    assert outcome.code == 0
    assert "cardiac-mr" in outcome.out and "1 Right ventricle, 2 Myocardium, 3 Left ventricle" in outcome.out
    assert "License: " in outcome.out


def test_models_for_machines(command):
    listed = {model["id"]: model for model in json.loads(command("models", "--json").out)["models"]}
    assert listed["cardiac-mr"]["labels"] == {"1": "Right ventricle", "2": "Myocardium", "3": "Left ventricle"}


def test_demo_of_a_users_volume_writes_every_kind_of_output(command, write, tiny_model, tmp_path):
    arguments = ("demo", "--input", write("heart.nii.gz"), "--model", tiny_model, "--output", tmp_path / "demo")

    for _ in range(2):  # a second demo replaces the first
        outcome = command(*arguments)
        assert outcome.code == 0, outcome.err
    names = {path.name for path in (tmp_path / "demo").iterdir()}
    assert names == {"heart.seg.nrrd", "heart.nii.gz", "heart.png", "heart.json"}
    assert "structure" in outcome.out and "ml" in outcome.out and "Dice" not in outcome.out


def test_demo_of_a_users_volume_asks_for_a_model(command, write, tmp_path):
    outcome = command("demo", "--input", write("heart.nii.gz"), "--output", tmp_path / "demo")
    assert outcome.code == 2
    assert "one of abdomen-ct, cardiac-lge, cardiac-mr" in outcome.err and outcome.err.count("\n") == 1
    assert not (tmp_path / "demo").exists()


def test_demo_of_the_sample_prints_dice_against_its_truth(command, repository, tmp_path):
    outcome = command("demo", "--output", tmp_path)

    assert outcome.code == 0, outcome.err
    for phase in ("ED", "ES"):
        stem = f"cardiac_phantom_{phase}"
        assert {path.suffix for path in tmp_path.glob(f"{stem}.*")} == {".nrrd", ".gz", ".png", ".json"}
        truth = sitk.GetArrayFromImage(sitk.ReadImage(str(repository / f"Resources/SampleData/{stem}_label.nrrd")))
        labels = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / f"{stem}.nii.gz")))
        for label in find_model("cardiac-mr").labels:
            a, b = labels == label.value, truth == label.value
            expected = f"{2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b)):.3f}"
            assert any(line.startswith(label.name) and line.endswith(expected) for line in outcome.out.splitlines())


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A data folder in the form of the cardiac one: two subjects to train on, one to validate."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(5)
    for subject in ("patient001", "patient002", "patient003"):
        k, j, i = np.mgrid[:6, :56, :48]
        radius = np.hypot(j - rng.integers(24, 32), i - rng.integers(20, 28))
        label = np.select([radius < 8, radius < 13, (radius < 18) & (i < 22)], [3, 2, 1]).astype(np.uint8)
        label[0] = 0
        image = np.choose(label, [9000, 45000, 20000, 60000]) + rng.integers(0, 5000, label.shape)
        np.savez(folder / f"{subject}_frame01_ED.npz", image=image.astype(np.uint16), label=label)
    split = {"train": ["patient001", "patient002"], "valid": ["patient003"]}
    (folder / "split.json").write_text(json.dumps(split), encoding="utf-8")
    return folder


@pytest.fixture
def blank(write_model, tmp_path):
    """A model folder without weights, as before a training."""
    folder = write_model(tmp_path / "model", "stack", id="blank").folder
    (folder / "weights.pt").unlink()
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["weights"]["sha256"] = ""
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


@pytest.fixture
def training_file(blank, tmp_path):
    """A training file for the blank model: tiny batches, a validation every step."""
    path = tmp_path / "training.toml"
    path.write_text(
        f'model = "{blank}"\n[recipe]\nsteps = 6\nvalidations = 6\n'
        "batch = 4\nsizes = [64]\nsize_shares = [1.0]\ncanvas = 64\n",
        encoding="utf-8",
    )
    return path


def steps(run):
    return [int(row["step"]) for row in csv.DictReader((run / "curve.csv").open(encoding="utf-8"))]


def test_a_model_goes_from_data_to_scores(command, segment, blank, training_file, data, tmp_path):
    run = tmp_path / "run"
    train = ("train", "--config", training_file, "--data", data, "--output", run, "--device", "cpu")

    first = command(*train)
    assert first.code == 0, first.err
    assert "validation Dice" in first.out and f"Best weights by validation: {run / 'best.pt'}" in first.out
    before = steps(run)
    assert before == [1, 2, 3, 4, 5, 6]
    again = command(*train)  # the plan is done: there is nothing left to do
    assert again.code == 0 and steps(run) == before

    packed = command("pack", run, "--model", blank)
    assert packed.code == 0, packed.err
    find_model(str(blank)).verify()

    truth = data / "patient003_frame01_ED.npz"
    image, _ = write_nifti(read_case(truth), tmp_path / "nifti")
    assert segment(image, "--model", blank).code == 0
    scored = command("evaluate", "--model", blank, "--data", data, "--output", tmp_path / "scores", "--device", "cpu")
    assert scored.code == 0, scored.err
    assert "Outer part" in scored.out and f"written to {tmp_path / 'scores'}" in scored.out


@pytest.mark.parametrize("more", [(), ("--enhancement", "gamma", "--strength", 2)], ids=["default", "gamma"])
def test_dice_of_evaluate_is_that_of_the_written_label_map(more, command, segment, tiny_model, data, tmp_path):
    image, truth = write_nifti(read_case(data / "patient003_frame01_ED.npz"), tmp_path / "nifti")
    assert segment(image, "--format", "nii.gz", *more).code == 0
    scores = tmp_path / "scores"
    arguments = ("--model", tiny_model, "--data", data, "--output", scores, "--device", "cpu", "--json")

    outcome = command("evaluate", *arguments, *more)

    assert outcome.code == 0, outcome.err
    assert {event["event"] for event in outcome.events} == {"case", "done"}
    labels, truth = (np.asarray(nibabel.load(path).dataobj) for path in (tmp_path / "out" / image.name, truth))
    assert set(np.unique(labels)) == {0, 1, 2, 3}
    assert_dice_equals_that_of_the_files(scores, labels, truth)


def assert_dice_equals_that_of_the_files(scores, labels, truth):
    rows = list(csv.DictReader((scores / "evaluation.csv").open(encoding="utf-8")))
    assert [int(row["value"]) for row in rows] == [1, 2, 3]
    for row in rows:
        a, b = labels == int(row["value"]), truth == int(row["value"])
        assert float(row["dice"]) == pytest.approx(2 * (a & b).sum() / (a.sum() + b.sum()), abs=1e-6)


@pytest.mark.data
def test_dice_of_evaluate_is_that_of_the_command_line_on_a_real_heart(command, shared_data, tmp_path):
    acdc = shared_data / "acdc"
    subject = json.loads((acdc / "split.json").read_text(encoding="utf-8"))["valid"][0]
    source = sorted(acdc.glob(f"{subject}_*.npz"))[0]
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / source.name).symlink_to(source)
    (tmp_path / "data" / "split.json").write_text(json.dumps({"valid": [subject]}), encoding="utf-8")
    image, truth = write_nifti(read_case(source), tmp_path / "nifti")
    common = ("--model", "cardiac-mr", "--device", "cpu", "--output", tmp_path / "out")

    assert command("segment", image, *common, "--format", "nii.gz").code == 0
    assert command("evaluate", "--data", tmp_path / "data", *common).code == 0

    labels, truth = (np.asarray(nibabel.load(path).dataobj) for path in (tmp_path / "out" / image.name, truth))
    assert dice(labels == 3, truth == 3) > 0.5  # so that the comparison says something
    assert_dice_equals_that_of_the_files(tmp_path / "out", labels, truth)


@pytest.mark.data
def test_the_segmentation_of_a_real_heart_says_the_same_to_every_reader(command, shared_data, tmp_path):
    source = sorted((shared_data / "acdc").glob("patient019_*.npz"))[1]
    image, _ = write_nifti(read_case(source), tmp_path)
    out = tmp_path / "out"
    both = ("--format", "seg.nrrd", "--format", "nii.gz")
    assert command("segment", image, "--model", "cardiac-mr", "--device", "cpu", "--output", out, *both).code == 0

    path, volume = out / f"{source.stem}.seg.nrrd", sitk.ReadImage(str(image))
    names = [label.name for label in find_model("cardiac-mr").labels]
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(out / image.name)))
    assert set(np.unique(labels)) == {0, 1, 2, 3}
    segmentation = sitk.ReadImage(str(path))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(segmentation), labels)
    np.testing.assert_allclose(segmentation.GetOrigin(), volume.GetOrigin(), atol=1e-4)
    np.testing.assert_allclose(segmentation.GetSpacing(), volume.GetSpacing(), atol=1e-4)
    np.testing.assert_allclose(segmentation.GetDirection(), volume.GetDirection(), atol=1e-6)

    found = slicerio.read_segmentation(str(path))
    np.testing.assert_array_equal(found["voxels"], labels.T)
    assert [(s["name"], s["labelValue"]) for s in found["segments"]] == list(zip(names, (1, 2, 3), strict=True))

    boot()
    import slicer

    reference = add_volume(io.read(image))
    node = slicer.util.loadSegmentation(str(path), {})
    for value, name in enumerate(names, start=1):
        segment = node.GetSegmentation().GetSegmentIdBySegmentName(name)
        mask = slicer.util.arrayFromSegmentBinaryLabelmap(node, segment, reference)
        np.testing.assert_array_equal(mask > 0, labels == value)
    for added in (node, reference):
        slicer.mrmlScene.RemoveNode(added)


def test_an_interrupted_training_goes_on_where_it_stopped(command, training_file, data, tmp_path, monkeypatch):
    run = tmp_path / "run"
    reports = []

    class Interrupting(Console):
        def event(self, kind, text=None, **values):
            if kind == "progress":
                reports.append(values["step"])
                if len(reports) % 3 == 0:
                    raise KeyboardInterrupt

    monkeypatch.setattr("DINSegmentLib.cli.parser.Console", Interrupting)
    for _ in range(2):
        outcome = command("train", "--config", training_file, "--data", data, "--output", run, "--device", "cpu")
        assert outcome.code == 130, outcome.err

    assert reports == [1, 2, 3, 3, 4, 5]  # step 3 was not saved, so it is done again
    rows = list(csv.DictReader((run / "curve.csv").open(encoding="utf-8")))
    minutes = [float(row["minutes"]) for row in rows]
    assert [int(row["step"]) for row in rows] == [1, 2, 3, 4]
    assert minutes == sorted(set(minutes))
    with Image.open(run / "curve.png") as picture:
        assert picture.size == (800, 320)
        drawn = np.asarray(picture.convert("RGB")).astype(int)
    loss, dice = drawn[:, :400], drawn[:, 400:]
    structures = (31, 119, 180), (255, 127, 14), (44, 160, 44)  # the first colors of matplotlib
    for color, places in [((51, 51, 51), loss), ((51, 51, 51), dice), *((color, dice) for color in structures)]:
        assert (np.abs(places - color).max(axis=-1) < 20).sum() > 15  # a line, or its sample in the legend
    assert not any((np.abs(loss - color).max(axis=-1) < 20).any() for color in structures)


@pytest.mark.parametrize(
    ("name", "more", "text"),
    [
        ("train", ("--data", "none"), "none does not exist"),
        ("train", ("--data", "untold"), "has no split.json"),
        ("train", ("--data", "half"), 'no split named "valid"'),
        ("evaluate", ("--data", "none"), "none does not exist"),
        ("evaluate", ("--data", "half"), 'no split named "valid"'),
        ("evaluate", ("--data", "half", "--split", "train"), "no .npz file of p1"),
    ],
)
def test_data_that_cannot_be_used_leaves_nothing_behind(
    name, more, text, command, tiny_model, training_file, listing, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for folder in ("untold", "half"):
        (tmp_path / folder).mkdir()
    (tmp_path / "half" / "split.json").write_text('{"train": ["p1"]}', encoding="utf-8")
    (tmp_path / "half" / "p1x.npz").touch()
    before = listing(tmp_path)
    if (name, more) == ("train", ("--data", "half")):
        np.savez(tmp_path / "half" / "p1.npz")
        before = listing(tmp_path)

    subject = ("--config", training_file) if name == "train" else ("--model", tiny_model)

    outcome = command(name, *subject, "--output", "run", *more)

    assert outcome.code == 2 and outcome.err.count("\n") == 1 and text in outcome.err, outcome.err
    assert listing(tmp_path) == before


def test_pack_of_a_run_without_weights_changes_nothing(command, blank, listing, tmp_path):
    (tmp_path / "run").mkdir()
    before = listing(tmp_path)

    outcome = command("pack", tmp_path / "run", "--model", blank)

    assert outcome.code == 2 and "has no best.pt" in outcome.err
    assert listing(tmp_path) == before


def test_pack_wants_a_model_that_is_there(command, tmp_path):
    outcome = command("pack", tmp_path, "--model", tmp_path / "none")
    assert outcome.code == 2 and "choose one of abdomen-ct, cardiac-lge, cardiac-mr, or a model folder" in outcome.err


def test_inspect_describes_a_cine_without_a_model_for_it_in_text_and_json(command, beat, write_exam, tmp_path):
    exam = write_exam((beat.frames / beat.frames.max() * 1000).astype(np.int16))
    text, lines = command("inspect", exam), command("inspect", exam, "--json")

    assert (text.code, lines.code, text.err) == (0, 0, "")
    assert "96 x 96 x 5 voxels, 4 frames, 2 x 2 x 20 mm, orientation LPS, slices along K" in text.out
    assert "none chosen (not a short-axis view)" in text.out
    (event,) = lines.events
    (image,) = event["images"]
    assert (event["event"], event["schema"], image["frames"], image["shape"]) == ("inspection", 1, 4, [5, 96, 96])
    assert list(tmp_path.iterdir()) == [exam]


@pytest.mark.parametrize(
    ("names", "code"), [(["heart.nii.gz"], 0), (["heart.nii.gz", "no.nii.gz"], 1), (["no.nii"], 2)]
)
def test_the_exit_code_of_inspect_is_that_of_a_run(command, write, tmp_path, names, code):
    write("heart.nii.gz")
    assert command("inspect", *(tmp_path / name for name in names)).code == code
