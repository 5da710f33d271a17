"""`dinsegment segment` of cines: all frames, cardiac function, and one frame that represents all."""

import json

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from csv_rows import rows
from pypdf import PdfReader

from DINSegmentLib.io import read
from DINSegmentLib.measure import cardiac_function
from DINSegmentLib.model import find_model

TABLES = ("statistics.csv", "function.csv")


@pytest.fixture
def frames(beat):
    """(T, K, J, I): four frames, the second the largest."""
    return np.roll(beat.frames, 1, axis=0)


@pytest.fixture
def study(write, frames, beat, tmp_path):
    """A folder with a cine and a volume."""
    (tmp_path / "study").mkdir()
    for name, array in (("beat.nii.gz", frames), ("single.nii.gz", frames[0])):
        write(f"study/{name}", array, beat.geometry.ijk_to_ras)
    return tmp_path / "study"


def test_a_cine_in_a_folder_gets_its_function_and_the_same_bytes_when_resumed(segment, study, beat, tmp_path):
    asked = (study, "--model", "cardiac-mr", "--no-mirroring")
    outcome = segment(*asked)

    assert outcome.code == 0, outcome.err
    out = tmp_path / "out"
    assert {path.name for path in out.glob("beat*")} == {
        "beat.seg.nrrd", "beat.nii.gz", "beat_function.csv", "beat_curve.png", "beat.json",
    }  # fmt: skip
    labels = np.asarray(nibabel.load(out / "beat.nii.gz").dataobj).T
    assert labels.shape == (4, *beat.geometry.shape)
    truth = cardiac_function(labels, read(study / "single.nii.gz").geometry, find_model("cardiac-mr"))
    assert truth.ed_frame == 1 and truth.lv.ef_percent > 30  # the shuffled beat's largest frame

    (row,) = rows(out / "function.csv")
    assert (row["case"], row["frames"], row["ed_frame"]) == ("beat", "4", "2")
    assert row["es_frame"] == str(truth.es_frame + 1)
    for side in ("lv", "rv"):
        for name in ("edv_ml", "esv_ml", "sv_ml", "ef_percent"):
            wanted = getattr(getattr(truth, side), name)
            assert row[f"{side}_{name}"] == ("" if wanted is None else f"{wanted:.7g}")
    assert float(row["mass_g"]) == pytest.approx(truth.mass_g)
    timeless = "beat.nii.gz has no frame times: the curve is drawn over frame numbers."
    assert row["cardiac_output_l_min"] == row["bsa_m2"] == "" and row["warnings"] == " ".join(
        [*map(str, truth.notices), timeless]
    )

    table = {(row["case"], row["structure"]): row for row in rows(out / "statistics.csv")}
    left = table["beat", "Left ventricle"]
    assert left["frame"] == "2" and int(left["voxels"]) == np.count_nonzero(labels[1] == int(left["value"]))
    assert table["single", "Left ventricle"]["frame"] == ""
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    figures = {one["case"]: one["function"] for one in summary["inputs"]}
    assert figures["single"] is None and figures["beat"]["lv_ef_percent"] == pytest.approx(truth.lv.ef_percent)
    record = json.loads((out / "beat.json").read_text(encoding="utf-8"))
    assert record["cine"]["function"]["lv_ml"] == pytest.approx(truth.lv_ml) and record["input"]["frame"] is None
    assert f'"ef":{truth.lv.ef_percent:.1f}' in (out / "report.html").read_text(encoding="utf-8")
    assert f"ejection fraction LV {truth.lv.ef_percent:.1f}%" in outcome.out

    before = [(out / name).read_bytes() for name in (*TABLES, "beat.json")]
    again = segment(*asked)
    assert again.code == 0 and "beat: already segmented, skipped" in again.out and "2 of 2 done, 2 of them" in again.out
    assert [(out / name).read_bytes() for name in (*TABLES, "beat.json")] == before


