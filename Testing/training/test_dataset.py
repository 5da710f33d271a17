"""A user's data set: what its file and pairs of volumes may contain, and what is rejected."""

import json
import subprocess
import sys

import jsonschema
import numpy as np
import pytest
import SimpleITK as sitk

from DINSegmentLib.errors import InputError
from DINSegmentLib.model import find_model, read_manifest
from DINSegmentLib.training import dataset
from DINSegmentLib.training.cases import case_files, cases, read_case

SHAPE = 4, 12, 10  # (K, J, I)
TOML = """\
id = "my-data"
title = "Two things"
modality = "MR"
spacing = 1.5
labels = [{value = 1, name = "Outer"}, {value = 2, name = "Inner"}]

[split]
train = ["a", "b"]
valid = ["c"]
"""


def write_volume(path, array, spacing=(1.2, 1.3, 8.0)):
    path.parent.mkdir(exist_ok=True)
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing)
    image.SetOrigin((5, -7, 11))
    sitk.WriteImage(image, str(path))


@pytest.fixture
def folder(tmp_path):
    """A data set of three cases, without anything wrong."""
    random = np.random.default_rng(1)
    for name in "abc":
        write_volume(tmp_path / "images" / f"{name}.nii.gz", random.integers(0, 900, SHAPE).astype(np.int16))
        write_volume(tmp_path / "labels" / f"{name}.nii.gz", random.integers(0, 3, SHAPE).astype(np.uint8))
    (tmp_path / "dataset.toml").write_text(TOML, encoding="utf-8")
    return tmp_path


def change(folder, old, new):
    assert old in TOML
    (folder / "dataset.toml").write_text(TOML.replace(old, new), encoding="utf-8")


def test_the_manifest_is_one_that_the_schema_and_the_catalogue_take(folder, repository, tmp_path):
    made = dataset.manifest(folder)
    schema = json.loads((repository / "Resources" / "Models" / "manifest.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(made, schema)
    (tmp_path / "manifest.json").write_text(json.dumps(made), encoding="utf-8")
    model = read_manifest(tmp_path)
    assert (model.id, model.spacing, model.axes.slices, model.sha256) == ("my-data", 1.5, "stack", "")
    assert [label.name for label in model.labels] == ["Outer", "Inner"]
    assert model.labels[0].color != model.labels[1].color
    assert model.network.classes == 3 and model.network.neighbours == find_model("cardiac-mr").network.neighbours


def test_what_the_file_says_comes_into_the_manifest(folder):
    terminology = '{type = ["SCT", "10200004", "Liver"]}'
    change(
        folder,
        'name = "Outer"',
        f'name = "Outer", color = [1, 2, 3], plausible_ml = [1, 9], terminology = {terminology}',
    )
    text = (folder / "dataset.toml").read_text(encoding="utf-8")
    entries = 'axes = "axial"\nintensity = {method = "window", lower = -100, upper = 300}\nlicence = "CC0"\n'
    (folder / "dataset.toml").write_text(entries + text, encoding="utf-8")
    made = dataset.manifest(folder)
    assert made["labels"][0]["color"] == [1, 2, 3] and made["labels"][0]["plausible_ml"] == [1, 9]
    assert made["labels"][0]["terminology"] == {"type": ["SCT", "10200004", "Liver"]}
    assert made["axes"]["slices"] == "S"
    assert made["intensity"] == {"method": "window", "lower": -100, "upper": 300}
    assert made["licence"] == "CC0"


def test_cases_are_the_files_voxels_on_their_grid(folder):
    assert [path.name for path in case_files(folder, "train")] == ["a.nii.gz", "b.nii.gz"]
    case = next(cases(folder, "valid"))
    assert case.name == "c" and not case.nominal
    for part, array in (("images", case.image), ("labels", case.label)):
        image = sitk.ReadImage(str(folder / part / "c.nii.gz"))
        np.testing.assert_array_equal(array, sitk.GetArrayFromImage(image))
    ras = np.array(image.TransformIndexToPhysicalPoint((1, 2, 3))) * (-1, -1, 1)
    np.testing.assert_allclose((case.geometry.ijk_to_ras @ (1, 2, 3, 1))[:3], ras, atol=1e-4)
    assert case.label.dtype == np.uint8


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("spacing = 1.5", "spacing = ", "cannot be read"),
        ("spacing = 1.5", 'spacing = 1.5\nspacings = "?"', "spacings"),
        ("spacing = 1.5", "spacing = 0", "spacing"),
        ("spacing = 1.5\n", "", "spacing"),
        ("value = 2", "value = 3", "not 1, 2, 3"),
        ('name = "Inner"', 'name = "Outer"', "share one name"),
        ('valid = ["c"]', "valid = []", "split.valid"),
        ('valid = ["c"]\n', "", "valid"),
        ('valid = ["c"]', 'valid = ["c", "b"]', "has b in train and in valid"),
        ("spacing = 1.5", 'spacing = 1.5\naxes = "diagonal"', "axes"),
        ("spacing = 1.5", "spacing = 1.5\nnetwork = {widths = [8, 8]}", "widths"),
    ],
)
def test_a_wrong_entry_is_named(folder, old, new, message):
    change(folder, old, new)
    with pytest.raises(InputError, match=message) as caught:
        dataset.manifest(folder)
    assert "dataset.toml" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("part", ["images", "labels"])
