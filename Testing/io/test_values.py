"""Values and positions that a reading library changes or ignores are read as the file defines them."""

from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from input_files import image, without_mark
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, generate_uid

from DINSegmentLib.engine.preprocessing import normalization
from DINSegmentLib.errors import InputError
from DINSegmentLib.io import read, read_cine
from DINSegmentLib.model import Intensity

MR = "1.2.840.10008.5.1.4.1.1.4"
VALUES = np.arange(4 * 2 * 2).reshape(4, 2, 2) * 10 + 5


def slices(folder: Path, values: np.ndarray, **tags) -> Path:
    for k, plane in enumerate(values):
        kind = "<i2" if values.min() < 0 else "<u2"
        own = {tag: value(k) if callable(value) else value for tag, value in tags.items()}
        image(
            folder / f"{k}", "1.2", k, MR,
            **{"Modality": "MR", "PixelRepresentation": int(values.min() < 0),
               "PixelData": plane.astype(kind).tobytes(), **own},
        )  # fmt: skip
    return folder


def enhanced(path: Path, values: np.ndarray, frame=lambda k: {}, shared=None, syntax=ExplicitVRLittleEndian, **tags):
    """An enhanced MR file; ``frame`` and ``shared`` are further functional groups."""

    def groups(**found):
        data = Dataset()
        for name, content in found.items():
            item = Dataset()
            for key, value in content.items():
                setattr(item, key, value)
            setattr(data, name, Sequence([item]))
        return data

    image(path, "1.2", 0, "1.2.840.10008.5.1.4.1.1.4.1")
    data = pydicom.dcmread(path)
    for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
        del data[name]
    data.NumberOfFrames, data.PixelData = len(values), values.astype("<u2").tobytes()
    data.Modality, data.SOPInstanceUID, data.SOPClassUID = "MR", generate_uid(), data.file_meta.MediaStorageSOPClassUID
    data.PerFrameFunctionalGroupsSequence = Sequence(
        [groups(PlanePositionSequence={"ImagePositionPatient": [0, 0, k]}, **frame(k)) for k in range(len(values))]
    )
    common = {
        "PlaneOrientationSequence": {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]},
        "PixelMeasuresSequence": {"PixelSpacing": [1, 1]},
        **(shared or {}),
    }
    data.SharedFunctionalGroupsSequence = Sequence([groups(**common)])
    for name, value in tags.items():
        if name == "PixelPaddingValue":
            data.add_new(name, "US", value)
        else:
            setattr(data, name, value)
    data.file_meta.TransferSyntaxUID = syntax
    data.save_as(path)
    return path


# missing numbers


def floats(path: Path, array: np.ndarray) -> Path:
    if ".nii" in path.name:
        nibabel.save(nibabel.Nifti1Image(array.astype(np.float32).T, np.eye(4)), path)
    else:
        sitk.WriteImage(sitk.GetImageFromArray(array.astype(np.float32)), str(path))
    return path


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nii", "a.mha", "a.nrrd"])
@pytest.mark.parametrize(("shift", "background"), [(0, 5), (-1000, -1024)], ids=["MR", "CT"])
def test_nan_is_background_and_not_counted(tmp_path, name, shift, background):
    array = VALUES + shift + 0.0
    array[0] = array[2, 1, 1]
    array[0, 0, 0] = array[3, 1, 0] = np.nan
    found = read(floats(tmp_path / name, array))
    (notice,) = found.notices
    assert "12.5%" in notice.text and f"set to {np.nanmin(array) if shift == 0 else -1024:g}" in notice.text
    np.testing.assert_array_equal(np.asarray(found.array)[np.isnan(array)], np.nanmin(array) if shift == 0 else -1024)
    np.testing.assert_array_equal(np.asarray(found.array)[~np.isnan(array)], array[~np.isnan(array)])
    assert found.array.mean() == pytest.approx(np.nanmean(array))


def test_nan_in_a_cine_is_background(tmp_path):
    array = np.stack([VALUES, VALUES + 1]) + 0.0
    array[1, 0, 0, 0] = np.nan
    cine = read_cine(floats(tmp_path / "a.nii.gz", array))
    assert np.asarray(cine.array)[1, 0, 0, 0] == 5 and len(cine.first.notices) == 1