def test_what_one_volume_can_have_is_made_of_the_frame_that_stands_for_all(segment, write, frames, beat, tmp_path):
    path = write("beat.nii.gz", frames, beat.geometry.ijk_to_ras)

    assert segment(path, "--confidence", "--format", "stl", "--format", "seg.nrrd", "--preview").code == 0
    out = tmp_path / "out"
    record = json.loads((out / "beat.json").read_text(encoding="utf-8"))
    assert all((out / name).is_file() for name in record["outputs"])
    at = record["cine"]["frame"]
    assert segment(path, "--frame", at, "--confidence", "--format", "stl", "--output", tmp_path / "one").code == 0
    same = [name for name in record["outputs"] if name.endswith((".stl", "_confidence.nii.gz"))]
    assert len(same) > 1
    for name in same:
        assert (out / name).read_bytes() == (tmp_path / "one" / name).read_bytes(), name
    labels = np.asarray(nibabel.load(out / "beat.nii.gz").dataobj).T[at - 1]
    grid = read(path, frame=1)
    found = sitk.Resample(
        sitk.ReadImage(str(out / "beat.seg.nrrd")), sitk.ReadImage(str(path))[..., 0], sitk.Transform(),
        sitk.sitkNearestNeighbor, 0,
    )  # fmt: skip
    assert grid.geometry.shape == labels.shape
    np.testing.assert_array_equal(sitk.GetArrayFromImage(found), labels)


def test_figures_are_withheld_and_flagged_where_no_left_ventricle_was_found(segment, study, tmp_path, monkeypatch):
    from DINSegmentLib.engine.segmenter import Segmenter

    monkeypatch.setattr(Segmenter, "scores", lambda self, one, other: one.new_ones(len(one), 4, *one.shape[2:]))
    outcome = segment(study)

    assert outcome.code == 0 and "left ventricle" in outcome.err
    (row,) = rows(tmp_path / "out" / "function.csv")
    assert row["lv_ef_percent"] == row["ed_frame"] == "" and "are not reported" in row["warnings"]
    frames = {row["case"]: (row["frame"], "function" in row["notices"]) for row in rows(tmp_path / "out" / TABLES[0])}
    assert frames == {"beat": ("1", True), "single": ("", False)}


def test_a_dicom_cine_is_one_case_whose_dicom_segmentations_refer_to_one_frame_each(
    segment, write_exam, frames, tmp_path
):
    import pydicom

    folder = write_exam(frames)

    assert segment(folder, "--format", "dcm").code == 0
    record = json.loads((tmp_path / "out" / "exam.json").read_text(encoding="utf-8"))
    assert record["input"]["files"] == frames.shape[0] * frames.shape[1]
    assert record["cine"]["function"]["times_ms"] == pytest.approx([0, 30, 60, 90])
    function = record["cine"]["function"]
    for phase in ("ED", "ES"):
        written = pydicom.dcmread(tmp_path / "out" / f"exam_{phase}.dcm")
        (series,) = written.ReferencedSeriesSequence
        referred = {one.ReferencedSOPInstanceUID for one in series.ReferencedInstanceSequence}
        index = function[f"{phase.lower()}_frame"]
        assert referred == {f"2.25.9.{index}.{k}" for k in range(frames.shape[1])}
    assert {path.name for path in (tmp_path / "out").glob("*.dcm")} == {"exam_ED.dcm", "exam_ES.dcm", "exam_SR.dcm"}
    assert {"exam_ED.dcm", "exam_ES.dcm", "exam_SR.dcm"} <= set(record["outputs"])
    assert record["cine"]["function"]["bsa_m2"] == pytest.approx(2.0)  # the root of 180 x 80 / 3600
    assert "already segmented, skipped" in segment(folder, "--format", "dcm").out

    outcome = segment(folder, "--anonymous", "--output", tmp_path / "hidden")
    assert outcome.code == 0 and "heart rate 62/min from the DICOM header" in outcome.out
    (hidden,) = (json.loads(path.read_text(encoding="utf-8")) for path in (tmp_path / "hidden").glob("*.json"))
    assert hidden["cine"]["person"] == {"heart_rate": 62, "height": None, "weight": None, "from_header": ["heart_rate"]}
    assert hidden["cine"]["function"]["bsa_m2"] is None


