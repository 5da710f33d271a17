"""The model catalog: manifests are checked, weights are verified by hash, users can add folders."""

import copy
import hashlib
import json
from pathlib import Path

import jsonschema
import pytest

from DINSegmentLib import resources
from DINSegmentLib.errors import ModelError
from DINSegmentLib.model import (
    CLEANUP_STEPS,
    Axes,
    Code,
    Enhancement,
    Expectations,
    NetworkConfig,
    catalogue,
    find_model,
    read_manifest,
)

WEIGHTS = b"weights of a test"
MANIFEST = {
    "schema": 1,
    "id": "my-model",
    "version": "1.0.0",
    "title": "Two things",
    "modality": "MR",
    "labels": [
        {"value": 1, "name": "one", "color": [1, 2, 3], "terminology": {"type": ["SCT", "10200004", "Liver"]}},
        {
            "value": 2,
            "name": "two",
            "color": [0, 128, 255],
            "terminology": {"type": ["SCT", "64033007", "Kidney"], "modifier": ["SCT", "7771000", "Left"]},
            "plausible_ml": [30, 2000],
        },
    ],
    "spacing": 1.5,
    "axes": {"slices": "stack", "rows": "PI", "columns": "L"},
    "intensity": {"method": "window", "lower": -125, "upper": 275},
    "enhancement": {"method": "log", "strength": 1, "trained_methods": ["log"], "trained_range": [0, 1.5]},
    "network": {"classes": 3},
    "expects": {"slices": [6, 18], "thickness": [5, 10.5], "minimum": [-1, 0]},
    "cleanup": [],
    "weights": {"file": "weights.pt", "sha256": hashlib.sha256(WEIGHTS).hexdigest()},
    "licence": "CC0",
    "citation": ["Nobody, 2025"],
    "training_data": "none",
    "validation": {"dice": 0.9},
}


def write(folder: Path, manifest) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text(
        manifest if isinstance(manifest, str) else json.dumps(manifest), encoding="utf-8"
    )
    (folder / "weights.pt").write_bytes(WEIGHTS)
    return folder


def changed(path: str, value) -> dict:
    """The manifest with the entry at a dotted path replaced, or dropped when the value is ``KeyError``."""
    manifest = copy.deepcopy(MANIFEST)
    *parents, last = (int(part) if part.isdigit() else part for part in path.split("."))
    place = manifest
    for part in parents:
        place = place[part]
    if value is KeyError:
        del place[last]
    else:
        place[last] = value
    return manifest


@pytest.fixture(scope="module")
def schema() -> dict:
    return json.loads((resources.root() / "Models" / "manifest.schema.json").read_text(encoding="utf-8"))


def bundled() -> list[Path]:
    return sorted((resources.root() / "Models").glob("*/manifest.json"))


def test_a_manifest_is_read_as_it_is_written(tmp_path):
    model = read_manifest(write(tmp_path, MANIFEST))

    assert (model.id, model.version, model.title, model.modality) == ("my-model", "1.0.0", "Two things", "MR")
    assert [(label.value, label.name, label.color) for label in model.labels] == [
        (1, "one", (1, 2, 3)), (2, "two", (0, 128, 255)),
    ]  # fmt: skip
    assert [label.plausible_ml for label in model.labels] == [None, (30, 2000)]
    assert model.axes == Axes("stack", "PI", "L")
    assert (model.intensity.method, model.intensity.lower, model.intensity.upper) == ("window", -125, 275)
    assert (model.spacing, model.network, model.cleanup) == (1.5, NetworkConfig(3), ())
    assert model.expects == Expectations(slices=(6, 18), thickness=(5, 10.5), pixel=None, minimum=(-1, 0), maximum=None)
    assert model.weights_path == tmp_path / "weights.pt"
    assert model.validation == {"dice": 0.9}


def test_a_label_carries_its_codes(tmp_path):
    one, two = read_manifest(write(tmp_path, MANIFEST)).labels
    assert (one.kind, one.modifier) == (Code("SCT", "10200004", "Liver"), None)
    assert (two.kind, two.modifier) == (Code("SCT", "64033007", "Kidney"), Code("SCT", "7771000", "Left"))
    assert one.category == Code("SCT", "123037004", "Anatomical Structure")


