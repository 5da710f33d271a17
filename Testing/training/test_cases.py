"""Reading of a data folder."""

import json
import subprocess
import sys
import weakref

import numpy as np
import pytest
import SimpleITK as sitk
from nifti import write_nifti

from DINSegmentLib.errors import InputError
from DINSegmentLib.training.cases import case_files, cases, read_case

SHAPE = 3, 8, 6  # as stored: (Z, H, W), or (Z, X, Y) of the abdomen
ABDOMEN_AFFINE = np.array([[-1.25, 0, 0, 4], [0, 1.5, 0, -6], [0, 0, 3, -2], [0, 0, 0, 1]])


@pytest.fixture
def heart(tmp_path):
    """Data folder of cardiac form: two subjects in `train` with two frames and one, one in `valid`."""
    random = np.random.default_rng(1)
    for name in ("a1_frame01_ED", "a1_frame09_ES", "a10_frame01_ED", "b2_frame01_ED"):
        image = random.integers(0, 65536, SHAPE, dtype=np.uint16)
        np.savez(tmp_path / f"{name}.npz", image=image, label=random.integers(0, 4, SHAPE, dtype=np.uint8))
    (tmp_path / "split.json").write_text(
        json.dumps({"train": ["a10", "a1"], "valid": ["b2"], "none": []}), encoding="utf-8"
    )
    return tmp_path


@pytest.fixture
def abdomen(tmp_path):
    """Data folder of abdominal form: one case."""
    random = np.random.default_rng(2)
    np.savez(
        tmp_path / "case1.npz",
        image=random.integers(0, 256, SHAPE, dtype=np.uint8),
        label8=random.integers(0, 9, SHAPE, dtype=np.uint8),
        spacing=np.array([3, 1.25, 1.5], np.float32),
        affine=ABDOMEN_AFFINE,
    )
    (tmp_path / "split.json").write_text(json.dumps({"valid": ["case1"]}), encoding="utf-8")
    return tmp_path


def test_a_split_holds_its_subjects_in_order_and_no_subject_of_a_longer_name(heart):
    assert [path.stem for path in case_files(heart, "train")] == ["a10_frame01_ED", "a1_frame01_ED", "a1_frame09_ES"]
    assert [case.name for case in cases(heart, "valid")] == ["b2_frame01_ED"]


def test_cases_are_read_one_at_a_time(heart):
    iterator = cases(heart, "train")
    (heart / "a1_frame09_ES.npz").write_bytes(b"broken after the first was asked for")
    first = weakref.ref(next(iterator))
    assert first() is None, "the iterator keeps a case it has handed out"
    next(iterator)
    with pytest.raises(InputError, match=r"a1_frame09_ES.npz is not a valid"):
        next(iterator)


def test_cardiac_values_are_the_stored_fractions_of_65535(heart):
    case = read_case(heart / "a1_frame01_ED.npz")
    stored = np.load(heart / "a1_frame01_ED.npz")
    assert (case.image.dtype, case.label.dtype) == (np.float32, np.uint8)
    np.testing.assert_allclose(case.image, stored["image"] / 65535, rtol=1e-7)
    np.testing.assert_array_equal(case.label, stored["label"])
    assert case.nominal
    np.testing.assert_array_equal(case.geometry.spacing, (1.5625, 1.5625, 10))


def test_abdominal_values_are_hounsfield_units_on_the_axes_z_y_x(abdomen):
    case = read_case(abdomen / "case1.npz")
    stored = np.load(abdomen / "case1.npz")
    z, x, y = 2, 5, 3
    assert case.image.shape == case.label.shape == case.geometry.shape == (3, 6, 8)
    assert case.image[z, y, x] == pytest.approx(stored["image"][z, x, y] / 255 * 400 - 125, abs=1e-4)
    assert case.label[z, y, x] == stored["label8"][z, x, y]
    assert not case.nominal
    np.testing.assert_array_equal(case.geometry.ijk_to_ras, ABDOMEN_AFFINE)


@pytest.mark.parametrize(
    ("split", "message"), [("test", 'no split named "test": choose one of train, valid'), ("none", "names no subject")]
)
def test_an_unknown_or_empty_split_is_named_before_anything_is_read(heart, split, message):
    with pytest.raises(InputError, match=message):
        cases(heart, split)


