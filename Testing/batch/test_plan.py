"""The dry run: what would be segmented and rejected, from headers, with estimates that follow the size."""

import json
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from DINSegmentLib import io
from DINSegmentLib.batch import plan as dryrun
from DINSegmentLib.inputs.search import Refused, find
from DINSegmentLib.io.probe import peek
from DINSegmentLib.model import find_model

HEART = find_model("cardiac-mr")


def volume(path: Path, shape=(64, 60, 8), spacing=(1.5, 1.5, 10.0)) -> Path:
    """Axes of the array as in the file: I, J, K."""
    voxels = np.random.default_rng(0).integers(0, 99, shape).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(voxels, np.diag([*spacing, 1.0])), path)
    return path


def series(folder: Path, count: int = 6, modality: str = "CT") -> Path:
    folder.mkdir()
    uid = generate_uid()
    for k in range(count):
        meta = pydicom.dataset.FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = CTImageStorage, ExplicitVRLittleEndian
        meta.MediaStorageSOPInstanceUID = generate_uid()
        data = pydicom.dataset.FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
        data.SOPInstanceUID, data.SeriesInstanceUID, data.Modality = meta.MediaStorageSOPInstanceUID, uid, modality
        data.Rows, data.Columns, data.PixelSpacing = 10, 12, [1.25, 1.5]
        data.ImageOrientationPatient, data.ImagePositionPatient = [0, 1, 0, 0, 0, -1], [8 * k, 0, 0]
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 0
        data.PixelData = bytes(240)
        data.save_as(folder / f"IM{k}", enforce_file_format=True)
    return folder


def test_a_description_holds_every_case_and_survives_json(tmp_path):
    volume(tmp_path / "a.nii.gz")
    series(tmp_path / "exam")
    described = dryrun.describe(find([tmp_path]), HEART, "cpu")
    assert json.loads(json.dumps(described, allow_nan=False)) == described
    first, second = described["cases"]
    assert (first["case"], first["shape"], first["spacing"]) == ("a", [8, 60, 64], [1.5, 1.5, 10.0])
    assert first["bytes"] == (tmp_path / "a.nii.gz").stat().st_size and first["model"] == "cardiac-mr"
    assert (second["case"], second["shape"], second["spacing"]) == ("exam", [6, 10, 12], [1.5, 1.25, 8.0])
    assert not first["warnings"] and "is CT; this model was trained on MR" in second["warnings"][0]
    total = described["total"]
    assert total["cases"] == 2 and total["bytes"] == first["bytes"] + second["bytes"]
    assert total["seconds"] == pytest.approx(first["seconds"] + second["seconds"] + 3, abs=0.1)
    assert total["peak_bytes"] == max(first["peak_bytes"], second["peak_bytes"]) > 8 * 60 * 64 * 4


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "a.mha", "exam"])
def test_a_peek_sees_the_grid_that_reading_gives(name, tmp_path):
    path = tmp_path / name
    if name == "exam":
        series(path)
    else:
        source = io.read(volume(tmp_path / "source.nii"))
        image = io.image
        io.write_labelmap(source.array.astype(np.uint8), source, path) if ".nii" in name else convert(path)
        assert image.case_name(path) == "a"
    glance, image = peek(path), io.read(path)
    assert glance.geometry.shape == image.array.shape
    np.testing.assert_allclose(glance.geometry.ijk_to_ras, image.geometry.ijk_to_ras, atol=1e-9)
    assert glance.voxel_bytes == (2 if name == "exam" else image.array.dtype.itemsize)


def convert(path: Path) -> None:
    import SimpleITK as sitk

    source = sitk.ReadImage(str(path.with_name("source.nii")))
    sitk.WriteImage(source, str(path))