def test_the_record_of_a_cine_gives_the_same_files_once_more(segment, command, tiny_model, write, frames, tmp_path):
    assert segment(write("beat.nii.gz", frames)).code == 0
    record = tmp_path / "out" / "beat.json"
    assert command("rerun", record, "--output", tmp_path / "again", "--model", tiny_model).code == 0
    for name in ("beat.nii.gz", "beat_function.csv", "beat_curve.png"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


def test_a_model_of_another_organ_asks_for_a_frame(segment, write, frames, tmp_path):
    outcome = segment(write("beat.nii.gz", frames), "--model", "abdomen-ct")
    assert outcome.code == 2 and "(4 frames): pick one with --frame (1 to 4)" in outcome.err
    assert not (tmp_path / "out").exists()


def test_results_of_a_cine_stay_without_overwrite(segment, write, frames, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "beat_curve.png").write_text("mine", encoding="utf-8")
    outcome = segment(write("beat.nii.gz", frames))
    assert outcome.code == 2 and "beat_curve.png exists already" in outcome.err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["beat_curve.png"]


def test_every_frame_of_a_cine_may_have_a_dicom_segmentation(
    segment, write_exam, frames, command, tiny_model, tmp_path
):
    arguments = (write_exam(frames), "--format", "dcm", "--dicom-frames", "all")
    assert segment(*arguments).code == 0
    wanted = {f"exam_f{t:02d}.dcm" for t in range(1, len(frames) + 1)} | {"exam_SR.dcm"}
    assert {path.name for path in (tmp_path / "out").glob("*.dcm")} == wanted
    assert "already segmented, skipped" in segment(*arguments).out
    record = tmp_path / "out" / "exam.json"
    assert command("rerun", record, "--output", tmp_path / "again", "--model", tiny_model).code == 0
    for name in wanted:
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "out" / name).read_bytes(), name


def test_a_report_of_each_case_is_linked_from_the_overview(segment, study, tmp_path):
    outcome = segment(study, "--model", "cardiac-mr", "--no-mirroring", "--format", "html", "--format", "pdf")

    assert outcome.code == 0, outcome.err
    out = tmp_path / "out"
    overview = (out / "report.html").read_text(encoding="utf-8")
    for case in ("beat", "single"):
        written = json.loads((out / f"{case}.json").read_text(encoding="utf-8"))
        assert {f"{case}_report.html", f"{case}_report.pdf"} <= set(written["outputs"])
        assert f'["./{case}_report.html","./{case}_report.pdf"]' in overview
        (page,) = PdfReader(out / f"{case}_report.pdf").pages
        assert case in page.extract_text() and case in (out / f"{case}_report.html").read_text(encoding="utf-8")
    record = json.loads((out / "beat.json").read_text(encoding="utf-8"))
    assert set(record["cine"]["regional"]["segments"]) == {str(number) for number in range(1, 18)}


def test_a_report_of_an_anonymous_run_names_no_input(segment, study, tmp_path):
    assert segment(study, "--anonymous", "--format", "html", "--format", "pdf").code == 0
    for path in (tmp_path / "out").glob("*.json"):
        assert "beat.nii" not in path.read_text(encoding="utf-8"), path.name
    for path in (tmp_path / "out").glob("*_report.*"):
        content = (
            path.read_text(encoding="utf-8") if path.suffix == ".html" else PdfReader(path).pages[0].extract_text()
        )
        assert "Pseudonym" in content and "beat" not in content and "single" not in content
