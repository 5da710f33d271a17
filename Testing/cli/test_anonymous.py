"""`--anonymous`: no output or message contains a name or path of an input."""

import gzip
import json
import shutil

import nibabel
import numpy as np
import pydicom
import pytest
from csv_rows import rows
from PIL import Image

NAMES = ("Mueller", "Anna", "ward9", "secret")
FORMATS = ("--format", "seg.nrrd", "--format", "nii.gz", "--format", "stl", "--preview")


@pytest.fixture
def inputs(write, write_series, voxels, tmp_path):
    """Names in paths, in headers, in a table and in what cannot be read."""
    folder = tmp_path / "ward9" / "Mueller_Anna"
    folder.mkdir(parents=True)
    image = nibabel.Nifti1Image(voxels.T, np.diag([-1.4, -1.3, 8.0, 1.0]))
    image.header["descrip"], image.header["aux_file"] = b"Mueller^Anna", b"secret"
    image.header["db_name"], image.header["intent_name"] = b"Mueller", b"Anna"
    nibabel.save(image, folder / "Anna1.nii.gz")
    nibabel.save(nibabel.Nifti1Image(np.stack([voxels, voxels[:, ::-1]]).T, np.eye(4)), folder / "cine_Anna.nii.gz")
    shutil.copy(folder / "Anna1.nii.gz", folder / "Anna2.nii.gz")
    write_series("ward9/secret")
    for path in (tmp_path / "ward9" / "secret").iterdir():
        dataset = pydicom.dcmread(path)
        dataset.PatientName, dataset.PatientID, dataset.SeriesDescription = "Mueller^Anna", "secret", "of Anna"
        dataset.save_as(path)
    (folder / "Mueller.nrrd").write_bytes(b"NRRD0005\nsecret")
    (folder / "Anna.nii.gz").write_bytes(b"")
    write("ward9/flatAnna.nrrd", np.full((4, 8, 8), 7, np.int16))
    write("ward9/tabled.nrrd", np.roll(voxels, 3, axis=2))
    (tmp_path / "ward9" / "list.csv").write_text(
        "path,case,doctor\ntabled.nrrd,secret,Mueller\nnoAnna.nrrd,,\n", encoding="utf-8"
    )
    return tmp_path / "ward9" / "list.csv", tmp_path / "ward9"


def plain(path):
    """Bytes of a file, also of what is packed in it; of a picture all but its pixels, which may look like text."""
    raw = path.read_bytes()
    if path.suffix == ".png":
        image = Image.open(path)
        image.load()
        return str(image.info).encode()
    if path.name.endswith(".gz"):
        return raw + gzip.decompress(raw)
    header, _, packed = raw.partition(b"\n\n") if path.name.endswith(".nrrd") else (raw, b"", b"")
    return header + (gzip.decompress(packed) if packed[:2] == b"\x1f\x8b" else packed)


def leaks(text):
    return [name for name in NAMES if name.lower().encode() in text.lower()]


@pytest.mark.parametrize("more", [(), ("--json",), ("--workers", 2), ("--scheduler",)], ids=str)
def test_no_planted_name_is_in_any_byte(more, inputs, segment, tmp_path, request):
    if more == ("--scheduler",):
        file, _ = request.getfixturevalue("scheduler")("")
        more = ("--scheduler", file)
    outcome = segment(*inputs, "--anonymous", *FORMATS, *more)

    assert outcome.code == 1, outcome.err
    assert leaks((outcome.out + outcome.err).encode()) == []
    out = tmp_path / "out"
    assert str(tmp_path) not in (outcome.out + outcome.err)
    files = [path for path in out.rglob("*") if path.is_file()]
    assert len(list(out.glob("*.seg.nrrd"))) == 5 and (out / "report.html").is_file()
    assert len(list(out.glob("*_curve.png"))) == 1
    for path in files:
        content = str(path.relative_to(out)).encode() + plain(path)
        assert leaks(content) == [], path
        assert bytes(tmp_path) not in content, path
    found = rows(out / "statistics.csv")
    assert "doctor" not in found[0] and {row["case"] for row in found} == {row["input"] for row in found}


def test_ids_are_the_contents_and_the_run_goes_on_elsewhere(segment, write, tmp_path):
    write("a.nrrd")
    assert segment(tmp_path / "a.nrrd", "--anonymous", "--format", "nii.gz").code == 0
    (result,) = (tmp_path / "out").glob("*.nii.gz")
    (tmp_path / "a.nrrd").rename(tmp_path / "b.nrrd")
    outcome = segment(tmp_path / "b.nrrd", "--anonymous", "--format", "nii.gz")
    assert outcome.code == 0 and "already segmented, skipped" in outcome.out
    assert list((tmp_path / "out").glob("*.nii.gz")) == [result]