def test_a_missing_folder_split_file_or_subject_is_named(heart, tmp_path):
    with pytest.raises(InputError, match="nowhere does not exist"):
        cases(tmp_path / "nowhere", "train")
    (heart / "b2_frame01_ED.npz").unlink()
    with pytest.raises(InputError, match="no .npz file of b2"):
        cases(heart, "valid")
    (heart / "split.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be read as JSON"):
        cases(heart, "valid")
    (heart / "split.json").unlink()
    with pytest.raises(InputError, match="has no split.json"):
        cases(heart, "valid")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"image": np.zeros(SHAPE, np.uint16)}, "not a training case in a known format"),
        (
            {"image": np.zeros(SHAPE, np.float32), "label": np.zeros(SHAPE, np.uint8)},
            "not a training case in a known format",
        ),
        ({"image": np.zeros(SHAPE, np.uint16), "label": np.zeros((3, 6, 8), np.uint8)}, "use one 3-D grid"),
        ({"image": np.zeros((8, 6), np.uint16), "label": np.zeros((8, 6), np.uint8)}, "use one 3-D grid"),
    ],
)
def test_a_file_of_another_form_is_refused(arrays, message, tmp_path):
    np.savez(tmp_path / "case.npz", **arrays)
    with pytest.raises(InputError, match=message):
        read_case(tmp_path / "case.npz")


@pytest.mark.parametrize("keep", [0, 10, 300, -40])
def test_a_truncated_file_is_refused(heart, keep):
    path = heart / "b2_frame01_ED.npz"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match="not a valid .npz file"):
        read_case(path)


def test_a_plain_array_and_a_missing_file_are_refused(tmp_path):
    np.save(tmp_path / "plain.npy", np.zeros(SHAPE))
    with pytest.raises(InputError, match="not a valid .npz file"):
        read_case(tmp_path / "plain.npy")
    with pytest.raises(InputError, match="does not exist"):
        read_case(tmp_path / "missing.npz")


def test_reading_cases_and_loading_evaluate_imports_no_monai_matplotlib_or_nibabel():
    code = (
        "import sys, DINSegmentLib.training.cases, DINSegmentLib.training.evaluate;"
        "print([name for name in ('monai', 'matplotlib', 'nibabel') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert ran.stdout.strip() == "[]"


@pytest.mark.data
@pytest.mark.parametrize("frame", ["frame01_ED", "frame11_ES"])
def test_a_cardiac_case_equals_the_sample_nifti(frame, shared_data, tmp_path):
    case = read_case(shared_data / "acdc" / f"patient019_{frame}.npz")
    for written, is_label in zip(write_nifti(case, tmp_path), (False, True), strict=True):
        ours = sitk.ReadImage(str(written))
        sample = sitk.ReadImage(str(shared_data / "samples" / "acdc" / written.name))
        assert ours.GetPixelID() == sample.GetPixelID()
        assert ours.GetSpacing() == sample.GetSpacing()
        for key in ("srow_x", "srow_y", "srow_z", "qform_code", "sform_code"):
            ours_numbers, sample_numbers = (file.GetMetaData(key).split() for file in (ours, sample))
            assert [float(number) for number in ours_numbers] == [float(number) for number in sample_numbers], key
        difference = np.abs(sitk.GetArrayFromImage(ours).astype(float) - sitk.GetArrayFromImage(sample)).max()
        assert difference <= (0 if is_label else 7.7e-6)  # the .npz holds 16 bits, the sample the original floats


@pytest.mark.data
def test_every_abdominal_validation_case_lies_right_in_the_patient(shared_data):
    for case in cases(shared_data / "btcv", "valid"):
        center = {value: np.argwhere(case.label == value).mean(axis=0)[::-1] for value in (3, 4, 5, 7)}
        ras = {value: (case.geometry.ijk_to_ras @ (*ijk, 1))[:3] for value, ijk in center.items()}
        assert ras[5][0] > ras[7][0], "the liver lies on the patient's right of the spleen"
        assert ras[4][0] > ras[3][0], "the right kidney lies on the patient's right of the left one"
        assert ras[5][2] > ras[4][2], "the liver lies above the right kidney"


@pytest.mark.data
def test_the_splits_have_the_published_sizes(shared_data):
    counts = {split: len(case_files(shared_data / "acdc", split)) for split in ("train", "valid")}
    assert counts == {"train": 140, "valid": 20}
    assert len(case_files(shared_data / "btcv", "valid")) == 3
    assert sum(len(case.label) for case in cases(shared_data / "acdc", "valid")) == 182


def test_a_subject_whose_own_name_is_in_parts_is_the_splits(tmp_path):
    array = np.zeros((2, 4, 4))
    for name in ("Case_N006", "Case_N007"):
        np.savez(tmp_path / f"{name}.npz", image=array.astype(np.uint16), label=array.astype(np.uint8))
    (tmp_path / "split.json").write_text(json.dumps({"valid": ["Case_N006", "Case_N007"]}), encoding="utf-8")
    assert [case.subject for case in cases(tmp_path, "valid")] == ["Case_N006", "Case_N007"]


def test_a_case_of_a_folder_of_arrays_knows_its_subject(tmp_path):
    volume = np.zeros((2, 4, 4), np.uint16)
    np.savez(tmp_path / "patient001_frame12_ES.npz", image=volume, label=volume.astype(np.uint8))
    case = read_case(tmp_path / "patient001_frame12_ES.npz")
    assert (case.name, case.subject) == ("patient001_frame12_ES", "patient001")