def test_nothing_but_nan_and_infinite_values_are_refused(tmp_path):
    with pytest.raises(InputError, match="only NaN voxels"):
        read(floats(tmp_path / "a.nii.gz", np.full((4, 3, 2), np.nan)))
    array = VALUES + 0.0
    array[0, 0, 0] = np.inf
    with pytest.raises(InputError, match="infinite"):
        read(floats(tmp_path / "b.nii.gz", array))


def test_a_nifti_file_that_is_not_packed_may_be_called_gz(tmp_path):
    plain = floats(tmp_path / "a.nii", VALUES)
    plain.rename(tmp_path / "b.nii.gz")
    np.testing.assert_array_equal(read(tmp_path / "b.nii.gz").array, VALUES)


# padding


@pytest.mark.parametrize("value", [65535, 0, 4096])
@pytest.mark.parametrize("syntax", ["explicit", "implicit"])
def test_padding_is_background_and_no_signal(tmp_path, value, syntax):
    values = VALUES.copy()
    values[:, :, 0] = value
    folder = slices(tmp_path, values, PixelPaddingValue=value)
    if syntax == "implicit":
        for path in folder.iterdir():
            data = pydicom.dcmread(path)
            data.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2"
            pydicom.dcmwrite(path, data, implicit_vr=True, little_endian=True)
    found = read(folder).array
    np.testing.assert_array_equal(np.asarray(found)[:, :, 0], 15)
    np.testing.assert_array_equal(np.asarray(found)[:, :, 1], VALUES[:, :, 1])
    asked = Intensity("percentile", 0, 99)
    assert normalization(found, asked) == normalization(VALUES[:, :, 1], asked)


def test_a_range_of_padding_and_a_signed_value(tmp_path):
    values = VALUES - 100
    values[0, 0] = -2000, -1990
    found = read(slices(tmp_path, values, PixelPaddingValue=-2000, PixelPaddingRangeLimit=-1980))
    assert np.asarray(found.array)[0, 0].tolist() == [values[0, 1].min()] * 2


def test_padding_of_ct_is_air(tmp_path):
    values = VALUES.copy()
    values[:, 0, 0] = 63536  # -2000 of 16 bits
    folder = slices(tmp_path, values, Modality="CT", PixelPaddingValue=63536, RescaleSlope=1, RescaleIntercept=-1024)
    found = read(folder).array
    assert (np.asarray(found)[:, 0, 0] == -1024).all()
    np.testing.assert_array_equal(np.asarray(found)[:, 1], VALUES[:, 1] - 1024)


def test_padding_of_an_enhanced_file(tmp_path):
    values = VALUES.copy()
    values[:, 0, 0] = 65535
    found = read(enhanced(tmp_path / "e.dcm", values, PixelPaddingValue=65535)).array
    assert (np.asarray(found)[:, 0, 0] == 15).all() and found.max() == VALUES.max()


# scales


def test_slopes_that_differ_between_slices_are_applied_to_each(tmp_path):
    folder = slices(tmp_path, VALUES, RescaleSlope=lambda k: ["1", "0.5", "2", "1.25"][k], RescaleIntercept="-3")
    np.testing.assert_allclose(read(folder).array, VALUES * np.array([1, 0.5, 2, 1.25])[:, None, None] - 3)


def test_the_frames_own_scale_and_place_come_before_those_of_all(tmp_path):
    def own(k):
        if k % 2:
            return {}
        return {"PixelValueTransformationSequence": {"RescaleSlope": 3, "RescaleIntercept": k}}

    shared = {"PixelValueTransformationSequence": {"RescaleSlope": 2, "RescaleIntercept": 1}}
    found = read(enhanced(tmp_path / "e.dcm", VALUES, own, shared)).array
    np.testing.assert_allclose(found, [VALUES[k] * (2 if k % 2 else 3) + (1 if k % 2 else k) for k in range(4)])


# brightness


