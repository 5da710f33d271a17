"""Bad inputs on the command line: one sentence, exit code 2, and nothing written, changed or left behind."""

import gzip
import json
import os
import struct

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from DINSegmentLib import memory

pytestmark = pytest.mark.faults


@pytest.fixture
def refused(segment, tmp_path, listing):
    """Assert that a run fails as promised; ``text`` is in its sentence, which names ``named``."""

    def check(*arguments, text, named, code=2):
        before = listing(tmp_path)
        outcome = segment(*arguments)
        sentence = outcome.err.removesuffix("\n")
        assert outcome.code == code
        assert outcome.out == ""
        assert text in sentence and named in sentence, sentence
        assert "\n" not in sentence and sentence.endswith(".") and sentence.count(". ") <= 1, sentence
        assert ": " in sentence or "--help" in sentence, f"no next step: {sentence}"
        assert listing(tmp_path) == before

    return check


def patched(path, offset, form, *values):
    content = bytearray(path.read_bytes())
    struct.pack_into(form, content, offset, *values)
    path.write_bytes(content)
    return path


def with_voxel(voxels, value):
    array = voxels.astype(np.float32)
    array[2, 3, 4] = value
    return array


def cut(path, part=0.6):
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    return path


def as_text(tmp_path):
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "notes.txt").write_text("no image here" * 50, encoding="utf-8")
    return tmp_path / "v"


def color(voxels, tmp_path):
    image = sitk.GetImageFromArray(np.stack([voxels] * 3, -1).astype(np.uint8), isVector=True)
    sitk.WriteImage(image, str(tmp_path / "v.nrrd"))
    return tmp_path / "v.nrrd"


def same_axes(path):
    content = path.read_bytes()
    old = content[content.index(b"space directions:") :].split(b"\n", 1)[0]
    path.write_bytes(content.replace(old, b"space directions: (1,0,0) (1,0,0) (0,0,8)"))
    return path


def no_voxels(tmp_path):
    (tmp_path / "v.nrrd").write_bytes(b"NRRD0004\ntype: short\ndimension: 3\nsizes: 4 4 0\nencoding: raw\n\n")
    return tmp_path / "v.nrrd"


def damaged_slice(folder):
    cut(folder / "1-7.dcm")
    return folder


def corrupt(path):
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[40:56] = b"\xff" * 16  # dim
    path.write_bytes(gzip.compress(content))
    return path


# what is wrong: how to make it, and what the sentence says
FILES = {
    "missing file": (lambda m: m.tmp_path / "v.nii.gz", "does not exist"),
    "folder without images": (lambda m: as_text(m.tmp_path), "contains no volume file and no DICOM series"),
    "empty folder": (
        lambda m: (m.tmp_path / "v").mkdir() or m.tmp_path / "v",
        "contains no volume file and no DICOM series",
    ),
    "empty file": (lambda m: (m.tmp_path / "v.nii.gz").touch() or m.tmp_path / "v.nii.gz", "empty file"),
    "other kind of file": (
        lambda m: (m.tmp_path / "v.jpg").write_bytes(b"\xff\xd8") and m.tmp_path / "v.jpg",
        "not a volume file",
    ),
    "truncated NIfTI": (lambda m: cut(m.write("v.nii.gz")), "truncated"),
    "truncated NRRD": (lambda m: cut(m.write("v.nrrd")), "truncated"),
    "corrupt NIfTI": (lambda m: corrupt(m.write("v.nii.gz")), "is not a valid NIfTI file"),
    "truncated DICOM": (lambda m: damaged_slice(m.write_series("v")), "truncated"),
    "2-D image": (lambda m: m.write("v.nrrd", m.voxels[0]), "2-D image"),
    "RGB": (lambda m: color(m.voxels, m.tmp_path), "color or vector image"),
    "4-D of one slice": (lambda m: m.write("v.nii.gz", np.stack([m.voxels[:1]] * 5)), "only one slice"),
    "no voxels": (lambda m: no_voxels(m.tmp_path), "empty"),
    "constant": (lambda m: m.write("v.nrrd", np.full_like(m.voxels, 7)), "constant (every voxel is 7)"),
    "NaN": (lambda m: m.write("v.nrrd", np.full_like(m.voxels, np.nan, np.float32)), "only NaN voxels"),
    "Inf": (lambda m: m.write("v.nrrd", with_voxel(m.voxels, np.inf)), "NaN or infinite"),
    "zero spacing": (lambda m: patched(m.write("v.nii"), 80, "<f", 0.0), "zero or negative voxel spacing"),
    "negative spacing": (lambda m: patched(m.write("v.nii"), 84, "<f", -1.0), "zero or negative voxel spacing"),
    "singular direction matrix": (lambda m: same_axes(m.write("v.nrrd")), "singular direction matrix"),
    "one voxel thin": (lambda m: m.write("v.nrrd", m.voxels[:1]), "only one slice"),
}


