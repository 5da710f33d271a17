"""`dinsegment function`: files, their content, messages and errors for a cine."""

import json

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from csv_rows import rows
from stl import enclosed_ml

from DINSegmentLib import io
from DINSegmentLib.engine.segmenter import Segmenter
from DINSegmentLib.measure import cardiac_function
from DINSegmentLib.model import find_model
from DINSegmentLib.phantom.sample import CYCLE_SECONDS

FRAMES = 4


@pytest.fixture(scope="module")
def cine(tmp_path_factory, beat):
    """A beat of the phantom in four frames, as a 4-D NIfTI."""
    path = tmp_path_factory.mktemp("cine") / "heart.nii.gz"
    image = nibabel.Nifti1Image(beat.frames.T, beat.geometry.ijk_to_ras)
    image.header.set_xyzt_units("mm", "sec")
    image.header["pixdim"][4] = CYCLE_SECONDS / FRAMES
    nibabel.save(image, path)
    return path


@pytest.fixture
def function(command, tiny_model, tmp_path):
    """`dinsegment function ARGUMENTS` with the small model, on the CPU, into ``tmp_path/out``; later ones win."""

    def run(*arguments):
        defaults = ("--model", tiny_model, "--output", tmp_path / "out", "--device", "cpu")
        return command("function", *defaults, *arguments)

    return run


def names(folder):
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def test_a_cine_gives_labels_a_table_a_curve_and_a_record(function, cine, tmp_path):
    outcome = function(cine, "--model", "cardiac-mr")

    assert outcome.code == 0, outcome.err
    assert names(tmp_path / "out") == {
        "heart.nii.gz", "heart_function.csv", "heart.json", "heart_curve.png",
    }  # fmt: skip
    segmenter = Segmenter(find_model("cardiac-mr"), "cpu")
    source, labels = nibabel.load(cine), nibabel.load(tmp_path / "out" / "heart.nii.gz")
    frames = io.read_cine(cine)
    alone = [segmenter.segment(frame, frames.first.geometry).labels for frame in frames.array]
    np.testing.assert_array_equal(np.asarray(labels.dataobj).T, alone)
    np.testing.assert_array_equal(labels.affine, source.affine)
    assert labels.header.get_zooms() == source.header.get_zooms()

    times = 1000 * CYCLE_SECONDS / FRAMES * np.arange(FRAMES)
    function = cardiac_function(alone, frames.first.geometry, segmenter.model, times)
    record = json.loads((tmp_path / "out" / "heart.json").read_text(encoding="utf-8"))
    assert record["cine"]["function"]["lv"]["ef_percent"] == pytest.approx(function.lv.ef_percent)
    assert record["cine"]["function"]["times_ms"] == pytest.approx(times)
    assert record["outputs"] == ["heart.nii.gz", "heart_function.csv", "heart_curve.png", "heart.json"]

    table = rows(tmp_path / "out" / "heart_function.csv")
    volume = 2.0 * 2.0 * 20.0 / 1000
    assert [row["frame"] for row in table] == ["1", "2", "3", "4"]
    assert [float(row["time_ms"]) for row in table] == pytest.approx(times)
    for value, name in enumerate(("rv_ml", "myocardium_ml", "lv_ml"), start=1):
        counted = [np.count_nonzero(one == value) * volume for one in alone]
        assert [float(row[name]) for row in table] == pytest.approx(counted, abs=1e-3)

    lines = {line[:25].strip(): line[25:].split() for line in outcome.out.splitlines()}
    assert lines["LV ejection fraction"][:2] == [f"{function.lv.ef_percent:.1f}", "%"]
    assert f"end-diastole: frame {function.ed_frame + 1}, end-systole: frame {function.es_frame + 1}" in outcome.out