ENTRIES = [name for name in MANIFEST if name not in ("schema", "expects")]  # what a manifest must have


@pytest.mark.parametrize("entry", ["schema", *ENTRIES, "labels.0.color", "weights.sha256", "enhancement.trained_range"])
def test_a_missing_entry_is_named(tmp_path, entry):
    with pytest.raises(ModelError, match=f"manifest.json lacks the entry '{entry.rpartition('.')[2]}'"):
        read_manifest(write(tmp_path, changed(entry, KeyError)))


BAD = [
    ("schema", 2, "schema 2 is not 1"),
    ("labels.1.value", 3, r"label values are \[1, 3\]"),
    ("labels", [], r"label values are \[\]"),
    ("labels.1.name", "one", "two labels share one name"),
    ("labels.0.color", [1, 2], "not enough values"),
    ("labels.0.color", [1, 2, 256], r"color is outside 0\.\.255"),
    ("labels.1.plausible_ml", [60, 50], r"volume of two \[60, 50\] is not a range"),
    ("labels.1.plausible_ml", [50], "not enough values"),
    ("network.classes", 4, "number of labels plus one"),
    ("spacing", 0, r"spacing \(mm\) 0.0 is not from 0.05 to 20"),
    ("spacing", "wide", "could not convert"),
    ("axes.rows", "X", "axis direction 'X'"),
    ("axes.rows", "", "axis direction ''"),
    ("axes.columns", "stack", "only slices can run along the stack"),
    ("axes.rows", "LR", "share an axis of the body"),
    ("axes.columns", "IR", "share an axis of the body"),
    ("axes.depth", "S", "depth"),
    ("intensity.method", "z-score", "neither percentile nor window"),
    ("intensity.upper", -200, "window is empty"),
    ("intensity", {"method": "percentile", "upper": 101}, "percentiles 0.0 and 101 are not a range"),
    ("intensity", {"method": "percentile", "lower": 99, "upper": 10}, "are not a range"),
    ("enhancement.method", "sharpen", 'Unknown enhancement "sharpen"'),
    ("enhancement.trained_methods", ["log", "blur"], "unknown enhancement: blur"),
    ("enhancement.trained_range", [0, 3], r"must lie in \[0, 2\]"),
    ("enhancement.trained_range", [1.2, 2], "hold its default strength"),
    ("expects.slices", [18, 6], r"expected slices \[18, 6\] is not a range"),
    ("expects.thickness", [5], "not enough values"),
    ("expects.thickness", [5, 6, 7], "too many values"),
    ("expects.thickness", ["thin", 6], "could not convert"),
    ("expects.thickness", 5, "not iterable"),
    ("expects.depth", [5, 6], "depth"),
    ("expects", [5, 6], "items"),
    ("cleanup", ["polish"], "unknown clean-up: polish"),
    ("joined", [[1]], "joined structures"),
    ("joined", [[1, 2], [2, 1]], "no label twice"),
    ("joined", [[1, 9]], "joined structures"),
    ("joined", [["wall", 2]], "invalid literal"),
    ("cleanup", ["doubtful_base"], "doubtful_base needs a label that is myocardium"),
    ("labels", 3, "not iterable"),
]


@pytest.mark.parametrize(("entry", "value", "words"), BAD)
def test_a_value_that_cannot_be_used_is_refused_with_the_file_and_the_reason(tmp_path, entry, value, words):
    with pytest.raises(ModelError, match=f"manifest.json .*{words}"):
        read_manifest(write(tmp_path, changed(entry, value)))


@pytest.mark.parametrize(
    ("entry", "value"),
    [("spacing", float("nan")), ("expects.minimum", [float("-inf"), 0]), ("expects.pixel", [0.7, float("nan")])],
)
def test_a_number_that_is_not_finite_is_refused_wherever_it_stands(tmp_path, entry, value):
    with pytest.raises(ModelError, match="cannot be read .holds -?(NaN|Infinity) instead of a number"):
        read_manifest(write(tmp_path, changed(entry, value)))