@pytest.mark.parametrize(("make", "text"), FILES.values(), ids=FILES)
def test_bad_file(make, text, refused, write, write_series, voxels, tmp_path):
    class Maker:
        pass

    maker = Maker()
    maker.write, maker.write_series, maker.voxels, maker.tmp_path = write, write_series, voxels, tmp_path
    path = make(maker)

    refused(path, text=text, named=path.name)


def test_8_gb_are_refused_from_the_header_when_the_memory_will_not_do(refused, tmp_path_factory, monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 16 << 30)
    monkeypatch.setattr(sitk, "ImageFileReader", None)  # reading would fail otherwise than by a sentence
    path = tmp_path_factory.mktemp("huge") / "v.nrrd"
    head = b"NRRD0004\ntype: short\ndimension: 3\nsizes: 1024 1024 4096\nendian: little\nencoding: raw\n\n"
    path.write_bytes(head)
    os.truncate(path, len(head) + (8 << 30))  # sparse
    refused(path, text="GiB of memory", named="v.nrrd")


def test_a_frame_of_a_4d_file_can_be_picked(segment, write, voxels, tmp_path):
    frames = np.stack([np.full_like(voxels, 7), voxels])
    path = write("cine.nii.gz", frames)

    assert segment(path, "--frame", 1).code == 2
    assert segment(path, "--frame", 2, "--format", "nii.gz").code == 0
    assert nibabel.load(tmp_path / "out" / "cine.nii.gz").shape == voxels.shape[::-1]


def test_every_series_of_a_folder_is_a_case_unless_one_is_chosen(segment, write_series, tmp_path):
    folder = write_series("exam", series=1)
    write_series("exam", series=2)

    assert segment(folder, "--series", "2", "--format", "nii.gz").code == 0
    assert len(list((tmp_path / "out").glob("*.nii.gz"))) == 1
    assert segment(folder, "--format", "nii.gz", "--overwrite", "--output", tmp_path / "all").code == 0
    assert len(list((tmp_path / "all").glob("*.nii.gz"))) == 2


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ("file", "file is a file, but the output needs a folder there"),
        ("file/deeper", "file is a file, but the output needs a folder there"),
        ("/proc/nothing", "/proc/nothing cannot be written"),
    ],
)
def test_unwritable_output(output, text, refused, write, tmp_path):
    (tmp_path / "file").write_text("kept", encoding="utf-8")

    refused(write("v.nrrd"), "--output", tmp_path / output, text=text, named="choose")


@pytest.mark.parametrize("existing", ["v.seg.nrrd", "v.json"])
def test_existing_output_stays_without_overwrite(existing, segment, refused, write, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / existing).write_text("kept", encoding="utf-8")
    path = write("v.nrrd")

    refused(path, text="add --overwrite", named=existing)
    assert segment(path, "--overwrite").code == 0
    assert (tmp_path / "out" / existing).read_bytes() != b"kept"