def test_an_anonymous_record_is_run_again_when_its_input_is_named(segment, command, write, tiny_model, tmp_path):
    path = write("Anna.nii.gz")
    assert segment(path, "--anonymous", "--format", "nii.gz").code == 0
    (record,) = (tmp_path / "out").glob("*.json")
    again = ("rerun", record, "--output", tmp_path / "again", "--model", tiny_model)
    refused = command(*again)
    assert refused.code == 2 and "add --input" in refused.err
    assert command(*again, "--input", path).code == 0
    name = f"{record.stem}.nii.gz"
    assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()
    assert leaks((tmp_path / "again" / record.name).read_bytes()) == []


def test_no_warning_about_the_input_quotes_a_name(segment, command, tiny_model, write_series, tmp_path):
    series = write_series("secret")
    for number, path in enumerate(sorted(series.iterdir())):
        dataset = pydicom.dcmread(path)
        dataset.PatientID, dataset.SeriesDescription = "secret", "of Anna"
        dataset.PatientName = "Mueller^Anna" if number % 2 else "Mueller^Annabel"
        if number != 2:  # a gap
            dataset.save_as(path.with_name(f"Anna{number}.dcm"))
        path.unlink()
    options = ("--format", "nii.gz", "--format", "html")
    named = segment(series, *options, "--resample", "--output", tmp_path / "named")
    assert "Annabel" in named.err and ".dcm" in named.err, named.err

    outcome = segment(series, *options, "--resample", "--anonymous")
    assert outcome.code == 0 and outcome.err.count("without --anonymous") == 2, outcome.err
    (record,) = (tmp_path / "out").glob("*.json")
    report = tmp_path / "out" / f"{record.stem}_report.html"
    assert leaks((outcome.out + outcome.err).encode() + record.read_bytes() + report.read_bytes()) == []
    assert {"input", "identity"} <= {one["kind"] for one in json.loads(record.read_bytes())["notices"]}

    again = command("report", record, "--input", series, "--model", tiny_model, "--overwrite")
    assert again.code == 0, again.err
    assert leaks(report.read_bytes()) == []
    assert report.read_text(encoding="utf-8").count("without --anonymous") == 2


def test_an_image_named_like_labels_is_not_quoted(segment, write, tmp_path):
    outcome = segment(write("Anna_seg.nrrd"), "--anonymous")
    (record,) = (tmp_path / "out").glob("*.json")
    assert outcome.code == 0 and "without --anonymous" in outcome.err
    assert leaks(outcome.err.encode() + record.read_bytes()) == []


@pytest.mark.parametrize("option", [("--format", "dcm"), ("--dry-run",)])
def test_what_cannot_be_anonymous_is_refused(option, segment, write_series, tmp_path):
    outcome = segment(write_series("Anna"), "--anonymous", *option)
    assert outcome.code == 2 and "--anonymous" in outcome.err and len(outcome.err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_model_that_cannot_be_used_is_not_quoted(segment, write, write_model, tmp_path):
    folder = write_model(tmp_path / "Anna" / "model", "stack").folder
    (folder / "manifest.json").write_text("{", encoding="utf-8")
    for model in (tmp_path / "Mueller", folder):
        outcome = segment(write("a.nrrd"), "--anonymous", "--model", model)
        assert outcome.code == 2 and "Model not found" in outcome.err
        assert leaks(outcome.err.encode()) == [] and str(tmp_path) not in outcome.err


def test_an_unexpected_fault_tells_no_name(segment, write, tmp_path, monkeypatch):
    from DINSegmentLib.batch import steps

    def fail(*arguments, **values):
        raise RuntimeError("Anna")

    monkeypatch.setattr(steps, "segment", fail)
    outcome = segment(write("Anna.nrrd"), "--anonymous")
    assert outcome.code == 2 and "failed unexpectedly" in outcome.err and leaks(outcome.err.encode()) == []


def test_no_unused_byte_of_a_nifti_header_is_handed_on(segment, write, tmp_path):
    path = write("v.nii")
    content = bytearray(path.read_bytes())
    planted = 0
    for first, last in ((4, 40), (56, 70), (74, 76), (92, 108), (120, 123), (124, 252), (256, 280), (328, 344)):
        content[first:last] = (b"Doe^Jane" * 20)[: last - first]
        planted += last - first
    content[252:254] = bytes(2)  # no qform: the quaternion is unused
    path.write_bytes(content)
    assert planted > 200
    assert segment(path, "--anonymous", "--format", "nii.gz").code == 0
    (result,) = (tmp_path / "out").glob("*.nii.gz")
    header = gzip.decompress(result.read_bytes())[:348]
    assert b"Doe" not in header and b"Jane" not in header
    assert nibabel.load(result).shape == nibabel.load(path).shape
    assert np.allclose(nibabel.load(result).affine, nibabel.load(path).affine)
