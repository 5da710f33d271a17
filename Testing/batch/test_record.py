"""The record of a run: its content, and that it can be checked against the files."""

import hashlib
import json
import subprocess
import sys
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

import numpy as np
import pytest

from DINSegmentLib import __version__
from DINSegmentLib.batch.case import Case, Made
from DINSegmentLib.batch.hashes import input_hash
from DINSegmentLib.batch.record import Record, record
from DINSegmentLib.batch.versions import versions
from DINSegmentLib.engine.parameters import Parameters
from DINSegmentLib.engine.results import Device, Result
from DINSegmentLib.errors import InputError
from DINSegmentLib.geometry import Geometry
from DINSegmentLib.io import Image
from DINSegmentLib.measure import Confidence
from DINSegmentLib.model import EnhancementChoice, Expectations, find_model, read_manifest
from DINSegmentLib.notices import Notice


@pytest.fixture
def image(tmp_path):
    """A volume of 4 x 5 x 6 voxels of 1.5 x 2 x 10 mm, as if read from one file."""
    path = tmp_path / "heart.nii.gz"
    path.write_bytes(b"voxels")
    array = np.zeros((4, 5, 6), np.int16)
    return Image(array, Geometry(array.shape, np.diag([-1.5, -2.0, 10.0, 1.0])), "heart", (path,))


@pytest.fixture
def result(image):
    model = find_model("cardiac-mr")
    labels = np.zeros(image.array.shape, np.uint8)
    labels[0, 0, :5] = 3
    parameters = Parameters(enhancement=EnhancementChoice(strength=0.5)).resolved(model)
    timings = {"total": 0.51234567, "forward": 0.4}
    notices = (Notice("device", "cuda:0 ran out of memory: went on with batches of 4."),)
    device = Device("cuda:0", "CUDA as asked for", "bfloat16")
    return Result(labels=labels, model=model, parameters=parameters, timings=timings, device=device, notices=notices)


def made(image, result, outputs=(), extra=None):
    """The record of a case, as JSON holds it."""
    case = Case(image.files[0], "heart", image.files[0].parent / "out", (), extra=extra or {})
    return asdict(record(Made(case, image, result, input_hash(image.files)), outputs))


def test_a_record_comes_back_from_its_file(image, result, tmp_path):
    case = Case(image.files[0], "heart", tmp_path, ())
    written = record(Made(case, image, result, input_hash(image.files)), ["heart.seg.nrrd"])
    (tmp_path / "heart.json").write_text(json.dumps(asdict(written), allow_nan=False), encoding="utf-8")
    assert Record.read(tmp_path / "heart.json") == written


@pytest.mark.parametrize(
    "change", [{"schema": 1}, {"case": 5}, {"input": None}, {"input": {"name": "a"}}, {"outputs": "all"}, {"more": 1}]
)
def test_what_is_not_a_record_of_this_version_is_refused_with_its_name(change, image, result, tmp_path):
    path = tmp_path / "heart.json"
    path.write_text(json.dumps({**made(image, result), **change}), encoding="utf-8")
    with pytest.raises(InputError, match="heart.json is not a record of"):
        Record.read(path)


def test_a_record_names_input_model_device_and_outputs(image, result):
    written = made(image, result, ["heart.seg.nrrd", "heart.json"], {})

    assert written["input"]["name"] == written["case"] == "heart"
    assert written["input"]["path"] == str(image.files[0])
    assert written["input"]["shape"] == [4, 5, 6]
    assert written["input"]["spacing"] == [1.5, 2.0, 10.0]
    assert written["input"]["ijk_to_ras"][1] == [0.0, -2.0, 0.0, 0.0]
    assert written["input"]["dtype"] == "int16"
    assert written["model"] == {
        "id": "cardiac-mr", "version": result.model.version, "weights_sha256": result.model.sha256,
    }  # fmt: skip
    assert written["parameters"]["enhancement"] == {"method": "log", "strength": 0.5}
    assert written["device"]["name"] == "cuda:0" and written["device"]["reason"] == "CUDA as asked for"
    assert written["device"]["precision"] == "bfloat16"
    assert [one["text"] for one in written["notices"] if one["kind"] == "device"] == [result.notices[0].text]
    assert written["timings"] == {"forward": 0.4, "total": 0.5123}
    assert written["outputs"] == ["heart.seg.nrrd", "heart.json"]


def test_a_model_that_tells_infarcts_has_their_size_in_the_record(image, result, repository):
    model = read_manifest(repository / "Resources" / "Models" / "CardiacLGE")
    labels = np.zeros(image.array.shape, np.uint8)
    labels[1, 0, :4] = 2, 2, 3, 4
    written = made(image, replace(result, model=model, labels=labels))

    assert written["infarct"]["share_percent"] == 50 and written["infarct"]["slice_share_percent"] == [
        None,
        50,
        None,
        None,
    ]
    assert written["infarct"]["infarct_ml"] == pytest.approx(2 * 0.03)
    assert json.loads(json.dumps(written, allow_nan=False)) == written
    assert made(image, result)["infarct"] is None