def test_output_and_body_surface_come_from_rate_height_and_weight(function, cine, tmp_path):
    person = ("--heart-rate", "60", "--height", "180", "--weight", "80")
    assert function(cine, "--model", "cardiac-mr", *person).code == 0

    found = json.loads((tmp_path / "out" / "heart.json").read_text(encoding="utf-8"))["cine"]["function"]
    assert found["bsa_m2"] == pytest.approx(2.0)  # the root of 180 x 80 / 3600
    assert found["cardiac_output_l_min"] == pytest.approx(60 * found["lv"]["sv_ml"] / 1000)
    assert found["indexed"]["lv_edv_ml_m2"] == pytest.approx(found["lv"]["edv_ml"] / 2)


def test_numbers_are_withheld_where_no_left_ventricle_was_found(function, cine, tmp_path, monkeypatch):
    monkeypatch.setattr(Segmenter, "scores", lambda self, one, other: one.new_ones(len(one), 4, *one.shape[2:]))

    outcome = function(cine)

    assert outcome.code == 0
    assert "left ventricle" in outcome.err and "not reported" in outcome.out
    record = json.loads((tmp_path / "out" / "heart.json").read_text(encoding="utf-8"))
    found = record["cine"]["function"]
    assert "function" in {one["kind"] for one in record["notices"]}
    assert found["lv"]["ef_percent"] is None and found["ed_frame"] is None and found["mass_g"] is None
    assert [row["lv_ml"] for row in rows(tmp_path / "out" / "heart_function.csv")] == [""] * FRAMES


def test_a_cine_without_frame_times_is_told_and_counted(function, cine, tmp_path):
    image = nibabel.load(cine)
    image.header.set_xyzt_units("mm", "unknown")
    nibabel.save(image, tmp_path / "timeless.nii.gz")

    outcome = function(tmp_path / "timeless.nii.gz")

    assert outcome.code == 0 and "timeless.nii.gz has no frame times" in outcome.err
    assert [row["time_ms"] for row in rows(tmp_path / "out" / "timeless_function.csv")] == [""] * FRAMES


def test_a_dicom_cine_with_a_series_for_every_slice(function, write_exam, beat, tmp_path):
    folder = write_exam(beat.frames, "CT", apart=True)

    outcome = function(folder, "--json")

    assert outcome.code == 0, outcome.err
    assert [row["time_ms"] for row in rows(tmp_path / "out" / "exam_function.csv")] == [
        "0.000", "30.000", "60.000", "90.000",
    ]  # fmt: skip
    written = nibabel.load(tmp_path / "out" / "exam.nii.gz")
    assert written.shape == beat.frames.T.shape
    np.testing.assert_allclose(written.affine, np.diag([-2.0, -2.0, 20.0, 1.0]), atol=1e-5)
    assert written.header.get_zooms()[3] == pytest.approx(0.03)
    (record,) = [one["record"] for one in outcome.events if one["event"] == "done"]
    assert "modality" in {one["kind"] for one in record["notices"]}
    assert "already segmented, skipped" in function(folder).out
    again = function(folder, "--weight", "45", "--overwrite")
    assert "heart rate 62/min, height 180 cm from the DICOM header" in again.out
    record = json.loads((tmp_path / "out" / "exam.json").read_text(encoding="utf-8"))
    assert record["cine"]["function"]["heart_rate"] == 62 and record["cine"]["function"]["bsa_m2"] == pytest.approx(1.5)
    assert record["cine"]["person"] == {
        "heart_rate": 62, "height": 180, "weight": 45, "from_header": ["heart_rate", "height"],
    }  # fmt: skip


@pytest.mark.parametrize("form", ["seg.nrrd", "nii.gz"])
def test_frames_are_also_written_one_by_one_when_asked_for(form, function, cine, tmp_path):
    outcome = function(cine, "--frames-format", form)
    assert outcome.code == 0

    ends = f"heart.json; 4 of single frames, heart_f01.{form} to heart_f04.{form}"
    assert outcome.out.rstrip().endswith(ends)
    out = tmp_path / "out"
    assert {f"heart_f{number:02d}.{form}" for number in range(1, FRAMES + 1)} < names(out)
    labels = np.asarray(nibabel.load(out / "heart.nii.gz").dataobj).T
    grid = sitk.ReadImage(str(cine))[..., 0]
    for number in range(1, FRAMES + 1):
        written = sitk.ReadImage(str(out / f"heart_f{number:02d}.{form}"))
        same_grid = sitk.Resample(written, grid, sitk.Transform(), sitk.sitkNearestNeighbor, 99)
        np.testing.assert_array_equal(sitk.GetArrayFromImage(same_grid), labels[number - 1])