def test_a_manifest_need_not_say_what_it_expects(tmp_path):
    assert read_manifest(write(tmp_path, changed("expects", KeyError))).expects == Expectations()


@pytest.mark.parametrize("text", ["", "{", "[1", "\x00"])
def test_a_manifest_that_is_no_json_is_refused(tmp_path, text):
    with pytest.raises(ModelError, match="manifest.json cannot be read"):
        read_manifest(write(tmp_path, text))


@pytest.mark.parametrize("text", ["[]", "3", "null", '"text"'])
def test_json_that_is_no_manifest_is_refused(tmp_path, text):
    with pytest.raises(ModelError, match="manifest.json has a value that cannot be used"):
        read_manifest(write(tmp_path, text))


def test_a_folder_without_a_manifest_is_refused(tmp_path):
    with pytest.raises(ModelError, match="manifest.json cannot be read"):
        read_manifest(tmp_path)


def test_weights_with_their_hash_pass_and_changed_or_missing_ones_are_refused(tmp_path):
    model = read_manifest(write(tmp_path, MANIFEST))
    model.verify()
    model.weights_path.write_bytes(WEIGHTS + b" ")
    with pytest.raises(ModelError, match="my-model .* checksum"):
        model.verify()
    model.weights_path.unlink()
    with pytest.raises(ModelError, match="my-model are missing .*weights.pt"):
        model.verify()


def test_a_users_folder_is_found_by_its_path(tmp_path):
    folder = write(tmp_path / "mine", MANIFEST)
    assert find_model(str(folder)).folder == folder
    assert "my-model" not in catalogue()


def test_two_bundled_models_of_one_id_are_refused(tmp_path, monkeypatch):
    folders = [write(tmp_path / "Models" / name, MANIFEST) for name in ("a", "b")]
    monkeypatch.setattr(resources, "root", lambda: tmp_path)
    with pytest.raises(ModelError, match=f'share the id "my-model": {folders[0]} and {folders[1]}'):
        catalogue()


@pytest.mark.parametrize("name", ["cardiac", "", "no/such/folder"])
def test_an_unknown_model_is_refused_with_the_known_ones(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=f'"{name}": .*cardiac-mr'):
        find_model(name)


@pytest.mark.parametrize(
    ("method", "strength", "covered"),
    [("log", 0.0, True), ("log", 1.5, True), ("log", 1.6, False), ("gamma", 1.0, False), ("none", 1.0, False)],
)
def test_enhancement_outside_training_is_known_as_such(tmp_path, method, strength, covered):
    assert read_manifest(write(tmp_path, MANIFEST)).enhancement.covers(Enhancement(method, strength)) is covered


# as the data README has them
TRUE_LABELS = {
    "cardiac-mr": ["right ventricle", "myocardium", "left ventricle"],
    "cardiac-lge": ["left ventricle", "healthy myocardium", "infarct", "no-reflow"],
    "abdomen-ct": [
        "aorta", "gallbladder", "left kidney", "right kidney", "liver", "pancreas", "spleen", "stomach",
    ],
}  # fmt: skip


@pytest.mark.parametrize("path", bundled(), ids=lambda path: path.parent.name)
def test_label_values_of_a_bundled_model_are_those_of_its_training_data(path):
    model = read_manifest(path.parent)
    values = {label.value: label.name.lower() for label in model.labels}

    assert values == dict(enumerate(TRUE_LABELS[model.id], start=1))


# of the training data (ACDC, EMIDEC, BTCV): slices, mm from one to the next, pixel in mm, smallest and largest value
TRAINED_ON = {
    "cardiac-mr": [(6, 5.0, 1.37, 0, 255), (18, 10.0, 1.68, 0, 4000)],
    "cardiac-lge": [(4, 8.0, 1.25, -1000, 1000), (10, 13.0, 2.0, 0, 4000)],
    "abdomen-ct": [(85, 5.0, 0.98, -1024, 1500), (198, 2.5, 0.59, -3024, 3071)],
}


