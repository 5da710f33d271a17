"""`inspect` on small files: size, position and type by hand, and the same cases as a run."""

import json

import numpy as np
import pytest
from input_files import series, volume

from DINSegmentLib.geometry import Geometry
from DINSegmentLib.inputs.inspection import SCHEMA_VERSION, format_text, inspect
from DINSegmentLib.inputs.search import find


def turned(degrees: float) -> np.ndarray:
    """IJK-to-RAS of 1 x 2 x 8 mm voxels whose I and J are turned about the body's long axis."""
    angle = np.radians(degrees)
    matrix = np.eye(4)
    matrix[:2, :2] = [[-np.cos(angle), np.sin(angle)], [-np.sin(angle), -np.cos(angle)]]
    return matrix @ np.diag([1.0, 2, 8, 1])


@pytest.mark.parametrize(("degrees", "letters"), [(0, "LPS"), (30, "LPS"), (90, "PRS"), (180, "RAS"), (-90, "ALS")])
def test_letters_name_the_directions_in_which_the_indices_increase(degrees, letters):
    assert Geometry((3, 4, 5), turned(degrees)).letters == letters


def test_halfway_between_two_axes_no_letter_appears_twice():
    assert sorted(Geometry((3, 4, 5), turned(45)).letters)[-1] == "S"
    assert len({"RLAPSI".index(letter) // 2 for letter in Geometry((3, 4, 5), turned(45)).letters}) == 3


def test_a_series_is_described_by_its_headers(tmp_path):
    series(tmp_path / "ct", uid="1.2.3", SeriesNumber=7, PixelSpacing=[0.5, 0.75], SeriesDescription="abdomen")
    found = inspect(find([tmp_path], auto=True, keep=True))

    (image,) = found["images"]
    assert found["schema"] == SCHEMA_VERSION and found["rejected"] == []
    assert (image["kind"], image["modality"], image["files"], image["frames"]) == ("DICOM", "CT", 4, 1)
    assert image["shape"] == [4, 2, 2] and image["spacing"] == [0.75, 0.5, 1.0]  # DICOM: row spacing first
    assert (image["orientation"], image["oblique"], image["slices"]) == ("LPS", 0.0, "k")
    assert image["series"] == "1.2.3" and image["model"] is None and "too few for an abdomen" in image["why"]
    assert {one["kind"] for one in image["fit"]["cardiac-mr"]} >= {"modality"}
    assert "modality" not in {one["kind"] for one in image["fit"]["abdomen-ct"]}


def test_what_auto_leaves_out_is_described_and_what_cannot_be_read_is_rejected(tmp_path):
    volume(tmp_path / "a.nii.gz")
    (tmp_path / "b.nii.gz").write_bytes(b"")
    series(tmp_path / "scout", SeriesDescription="localizer")
    described = inspect(find([tmp_path], auto=True, keep=True))

    assert [(one["name"], one["kind"], one["model"]) for one in described["images"]] == [("a", "NIfTI", None)]
    assert [one["expected"] for one in described["rejected"]] == [False, True]
    text = format_text(described)
    assert text.endswith("1 image, 0 with a suitable model; 1 left out, 1 rejected.")
    assert json.loads(json.dumps(described, allow_nan=False)) == described


def test_an_image_and_its_model_are_those_of_a_run_with_auto(tmp_path, repository):
    sample = repository / "Resources" / "SampleData" / "cardiac_phantom_ED.nrrd"
    (image,) = inspect(find([sample], auto=True, keep=True))["images"]
    (case,) = find([sample], auto=True)

    assert (image["model"], image["why"], image["name"]) == (case.model, case.why, case.case)
    assert image["model"] == "cardiac-mr" and image["fit"]["cardiac-mr"] == []