def test_a_structure_that_is_missing_is_noticed(image, result):
    found = made(image, result, [], {"site": "A"})
    assert ("missing", "Myocardium") in [(flag["kind"], flag["structure"]) for flag in found["notices"]]
    assert found["extra"] == {"site": "A"}


def test_a_slice_that_the_clean_up_emptied_is_noticed(image, result):
    emptied = Notice("base", "Slice 1 was emptied.", slice=0, axis=0)
    found = made(image, replace(result, notices=(emptied,)))
    assert emptied.as_dict() in found["notices"]


@pytest.mark.parametrize(("modality", "kinds"), [(None, ["range"]), ("MR", ["range"]), ("CT", ["modality", "range"])])
def test_an_image_unlike_those_that_the_model_learned_from_is_noticed_as_a_whole(modality, kinds, image, result):
    expects = Expectations(minimum=(-10, 5), maximum=(100, 900))
    result = replace(result, model=replace(result.model, expects=expects), notices=())
    written = made(replace(image, modality=modality), result)
    whole = [flag for flag in written["notices"] if flag["structure"] is None]
    assert [flag["kind"] for flag in whole] == kinds
    assert "0 to 0" in whole[-1]["text"]

    fitting = image.array.copy()
    fitting[0, 0, 0] = 500
    written = made(replace(image, array=fitting), result)
    assert not [flag for flag in written["notices"] if flag["structure"] is None]


def test_volumes_are_voxels_times_their_size(image, result):  # of 30 mm^3
    by_name = {one["name"]: one for one in made(image, result)["structures"]}

    left = by_name["Left ventricle"]
    assert (left["value"], left["voxels"], left["volume_ml"], left["slices"]) == (3, 5, 0.15, 1)
    assert left["touches_border"] and left["touches_end"]
    assert by_name["Myocardium"]["voxels"] == 0


def test_confidence_of_structures_and_slices_to_review_are_told(image, result):
    voxels = np.zeros((4, 4), np.int64)
    voxels[:, 0], voxels[0] = 30, [25, 0, 0, 5]
    sure = voxels * np.array([1, 1, 1, 0.75])
    expected = sure + np.array([[1.25, 0, 0, 0]] + 3 * [[0, 0, 0, 0]])
    result = replace(result, confidence=Confidence(0, voxels, sure, expected), removed={3: 45})
    found = made(image, result)
    by_name = {one["name"]: one for one in found["structures"]}

    assert by_name["Left ventricle"]["confidence"] == 0.75 and by_name["Myocardium"]["confidence"] is None
    assert by_name["Left ventricle"]["removed"] == 45
    kinds = {flag["kind"] for flag in found["notices"] if flag["structure"] == "Left ventricle"}
    assert {"parts", "confidence"} <= kinds
    (doubt,) = found["review"]  # a tenth of four slices, rounded up
    assert (doubt["slice"], doubt["axis"], doubt["structure"], doubt["expected_errors"]) == (
        0,
        0,
        "Left ventricle",
        1.2,
    )


def test_the_hash_of_one_file_is_its_own(image, result):
    written = made(image, result)["input"]
    assert written["files"] == 1
    assert written["sha256"] == hashlib.sha256(b"voxels").hexdigest()


def test_the_hash_of_a_folder_is_that_of_its_sorted_hashes_whatever_the_order_of_its_files(tmp_path, image, result):
    folder = tmp_path / "series"
    folder.mkdir()
    for name, content in (("a", b"first"), ("b", b"second")):
        (folder / name).write_bytes(content)
    files = (folder / "a", folder / "b")
    lines = sorted(hashlib.sha256(content).hexdigest() + "\n" for content in (b"first", b"second"))
    wanted = hashlib.sha256("".join(lines).encode()).hexdigest()

    for order in (files, files[::-1]):
        series = Image(image.array, image.geometry, "series", order, "MR")
        written = made(series, result)["input"]
        assert (written["files"], written["sha256"], written["modality"]) == (2, wanted, "MR")


def test_the_date_is_now_in_utc(image, result):
    written = datetime.fromisoformat(made(image, result)["date"])
    assert written.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - written) < timedelta(minutes=1)


def test_versions_are_those_installed(image, result):
    found = made(image, result)["versions"]

    assert found == versions()
    assert found["dinsegment"] == __version__
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    for package in ("torch", "numpy", "SimpleITK", "slicer-core"):
        assert found[package] == version(package)


def test_asking_for_versions_imports_nothing_heavy():
    code = (
        "import sys; from DINSegmentLib.batch.versions import versions; versions(); "
        "print(sorted({'torch', 'numpy', 'SimpleITK', 'slicer'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert found.stdout.strip() == "[]"


def test_a_record_of_the_former_clahe_says_that_the_method_changed(tmp_path):
    path = tmp_path / "v.json"
    path.write_text(json.dumps({"schema": 1, "parameters": {"enhancement": "clahe", "strength": 1.0}}), "utf-8")

    with pytest.raises(InputError, match=r"v\.json was made with an earlier clahe method"):
        Record.read(path)