def test_what_would_be_refused_is_told_with_its_reason(tmp_path):
    volume(tmp_path / "good.nii")
    volume(tmp_path / "thin.nii", (20, 20, 1))
    nibabel.save(nibabel.Nifti1Image(np.zeros((9, 8, 7, 3), np.int16), np.eye(4)), tmp_path / "cine.nii.gz")
    (tmp_path / "text.nrrd").write_text("hello", encoding="utf-8")
    (tmp_path / "zero.mha").touch()
    path = volume(tmp_path / "half.nii")
    path.write_bytes(path.read_bytes()[:5000])
    next(series(tmp_path / "exam").glob("IM3")).unlink()
    described = dryrun.describe(find([tmp_path]), HEART, "cpu")
    assert [(case["case"], case["frames"]) for case in described["cases"]] == [("cine", 3), ("good", 1)]
    told = {Path(one["path"]).name: one["reason"] for one in described["refused"]}
    expected = {
        "thin.nii": "only one slice", "text.nrrd": "not a valid NRRD file", "zero.mha": "empty file",
        "half.nii": "truncated", "exam": "unevenly spaced",
    }  # fmt: skip
    assert told.keys() == expected.keys()
    for name, text in expected.items():
        assert text in told[name]
    text = dryrun.format_text(described)
    assert all(f": {reason}" in text for reason in told.values())
    assert "2 to segment" in text and "5 rejected" in text and "estimate" in text and "9 x 8 x 7 x 3" in text
    abdomen = dryrun.describe(find([tmp_path / "cine.nii.gz"]), find_model("abdomen-ct"), "cpu")
    assert "pick one with --frame" in abdomen["refused"][0]["reason"]


def test_time_grows_with_the_slices_and_halves_without_mirroring(tmp_path, monkeypatch):
    monkeypatch.setattr(dryrun, "_SECONDS_PER_CASE", 0)
    monkeypatch.setattr(dryrun, "_SECONDS_PER_VOXEL", 0)
    monkeypatch.setattr(dryrun, "_SECONDS_PER_SCORE", 0)
    volume(tmp_path / "a.nii", (256, 256, 20), (HEART.spacing, HEART.spacing, 10))
    volume(tmp_path / "b.nii", (256, 256, 40), (HEART.spacing, HEART.spacing, 10))
    volume(tmp_path / "c.nii", (256, 256, 20), (2 * HEART.spacing, 2 * HEART.spacing, 10))  # four times the pixels

    def seconds(mirroring):
        return [case["seconds"] for case in dryrun.describe(find([tmp_path]), HEART, "cpu", mirroring)["cases"]]

    a, b, c = seconds(True)
    assert b == pytest.approx(2 * a, rel=0.1) and c == pytest.approx(4 * a, rel=0.1)
    assert seconds(False)[0] == pytest.approx(a / 2, rel=0.1)


def test_no_time_is_told_for_a_device_that_was_not_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(dryrun, "_SECONDS_PER_PIXEL", {})
    described = dryrun.describe(find([volume(tmp_path / "a.nii")]), HEART, "cpu")
    assert described["cases"][0]["seconds"] is None and described["total"]["seconds"] is None
    assert "not estimated" in dryrun.format_text(described)


def test_a_line_of_a_table_may_name_another_model(tmp_path):
    for name in "abc":
        volume(tmp_path / f"{name}.nii")
    (tmp_path / "list.csv").write_text("path,model\na.nii,abdomen-ct\nb.nii,nonsense\nc.nii,\n", encoding="utf-8")
    described = dryrun.describe(find([tmp_path / "list.csv"]), HEART, "cpu")
    assert [case["model"] for case in described["cases"]] == ["abdomen-ct", "cardiac-mr"]
    assert 'Unknown model "nonsense"' in described["refused"][0]["reason"]


def test_nothing_to_do_is_said():
    described = dryrun.describe([Refused(Path("x"), "x does not exist: check the path.")], HEART, "cpu")
    assert described["total"]["seconds"] == 0
    assert "0 to segment (0.0 MB), 0 left out, 1 rejected" in dryrun.format_text(described)


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="Linux counts the bytes that a process reads")
def test_no_voxel_is_read(tmp_path):
    volume(tmp_path / "a.nii", (200, 200, 100))
    volume(tmp_path / "b.nii.gz", (200, 200, 100))
    found = find([tmp_path])
    dryrun.describe(found, HEART, "cpu")
    before = bytes_read()
    dryrun.describe(found, HEART, "cpu")
    assert bytes_read() - before < 1_000_000 < sum(item.size for item in found) / 8


def bytes_read() -> int:
    return int(Path("/proc/self/io").read_text(encoding="utf-8").split()[1])