@pytest.mark.parametrize("path", bundled(), ids=lambda path: path.parent.name)
def test_a_bundled_model_expects_volumes_like_its_training_data(path):
    model = read_manifest(path.parent)
    names = ("slices", "thickness", "pixel", "minimum", "maximum")
    for case in TRAINED_ON[model.id]:
        for name, value in zip(names, case, strict=True):
            low, high = getattr(model.expects, name) or (value, value)
            assert low <= value <= high, name
    assert model.expects.slices and model.expects.thickness and model.expects.pixel and model.expects.minimum


# ml: healthy and diseased adults, as the model cards quote them, then what no adult has
PLAUSIBLE = {
    "Left ventricle": ([22, 44, 54, 160, 214], [1, 1000]),
    "Myocardium": ([53, 93, 128, 168, 300], [5, 1000]),
    "Right ventricle": ([44, 160, 214], [1, 1000]),
    "Healthy myocardium": ([53, 93, 128, 168, 300], [5, 1000]),
    "Infarct": ([0, 20, 60, 120], [-1, 1000]),
    "No-reflow": ([0, 5, 30], [-1, 300]),
    "Aorta": ([11, 95, 280], [1, 2000]),
    "Gallbladder": ([17, 23, 50], [0.1, 1000]),
    "Left kidney": ([157, 193, 530, 1172], [5, 5000]),
    "Right kidney": ([157, 193, 530, 1172], [5, 5000]),
    "Liver": ([825, 1411, 1710, 2500], [100, 10_000]),
    "Pancreas": ([19, 64, 87, 140], [1, 1000]),
    "Spleen": ([81, 322, 1000, 3000], [5, 10_000]),
    "Stomach": ([167, 800, 1800], [5, 6000]),
}


@pytest.mark.parametrize("path", bundled(), ids=lambda path: path.parent.name)
def test_a_bundled_model_takes_adults_with_disease_for_plausible_and_nothing_beyond(path):
    for label in read_manifest(path.parent).labels:
        low, high = label.plausible_ml
        people, nobody = PLAUSIBLE[label.name]
        assert low <= min(people) and max(people) <= high, label.name
        assert min(nobody) < low and high < max(nobody), label.name


@pytest.mark.parametrize("path", bundled(), ids=lambda path: path.parent.name)
def test_a_bundled_manifest_satisfies_the_schema(path, schema):
    jsonschema.validate(json.loads(path.read_text(encoding="utf-8")), schema)


@pytest.mark.parametrize("path", bundled(), ids=lambda path: path.parent.name)
def test_a_bundled_model_brings_its_weights_license_and_sources(path):
    model = read_manifest(path.parent)
    model.verify()

    assert model.weights_path.stat().st_size < 12_000_000
    assert model.licence and model.citation and model.training_data and model.validation
    low, high = model.enhancement.trained_range
    assert low == 0 and high >= 1.5


def test_the_schema_is_a_schema_and_takes_a_good_manifest(schema):
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(MANIFEST, schema)


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        *((entry, KeyError) for entry in ["schema", *ENTRIES]),
        ("colour", "red"),
        ("id", "My Model"),
        ("labels.0.value", 1.5),
        ("labels.0.terminology.type", ["SCT", "1"]),
        ("network.colour", 1),
        ("labels.1.plausible_ml", [50]),
        ("labels.1.plausible_ml", ["few", 50]),
        ("network.colour", 1),
        ("network.widths", [8, 8]),
        ("expects.depth", [5, 6]),
        ("expects.slices", [5]),
        ("expects.minimum", ["dark", 6]),
        ("joined", [[2]]),
        ("joined", [[2, 2]]),
        ("weights.file", "../weights.pt"),
        ("weights.sha256", "ABC"),
        ("citation", "one text"),
        ("intensity", {"method": "window", "upper": 3}),
    ],
)
def test_the_schema_sees_a_manifest_that_is_wrong(schema, entry, value):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(changed(entry, value), schema)


def test_the_schema_names_the_settings_that_the_code_knows(schema):
    assert set(schema["properties"]["expects"]["properties"]) == set(Expectations.__dataclass_fields__)
    assert set(schema["properties"]["network"]["properties"]) == set(NetworkConfig.__dataclass_fields__)
    assert tuple(schema["properties"]["cleanup"]["items"]["enum"]) == CLEANUP_STEPS
