"""The process that reads a study for Slicer: its results and errors."""

import io
import json

import nibabel
import numpy as np
import phantom_files as phantom
import pydicom
import pytest

from DINSegmentLib.inputs import search
from DINSegmentLib.inputs.reader import Reader, describe
from DINSegmentLib.worker.protocol import encode


def answers(*requests):
    sink = io.BytesIO()
    Reader(io.BytesIO(b"".join(requests)), sink).run()
    return [json.loads(line) for line in sink.getvalue().splitlines()]


@pytest.mark.parametrize(("stored", "handed"), [(">i2", "<i2"), ("<i8", "<f8"), ("<f8", "<f8"), ("|u1", "|u1")])
def test_voxels_come_in_a_type_of_slicers_volumes_and_in_the_machines_byte_order(tmp_path, stored, handed):
    voxels = np.random.default_rng(0).integers(0, 200, (5, 6, 7)).astype(stored)
    nibabel.save(nibabel.Nifti1Image(voxels, np.diag([1.5, 1.5, 8, 1]), dtype=stored), tmp_path / "scan.nii")
    (found,) = search.find([tmp_path / "scan.nii"], auto=True, keep=True)
    array, about = describe(found, 1)
    assert about["dtype"] == array.dtype.str == handed and about["shape"] == [1, 7, 6, 5]
    assert np.array_equal(array[0], voxels.T) and about["times"] is None and about["uids"] == []
    assert np.allclose(np.reshape(about["ijk_to_ras"], (4, 4)), np.diag([1.5, 1.5, 8, 1]))


def test_a_cine_comes_with_times_in_ms_and_the_instances_of_every_frame(tmp_path):
    phantom.cine(tmp_path / "beat", lambda k, t: {"TriggerTime": str(200 * t)})
    (tmp_path / "out").mkdir()
    look, load = encode("look", paths=[str(tmp_path / "beat")]), encode("load", image=0, folder=str(tmp_path / "out"))
    image, looked, loaded = answers(look, load)
    assert (image["kind"], looked["kind"], loaded["kind"]) == ("image", "looked", "loaded")
    about = json.loads((tmp_path / "out" / "about.json").read_text(encoding="utf-8"))
    assert about["times"] == [0.0, 200.0] and about["model"] == "cardiac-mr" and about["modality"] == "MR"
    stored = [pydicom.dcmread(tmp_path / "beat" / f"s{k}_1.dcm").SOPInstanceUID for k in range(phantom.SLICES)]
    assert sorted(about["uids"][1]) == sorted(stored)
    voxels = np.fromfile(tmp_path / "out" / "voxels", about["dtype"]).reshape(about["shape"])
    # the phantom's slices run against the normal of their plane, along which a DICOM volume is stacked
    assert np.array_equal(voxels[:, ::-1], [phantom.ED, phantom.ES])


def test_what_cannot_be_read_is_said_in_a_sentence_and_the_next_request_is_answered(tmp_path):
    gone = [str(tmp_path / name) for name in ("a.dcm", "b.dcm")]
    failed, rejected, looked, last = answers(
        encode("look", paths=gone), encode("look", paths=[str(tmp_path / "none")]),
        encode("load", image=3, folder=str(tmp_path)),
    )  # fmt: skip
    assert failed["kind"] == "failed" and "are not there" in failed["text"]
    assert "does not exist" in rejected["about"]["reason"] and looked["kind"] == "looked"
    assert (last["kind"], last["image"]) == ("failed", 3) and "Traceback" not in last["text"]