def test_a_surface_of_each_structure_in_each_frame_encloses_its_voxels(function, cine, tmp_path):
    assert function(cine, "--model", "cardiac-mr", "--frames-format", "stl").code == 0

    labels = np.asarray(nibabel.load(tmp_path / "out" / "heart.nii.gz").dataobj).T
    for number, frame in enumerate(labels, start=1):
        for label in find_model("cardiac-mr").labels:
            name = label.name.lower().replace(" ", "-")
            volume = np.count_nonzero(frame == label.value) * 2.0 * 2.0 * 20.0 / 1000
            found = enclosed_ml(tmp_path / "out" / f"heart_f{number:02d}_{name}.stl")
            assert volume > 1 and found == pytest.approx(volume, rel=0.01)
    assert "already segmented, skipped" in function(cine, "--model", "cardiac-mr", "--frames-format", "stl").out


def test_progress_counts_slices_over_all_frames(function, cine):
    events = function(cine, "--json").events

    steps = [(one["done"], one["total"]) for one in events if one["event"] == "progress"]
    assert steps[0] == (0, 20) and steps[-1] == (20, 20)
    (done,) = (one for one in events if one["event"] == "done")
    assert done["record"]["cine"]["frames"] == FRAMES


def test_the_same_command_again_has_nothing_to_do(function, cine, listing, tmp_path):
    assert function(cine).code == 0
    before = listing(tmp_path / "out")

    outcome = function(cine)

    assert outcome.code == 0 and "already segmented, skipped" in outcome.out
    assert listing(tmp_path / "out") == before


@pytest.mark.parametrize("change", [(), ("--heart-rate", "60"), ("--frames-format", "nii.gz")])
def test_rerun_makes_the_same_files_of_a_cine(change, function, command, cine, tmp_path, tiny_model):
    assert function(cine, *change).code == 0
    record = tmp_path / "out" / "heart.json"
    assert command("rerun", record, "--output", tmp_path / "again", "--model", tiny_model).code == 0
    assert names(tmp_path / "again") == names(tmp_path / "out")
    for name in names(tmp_path / "out") - {"heart.json"}:
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "out" / name).read_bytes(), name


def test_function_and_segment_give_the_same_record(function, command, cine, tmp_path, tiny_model):
    assert function(cine).code == 0
    there = ("--model", tiny_model, "--output", tmp_path / "other", "--device", "cpu", "--format", "nii.gz")
    assert command("segment", cine, *there).code == 0
    first, second = (json.loads((tmp_path / folder / "heart.json").read_text("utf-8")) for folder in ("out", "other"))
    for key in first.keys() - {"date", "timings"}:
        assert first[key] == second[key], key


@pytest.mark.parametrize("change", [("--heart-rate", "60"), ("--frames-format", "nii.gz")])
def test_other_settings_are_not_done_before(change, function, cine):
    assert function(cine).code == 0
    outcome = function(cine, *change)
    assert outcome.code == 2 and "add --overwrite" in outcome.err
    assert function(cine, *change, "--overwrite").code == 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--model", "bogus"), 'Unknown model "bogus"'),
        (("--strength", "3"), "choose 0 to 2"),
        (("--heart-rate", "-5"), "heart rate of -5"),
        (("--model", "abdomen-ct"), "does not label the left ventricle"),
        (("--series", "1"), "omit --series"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence_and_nothing_is_written(arguments, text, function, cine, tmp_path):
    outcome = function(cine, *arguments)
    assert outcome.code == 2 and text in outcome.err and outcome.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_single_volume_is_no_cine(function, write, tmp_path):
    outcome = function(write("heart.nrrd"))
    assert outcome.code == 2 and "single frame and is not a cine" in outcome.err
    assert not (tmp_path / "out").exists()
