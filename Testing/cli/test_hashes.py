"""A record belongs to exact input and output bytes, and resuming accepts no others."""

import hashlib
import json

import numpy as np
import pytest

from DINSegmentLib import io
from DINSegmentLib.batch.hashes import input_hash, read_hashed

pytestmark = pytest.mark.faults

FORMAT = ("--format", "nii.gz")


def test_an_input_that_is_replaced_while_it_is_read_fails(segment, write, voxels, tmp_path, monkeypatch):
    path, other = write("h.nii.gz"), write("new.nii.gz", np.roll(voxels, 3, axis=2))
    read = io.read

    def and_then_replaced(*which, **choice):
        image = read(*which, **choice)
        other.replace(path)
        return image

    monkeypatch.setattr(io, "read", and_then_replaced)
    outcome = segment(path, *FORMAT)
    assert outcome.code == 2 and "h.nii.gz changed while it was read" in outcome.err
    assert not (tmp_path / "out").exists()


def test_an_input_that_is_replaced_afterwards_is_recorded_as_it_was_read(segment, write, voxels, tmp_path, monkeypatch):
    from DINSegmentLib.engine.segmenter import Segmenter

    path, other = write("h.nii.gz"), write("new.nii.gz", np.roll(voxels, 3, axis=2))
    former = hashlib.sha256(path.read_bytes()).hexdigest()
    scores = Segmenter.scores

    def meanwhile(self, *pair):
        if other.exists():
            other.replace(path)
        return scores(self, *pair)

    monkeypatch.setattr(Segmenter, "scores", meanwhile)
    assert segment(path, *FORMAT).code == 0
    record = json.loads((tmp_path / "out" / "h.json").read_text(encoding="utf-8"))
    assert record["input"]["sha256"] == former
    outcome = segment(path, *FORMAT)
    assert outcome.code == 2 and "exist already" in outcome.err  # and not: was done before


PARTS = {
    "v.mhd": "ObjectType = Image\nNDims = 3\nDimSize = 20 24 4\nElementSpacing = 2 2 8\nElementType = MET_SHORT\n"
    "ElementDataFile = s%d.raw 0 3 1\n",
    "list.mhd": "ObjectType = Image\nNDims = 3\nDimSize = 20 24 4\nElementSpacing = 2 2 8\nElementType = MET_SHORT\n"
    "ElementDataFile = LIST\ns0.raw\ns1.raw\ns2.raw\ns3.raw\n",
    "v.nhdr": "NRRD0004\ntype: short\ndimension: 3\nspace: left-posterior-superior\nsizes: 20 24 4\n"
    "space directions: (2,0,0) (0,2,0) (0,0,8)\nspace origin: (0,0,0)\nendian: little\nencoding: raw\n"
    "data file: s%d.raw 0 3 1\n",
    "list.nhdr": "NRRD0004\ntype: short\ndimension: 3\nspace: left-posterior-superior\nsizes: 20 24 4\n"
    "space directions: (2,0,0) (0,2,0) (0,0,8)\nspace origin: (0,0,0)\nendian: little\nencoding: raw\n"
    "data file: LIST\ns0.raw\ns1.raw\ns2.raw\ns3.raw\n",
}


@pytest.mark.parametrize("name", PARTS)
def test_a_volume_whose_data_files_are_exchanged_is_another_input(name, tmp_path):
    for k in range(4):
        np.random.default_rng(k).integers(0, 99, (24, 20)).astype("<i2").tofile(tmp_path / f"s{k}.raw")
    path = tmp_path / name
    path.write_text(PARTS[name], encoding="utf-8")
    before = input_hash(io.files_of(path)), io.read(path).array
    assert read_hashed(lambda: io.read(path), io.files_of(path), lambda one: one.files, name)[1] == before[0]
    (tmp_path / "s1.raw").rename(tmp_path / "x")
    (tmp_path / "s3.raw").rename(tmp_path / "s1.raw")
    (tmp_path / "x").rename(tmp_path / "s3.raw")
    assert (io.read(path).array != before[1]).any() and input_hash(io.files_of(path)) != before[0]


def test_the_order_of_dicom_files_does_not_matter(write_series):
    files = sorted(write_series("exam").iterdir())
    assert input_hash(files) == input_hash(files[::-1])


def test_a_volume_in_several_files_is_done_again_when_one_of_them_changes(segment, tmp_path):
    for k in range(4):
        np.random.default_rng(k).integers(0, 99, (24, 20)).astype("<i2").tofile(tmp_path / f"s{k}.raw")
    header = "ObjectType = Image\nNDims = 3\nDimSize = 20 24 4\nElementSpacing = 2 2 8\nElementType = MET_SHORT\n"
    (tmp_path / "v.mhd").write_text(f"{header}ElementDataFile = s%d.raw 0 3 1\n", encoding="utf-8")
    assert segment(tmp_path / "v.mhd", *FORMAT).code == 0
    assert "already segmented, skipped" in segment(tmp_path / "v.mhd", *FORMAT).out
    content = (tmp_path / "s2.raw").read_bytes()
    (tmp_path / "s2.raw").write_bytes(content[::-1])
    assert "already segmented, skipped" not in segment(tmp_path / "v.mhd", *FORMAT).out


def test_the_record_holds_size_and_hash_of_every_output(segment, write, tmp_path):
    assert segment(write("h.nrrd"), *FORMAT, "--preview", "--confidence").code == 0
    record = json.loads((tmp_path / "out" / "h.json").read_text(encoding="utf-8"))
    assert set(record["hashes"]) == set(record["outputs"]) - {"h.json"} and len(record["hashes"]) == 3
    for name, about in record["hashes"].items():
        content = (tmp_path / "out" / name).read_bytes()
        assert about == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


@pytest.mark.parametrize("change", ["cut", "flipped", "gone"])
def test_a_result_that_is_not_as_written_does_not_count_as_done(change, segment, write, tmp_path):
    path = write("h.nrrd")
    assert segment(path, *FORMAT).code == 0
    result = tmp_path / "out" / "h.nii.gz"
    content = result.read_bytes()
    if change == "gone":
        result.unlink()
    else:
        result.write_bytes(content[:-5] if change == "cut" else bytes([*content[:-1], content[-1] ^ 1]))
    outcome = segment(path, *FORMAT)
    assert outcome.code == 2 and "add --overwrite" in outcome.err
    assert segment(path, *FORMAT, "--overwrite").code == 0
    assert "already segmented, skipped" in segment(path, *FORMAT).out