def test_a_missing_file_is_named_before_anything_is_read(folder, part):
    (folder / part / "b.nii.gz").unlink()
    with pytest.raises(InputError, match=rf"{part} has no file of b"):
        case_files(folder, "train")


def test_a_damaged_file_is_named(folder):
    path = folder / "labels" / "a.nii.gz"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(InputError, match=r"a\.nii\.gz cannot be read"):
        read_case(folder / "images" / "a.nii.gz")


def test_image_and_label_on_two_grids_are_refused(folder):
    label = np.zeros(SHAPE, np.uint8)
    write_volume(folder / "labels" / "a.nii.gz", label[:3])
    with pytest.raises(InputError, match="voxels and"):
        case_files(folder, "train")
    write_volume(folder / "labels" / "a.nii.gz", label, spacing=(1.2, 1.3, 8.5))
    with pytest.raises(InputError, match="mm apart"):
        case_files(folder, "train")


@pytest.mark.parametrize(("value", "kind"), [(3, np.uint8), (1.5, np.float32), (-1, np.int16)])
def test_a_label_value_outside_the_file_or_no_whole_number_is_named(folder, value, kind):
    label = np.zeros(SHAPE, kind)
    label[1, 2, 3] = value
    write_volume(folder / "labels" / "a.nii.gz", label)
    with pytest.raises(InputError, match=f"holds the label value {value:g}, and dataset.toml names 1 to 2"):
        read_case(folder / "images" / "a.nii.gz")


def test_labels_stored_as_floats_of_whole_numbers_are_taken(folder):
    write_volume(folder / "labels" / "a.nii.gz", np.full(SHAPE, 2, np.float32))
    assert (read_case(folder / "images" / "a.nii.gz").label == 2).all()


def test_cases_load_where_simpleitk_is_missing():
    code = "import sys; sys.modules['SimpleITK'] = None; import DINSegmentLib.training.train"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False)
    assert ran.returncode == 0, ran.stderr


def test_end_diastole_and_end_systole_are_of_one_subject(folder):
    for kind in ("images", "labels"):
        for name, phase in (("a", "h1_ED"), ("b", "h1_ES")):
            (folder / kind / f"{name}.nii.gz").rename(folder / kind / f"{phase}.nii.gz")
    change(folder, '["a", "b"]', '["h1_ED", "h1_ES"]')
    assert [case.subject for case in cases(folder, "train")] == ["h1", "h1"]
    assert next(cases(folder, "valid")).subject is None