def test_inverted_mr_is_turned_upright_in_every_kind_of_file(tmp_path):
    inverted = 4095 - VALUES
    one = slices(tmp_path / "one", inverted, PhotometricInterpretation="MONOCHROME1", BitsStored=12, HighBit=11)
    many = enhanced(tmp_path / "e.dcm", inverted, PhotometricInterpretation="MONOCHROME1")
    for found in (read(one).array, read(many).array):
        np.testing.assert_array_equal(found - found.min(), VALUES - VALUES.min())


def test_hounsfield_units_stay_what_they_are_however_they_are_shown(tmp_path):
    values = np.zeros((3, 4, 4), int) + 24  # air
    values[:, 1:3, 1:3] = 1074
    common = {"Modality": "CT", "RescaleSlope": 1, "RescaleIntercept": -1024, "Rows": 4, "Columns": 4}
    found = read(slices(tmp_path, values, PhotometricInterpretation="MONOCHROME1", **common)).array
    np.testing.assert_array_equal(found, values - 1024)


# ways to store a file


def test_a_deflated_enhanced_file_is_read_without_a_word(tmp_path, recwarn):
    path = enhanced(tmp_path / "e.dcm", VALUES, syntax=DeflatedExplicitVRLittleEndian)
    np.testing.assert_array_equal(read(path).array, VALUES)
    assert not recwarn.list


@pytest.mark.parametrize(("suffix", "preamble"), [(".dcm", False), ("", False), ("", True)])
@pytest.mark.parametrize("implicit", [True, False])
def test_files_without_their_mark_are_read(tmp_path, suffix, preamble, implicit):
    without_mark(slices(tmp_path, VALUES), suffix, preamble, implicit)
    np.testing.assert_array_equal(read(tmp_path).array, VALUES)


def test_files_without_their_mark_in_big_endian_are_read(tmp_path):
    slices(tmp_path, VALUES)
    for path in list(tmp_path.iterdir()):
        data = pydicom.dcmread(path)
        data.PixelData = np.frombuffer(data.PixelData, "<u2").astype(">u2").tobytes()
        del data.file_meta
        data.preamble = None
        pydicom.dcmwrite(path, data, implicit_vr=False, little_endian=False, force_encoding=True)
    np.testing.assert_array_equal(read(tmp_path).array, VALUES)


@pytest.mark.parametrize("kind", ["zeros behind the pixels", "another encoding than it names"])
def test_files_that_gdcm_refuses_are_read_by_pydicom(tmp_path, kind):
    scaled = {"RescaleSlope": "2", "RescaleIntercept": "-7", "PhotometricInterpretation": "MONOCHROME1"}
    slices(tmp_path, VALUES, **scaled)
    plain = read(tmp_path).array
    for path in list(tmp_path.iterdir()):
        content = path.read_bytes()
        named, other = b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2\0\0\0"
        assert named in content
        path.write_bytes(content + bytes(100) if kind.startswith("zeros") else content.replace(named, other, 1))
    np.testing.assert_array_equal(read(tmp_path).array, plain)


# places


def test_two_places_of_one_nifti_header_are_noticed(tmp_path):
    picture = nibabel.Nifti1Image(VALUES.astype(np.int16).T, np.diag([1.0, 1.0, 2.0, 1.0]))
    picture.set_qform(np.diag([1.0, 1.0, 2.0, 1.0]), 1)
    picture.set_sform(np.array([[1, 0, 0, 40], [0, 1, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1.0]]), 2)
    nibabel.save(picture, tmp_path / "a.nii")
    found = read(tmp_path / "a.nii")
    used = "sform" if found.geometry.ijk_to_ras[0, 3] == 40 else "qform"
    assert found.notices[0].kind == "input" and f"40 mm; the {used}" in found.notices[0].text


def test_a_nifti_header_without_a_place_is_noticed(tmp_path):
    nibabel.save(
        picture := nibabel.Nifti1Image(VALUES.astype(np.int16).T, np.diag([-1.0, -1.0, 2.0, 1.0])), tmp_path / "a.nii"
    )
    assert not read(tmp_path / "a.nii").notices
    picture.set_qform(None, 0)
    picture.set_sform(None, 0)
    nibabel.save(picture, tmp_path / "a.nii")
    assert "check left and right" in read(tmp_path / "a.nii").notices[0].text