def test_existing_output_of_one_input_does_not_stop_the_others(segment, write, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.json").write_text("kept", encoding="utf-8")

    outcome = segment(write("a.nrrd"), write("b.nrrd"))

    assert outcome.code == 1
    assert "a.json exists already" in outcome.err
    tables = {"statistics.csv", "statistics.parquet", "summary.json", "report.html", "report"}
    names = {"a.json", "b.seg.nrrd", "b.json", *tables}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names
    assert (tmp_path / "out" / "a.json").read_text(encoding="utf-8") == "kept"


def test_an_output_that_is_a_folder_is_not_replaced(refused, write, tmp_path):
    (tmp_path / "out" / "v.json").mkdir(parents=True)

    refused(write("v.nrrd"), "--overwrite", text="is a folder", named="v.json")


def test_the_input_is_never_replaced(refused, write, tmp_path):
    path = write("v.nii.gz")

    refused(
        path, "--format", "nii.gz", "--overwrite", "--output", tmp_path, text="is the input itself", named="v.nii.gz"
    )


def test_two_inputs_of_one_name_are_told_apart(segment, write, tmp_path):
    (tmp_path / "b").mkdir()

    assert segment(write("v.nrrd"), write("b/v.nii.gz"), "--format", "nii.gz").code == 0
    assert len(list((tmp_path / "out").glob("*v*.nii.gz"))) == 2


def test_unknown_model(refused, write):
    refused(
        write("v.nrrd"),
        "--model",
        "brain-mr",
        text="choose one of abdomen-ct, cardiac-lge, cardiac-mr",
        named='"brain-mr"',
    )


@pytest.mark.parametrize("change", ["byte", "missing", "other network"])
def test_wrong_weights(change, refused, write, write_model, tmp_path):
    folder = write_model(tmp_path / "model", "stack", id="heart-x").folder
    weights, manifest = folder / "weights.pt", folder / "manifest.json"
    if change == "byte":
        content = bytearray(weights.read_bytes())
        content[len(content) // 2] ^= 1
        weights.write_bytes(content)
    elif change == "missing":
        weights.unlink()
    else:
        values = json.loads(manifest.read_text(encoding="utf-8"))
        values["network"]["decoder_width"] *= 2
        manifest.write_text(json.dumps(values), encoding="utf-8")
    text = {"byte": "do not match their checksum", "missing": "are missing", "other network": "do not fit"}[change]

    refused(write("v.nrrd"), "--model", folder, text=text, named="heart-x")


def test_a_broken_manifest(refused, write, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "manifest.json").write_text('{"schema": 1}', encoding="utf-8")

    refused(write("v.nrrd"), "--model", tmp_path / "model", text="lacks the entry", named="manifest.json")


def test_cuda_asked_for_and_absent(refused, write, monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)

    refused(write("v.nrrd"), "--device", "cuda", text="Use --device cpu", named="cuda")


@pytest.mark.parametrize(
    ("arguments", "named", "text"),
    [
        (("--strength", "3"), "strength 3", "choose 0 to 2"),
        (("--strength", "nan"), "strength nan", "choose 0 to 2"),
        (("--strength", "-0.1"), "strength -0.1", "choose 0 to 2"),
        (("--strength", "much"), "--strength", "invalid float"),
        (("--enhancement", "bogus"), "--enhancement", "choose from"),
        (("--format", "png"), "--format", "choose from"),
        (("--device", "fpga"), '"fpga"', "choose auto, cpu, cuda, cuda:N or mps"),
        (("--output", ""), "--output", "the path is empty"),
        (("",), "INPUT", "the path is empty"),
        (("--frame", "2"), "v.nrrd", "has no frame 2"),
        (("--series", "1"), "v.nrrd", "omit --series"),
        (("--bogus",), "--bogus", "unrecognized"),
    ],
)
def test_bad_usage(arguments, named, text, refused, write):
    refused(write("v.nrrd"), *arguments, text=text, named=named)


@pytest.mark.parametrize("arguments", [(), ("segment",), ("segment", "v.nrrd"), ("bogus",)])
def test_missing_arguments_are_one_sentence(arguments, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = command(*arguments)

    assert outcome.code == 2 and outcome.out == ""
    assert outcome.err.count("\n") == 1 and "--help" in outcome.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("length", [300, 250])
def test_names_that_are_too_long(length, segment, write, tmp_path):
    outcome = segment(write(f"{'n' * 239}.nrrd"), "--output", tmp_path / ("x" * length) / "y")

    assert outcome.code == (2 if length > 255 else 0)
    assert "Traceback" not in outcome.err


def test_a_name_that_is_not_utf8(start, write, tiny_model, tmp_path):
    bad = os.fsencode(tmp_path) + b"/h\xe9art.nrrd"
    os.rename(write("heart.nrrd"), bad)

    process = start(["-m", "DINSegmentLib", "segment", os.fsdecode(bad), "--model", tiny_model, "--output", "out"])

    _, err = process.communicate()
    assert process.returncode == 2
    assert "is not UTF-8: rename it." in err and err.count("\n") == 1
    assert not (tmp_path / "out").exists()
