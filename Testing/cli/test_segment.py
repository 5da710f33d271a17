"""`dinsegment segment`: files, their content, messages, and what is not done."""

import json
import os
import sys

import nibabel
import nrrd
import numpy as np
import pytest
import SimpleITK as sitk

from DINSegmentLib import io
from DINSegmentLib.batch import steps
from DINSegmentLib.engine.segmenter import Segmenter
from DINSegmentLib.model import find_model
from DINSegmentLib.scene.boot import boot
from DINSegmentLib.scene.files import add_volume

BOTH = ("--format", "seg.nrrd", "--format", "nii.gz")


def turned(spacing=(1.4, 1.3, 8.0), flip=(1, 1, 1), angles=(0.3, -0.2, 0.5)) -> np.ndarray:
    """An affine of an oblique, anisotropic grid; ``flip`` mirrors axes."""
    matrix = np.eye(4)
    for axis, angle in enumerate(angles):
        a, b = (axis + 1) % 3, (axis + 2) % 3
        step = np.eye(4)
        step[[a, a, b, b], [a, b, a, b]] = np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)
        matrix = step @ matrix
    matrix[:3, :3] *= np.array(spacing) * flip
    matrix[:3, 3] = (-31.0, 22.5, 143.0)
    return matrix


AFFINES = {
    "straight": np.diag([1.4, 1.3, 8.0, 1.0]),
    "oblique": turned(),
    "left-handed": turned(flip=(-1, 1, 1)),
    "upside down": turned(flip=(1, -1, -1), angles=(0, 0, 0)),
    "slices first": turned()[:, [2, 0, 1, 3]],
}


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd", ".NII.GZ"])
def test_outputs_have_the_inputs_name_without_its_image_suffix(suffix, segment, write, tmp_path):
    outcome = segment(write(f"my.heart v2{suffix}"), "--format", "nii.gz")

    assert outcome.code == 0, outcome.err
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"my.heart v2.nii.gz", "my.heart v2.json"}


def test_every_kind_of_output_at_once(segment, write, tmp_path):
    assert segment(write("heart.nrrd"), *BOTH, "--format", "nii.gz", "--preview").code == 0
    names = {f"heart.{end}" for end in ("seg.nrrd", "nii.gz", "png", "json")}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names


def test_a_map_of_confidence_lies_beside_on_the_grid_of_the_input(segment, write, tmp_path):
    source = write("heart.nii.gz")
    assert segment(source, "--format", "nii.gz", "--confidence").code == 0
    found, record = (
        tmp_path / "out" / "heart_confidence.nii.gz",
        json.loads((tmp_path / "out/heart.json").read_text(encoding="utf-8")),
    )
    written = nibabel.load(found)

    assert record["outputs"] == ["heart.nii.gz", "heart_confidence.nii.gz", "heart.json"]
    assert np.allclose(written.affine, nibabel.load(source).affine)
    assert written.get_data_dtype() == np.uint8
    labels, percent = (np.asarray(nibabel.load(one).dataobj) for one in (tmp_path / "out" / "heart.nii.gz", found))
    for one in record["structures"]:  # the tiny model has no clean-up
        if one["voxels"]:
            assert one["confidence"] == pytest.approx(percent[labels == one["value"]].mean() / 100, abs=0.005)


def test_without_a_format_a_segmentation_and_a_record_are_written(segment, write, tmp_path):
    assert segment(write("heart.nrrd")).code == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"heart.seg.nrrd", "heart.json"}


def test_a_dicom_folder_gives_its_name(segment, write_series, voxels, tmp_path, monkeypatch):
    folder = write_series("exam.1 sax")
    monkeypatch.chdir(folder)

    assert segment(".", "--format", "nii.gz").code == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"exam.1 sax.nii.gz", "exam.1 sax.json"}
    written = nibabel.load(tmp_path / "out" / "exam.1 sax.nii.gz")
    assert written.shape == voxels.shape[::-1]
    assert np.allclose(written.affine, np.diag([-1.4, -1.3, 8.0, 1.0]), atol=1e-4)


@pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES)
@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd"])
def test_label_map_lies_voxel_for_voxel_on_the_input(suffix, affine, segment, write, tmp_path):
    path = write("heart.nii.gz", affine=affine)
    if suffix == ".nrrd":
        path = tmp_path / "heart.nrrd"
        sitk.WriteImage(sitk.ReadImage(str(tmp_path / "heart.nii.gz")), str(path))

    assert segment(path, "--format", "nii.gz").code == 0

    source, written = nibabel.load(tmp_path / "heart.nii.gz"), nibabel.load(tmp_path / "out" / "heart.nii.gz")
    assert written.get_data_dtype() == np.uint8
    assert written.shape == source.shape
    assert np.allclose(written.affine, source.affine, atol=1e-4)
    assert set(np.unique(written.dataobj)) == {0, 1, 2, 3}


@pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES)
def test_both_formats_hold_the_same_voxels_at_the_same_place(affine, segment, write, tmp_path):
    assert segment(write("heart.nii.gz", affine=affine), *BOTH).code == 0

    segmentation, labels = (sitk.ReadImage(str(tmp_path / "out" / f"heart.{end}")) for end in ("seg.nrrd", "nii.gz"))
    # a left-handed grid may be stored with an axis reversed: compared in the world
    assert segmentation.GetSize() == labels.GetSize()
    same_grid = sitk.Resample(segmentation, labels, sitk.Transform(), sitk.sitkNearestNeighbor, 99)
    assert np.array_equal(sitk.GetArrayFromImage(same_grid), sitk.GetArrayFromImage(labels))


def test_segments_carry_the_manifests_names_colors_and_codes(segment, write, tiny_model, tmp_path):
    assert segment(write("heart.nrrd")).code == 0

    header = nrrd.read_header(str(tmp_path / "out" / "heart.seg.nrrd"))
    labels = json.loads((tiny_model / "manifest.json").read_text(encoding="utf-8"))["labels"]
    for n, label in enumerate(labels):
        color = [round(255 * float(channel)) for channel in header[f"Segment{n}_Color"].split()]
        assert header[f"Segment{n}_Name"] == label["name"]
        assert color == label["color"]
        assert int(header[f"Segment{n}_LabelValue"]) == label["value"]
        assert "^".join(label["terminology"]["type"]) in header[f"Segment{n}_Tags"]
    assert f"Segment{len(labels)}_Name" not in header


def test_record_agrees_with_the_label_map(segment, write, tmp_path):
    assert segment(write("heart.nii.gz"), "--format", "nii.gz", "--enhancement", "log", "--strength", 0.5).code == 0

    record = json.loads((tmp_path / "out" / "heart.json").read_text(encoding="utf-8"))
    labels = np.asarray(nibabel.load(tmp_path / "out" / "heart.nii.gz").dataobj)
    for structure in record["structures"]:
        count = np.count_nonzero(labels == structure["value"])
        assert structure["voxels"] == count
        assert structure["volume_ml"] == pytest.approx(count * 1.4 * 1.3 * 8 / 1000, abs=1e-3)
    assert record["outputs"] == ["heart.nii.gz", "heart.json"]
    assert record["parameters"]["enhancement"] == {"method": "log", "strength": 0.5}


def test_table_names_structures_and_volumes(segment, write, tmp_path):
    outcome = segment(write("heart.nrrd"))

    record = json.loads((tmp_path / "out" / "heart.json").read_text(encoding="utf-8"))
    lines = [line.split("  ") for line in outcome.out.splitlines()]
    for structure in record["structures"]:
        assert [structure["name"], f"{structure['volume_ml']:.1f}"] in [
            [cells[0], cells[-1].strip()] for cells in lines
        ]
    assert outcome.out.rstrip().endswith("written: heart.seg.nrrd, heart.json")


def test_json_lines_are_all_that_machines_see(segment, write, tmp_path):
    outcome = segment(write("heart.nrrd"), tmp_path / "none.nrrd", "--enhancement", "clahe", "--json")

    events = {event["event"]: event for event in outcome.events}
    assert outcome.code == 1 and outcome.err == ""
    assert set(events) == {"error", "warning", "progress", "done", "summary", "report"}
    assert events["error"]["input"] == str(tmp_path / "none.nrrd")
    assert events["progress"] == {"event": "progress", "case": "heart", "done": 6, "total": 6}
    assert events["done"]["record"] == json.loads((tmp_path / "out" / "heart.json").read_text(encoding="utf-8"))
    assert (events["summary"]["done"], events["summary"]["failed"]) == (1, 1)


@pytest.mark.parametrize(("inputs", "code"), [("good good", 0), ("bad good", 1), ("good bad", 1), ("bad bad", 2)])
def test_exit_code_tells_whether_all_some_or_none_were_written(inputs, code, segment, write, tmp_path):
    flat = np.full((4, 8, 8), 7, np.int16)
    paths = [write(f"{n}.nrrd", flat if kind == "bad" else None) for n, kind in enumerate(inputs.split())]

    outcome = segment(*paths)

    good = [n for n, kind in enumerate(inputs.split()) if kind == "good"]
    written = {path.name for path in (tmp_path / "out").glob("*")}
    tables = {"statistics.csv", "statistics.parquet", "summary.json", "report.html", "report"} if good else set()
    assert outcome.code == code
    assert written == {f"{n}.{end}" for n in good for end in ("json", "seg.nrrd")} | tables


def test_a_dicom_segmentation_refers_to_the_series_and_other_inputs_are_refused(segment, write, write_series, tmp_path):
    import pydicom

    folder = write_series("exam")
    for path in folder.iterdir():  # what SimpleITK does not write and every scanner does
        header = pydicom.dcmread(path)
        header.FrameOfReferenceUID, header.PatientID, header.PatientName = "2.25.77", "1", "Phantom"
        header.save_as(path)
    assert segment(folder, "--format", "dcm").code == 0
    found = pydicom.dcmread(tmp_path / "out" / "exam.dcm")
    assert found.Modality == "SEG" and len(found.SegmentSequence) == 3

    outcome = segment(write("heart.nrrd"), "--format", "dcm")
    assert outcome.code == 2 and "is not a DICOM series" in outcome.err


def test_a_fault_of_ours_in_one_case_does_not_cost_the_others(segment, write, tmp_path, monkeypatch):
    read = io.read

    def fail_once(path, *which, **choice):
        if path.name == "a.nrrd":
            raise ZeroDivisionError("a fault")
        return read(path, *which, **choice)

    monkeypatch.setattr(io, "read", fail_once)
    outcome = segment(write("a.nrrd"), write("b.nrrd"))

    assert outcome.code == 1
    assert f"{tmp_path / 'a.nrrd'} failed unexpectedly (ZeroDivisionError: a fault" in outcome.err
    assert (tmp_path / "out" / "b.seg.nrrd").is_file()


def kinds(folder, case="heart"):
    record = json.loads((folder / "out" / f"{case}.json").read_text(encoding="utf-8"))
    return {notice["kind"] for notice in record["notices"]}


def test_an_enhancement_outside_the_training_is_used_with_a_warning(segment, write, tmp_path):
    path = write("heart.nrrd")
    assert "strength" not in segment(path, "--strength", 1.5).err and "enhancement" not in kinds(tmp_path)
    outcome = segment(path, "--strength", 2, "--overwrite")
    assert outcome.code == 0 and "enhancement" in kinds(tmp_path)
    assert any(line.startswith("Warning: ") and "strength 2" in line for line in outcome.err.splitlines())


@pytest.mark.parametrize(("modality", "warned"), [("MR", False), ("CT", True)])
def test_an_image_of_another_modality_is_told(modality, warned, segment, write_series, tmp_path):
    outcome = segment(write_series("exam", modality=modality))
    assert outcome.code == 0
    assert ("modality" in kinds(tmp_path, "exam")) is ("CT" in outcome.err) is warned


def test_same_labels_from_command_line_engine_and_scene(segment, write, tiny_model, tmp_path):
    path = write("heart.nii.gz", affine=AFFINES["oblique"])
    assert segment(path, "--format", "nii.gz").code == 0
    from_command = np.asarray(nibabel.load(tmp_path / "out" / "heart.nii.gz").dataobj).T

    image, model = io.read(path), find_model(str(tiny_model))
    from_engine = Segmenter(model, "cpu").segment(image.array, image.geometry).labels
    boot()
    import slicer

    from DINSegmentLib import scene

    node = add_volume(image)
    volume = scene.read_volume(node)
    labels = Segmenter(model, "cpu").segment(volume.array, volume.geometry).labels
    segmentation = scene.write_segmentation(labels, node, model.labels)
    from_scene = np.zeros_like(from_engine)
    for label in model.labels:
        mask = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, f"DINSegment_{label.value}", node)
        from_scene[mask > 0] = label.value
    slicer.mrmlScene.Clear(0)

    assert np.array_equal(from_engine, from_command)
    assert np.array_equal(from_scene, from_command)


LOGIC = """
import sys
import numpy as np, slicer
from desk import Desk
from DINSegmentLib import io
from DINSegmentLib.scene.files import add_volume
logic = Desk.start().load_module().DINSegmentLogic()

volumeNode = add_volume(io.read(sys.argv[1]))
node = logic.segment(volumeNode, modelId=sys.argv[2], device="cpu")
labels = np.zeros(slicer.util.arrayFromVolume(volumeNode).shape, np.uint8)
for n in range(3):
    segment = node.GetSegmentation().GetNthSegmentID(n)
    labels[slicer.util.arrayFromSegmentBinaryLabelmap(node, segment, volumeNode) > 0] = n + 1
np.save(sys.argv[3], labels)
"""


def test_same_labels_from_command_line_and_the_modules_logic(
    segment, write, tiny_model, tmp_path, repository, start, monkeypatch
):
    path = write("heart.nii.gz", affine=AFFINES["oblique"])
    assert segment(path, "--format", "nii.gz").code == 0
    folders = (repository, repository / "Testing")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, folders)))

    process = start(["-c", LOGIC, path, tiny_model, tmp_path / "logic.npy"])

    assert process.wait() == 0, process.stderr.read()
    from_command = np.asarray(nibabel.load(tmp_path / "out" / "heart.nii.gz").dataobj).T
    assert np.array_equal(np.load(tmp_path / "logic.npy"), from_command)


@pytest.mark.parametrize("fault", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_a_run_stopped_while_writing_leaves_the_folder_as_it_was(fault, segment, write, listing, tmp_path, monkeypatch):
    path = write("heart.nrrd")
    assert segment(path, *BOTH).code == 0
    before = listing(tmp_path)

    def stop(*arguments):
        raise fault

    monkeypatch.setattr(steps.io, "write_labelmap", stop)
    outcome = segment(path, *BOTH, "--overwrite")

    assert outcome.code == (130 if fault is KeyboardInterrupt else 2)
    assert listing(tmp_path) == before


def test_a_run_stopped_while_writing_takes_its_new_folders_away(segment, write, tmp_path, monkeypatch):
    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(steps.io, "write_labelmap", stop)
    assert segment(write("heart.nrrd"), *BOTH, "--output", tmp_path / "new" / "deep").code == 130
    assert {path.name for path in tmp_path.iterdir()} == {"heart.nrrd"}


WATCHED = """
import socket, sys

class NoSocket(socket.socket):  # a class, because libraries derive from it
    def __init__(self, *arguments, **options):
        raise AssertionError("network")

socket.socket = NoSocket
from DINSegmentLib.cli import main
code = main(sys.argv[1:])
print([name for name in ("monai", "matplotlib", "nibabel", "scipy") if name in sys.modules], file=sys.stderr)
sys.exit(code)
"""


def test_segment_needs_no_network_and_no_heavy_package(write, tiny_model, start):
    arguments = ["segment", write("heart.nii.gz"), "--model", tiny_model, "--output", "out", *BOTH, "--preview"]
    process = start(["-c", WATCHED, *arguments])

    _, err = process.communicate()

    assert (process.returncode, err.splitlines()[-1]) == (0, "[]")


def test_doctor_needs_no_network_and_no_heavy_package(start):
    process = start(["-c", WATCHED, "doctor"])

    _, err = process.communicate()

    assert err.strip() == "[]"


def test_in_a_pipe_there_are_plain_lines_only(write, tiny_model, start):
    arguments = ("--model", tiny_model, "--output", "out", "--format", "nii.gz")
    process = start(["-m", "DINSegmentLib", "segment", write("heart.nrrd"), *arguments])

    out, err = process.communicate()

    assert process.returncode == 0
    assert "written: heart.nii.gz, heart.json" in out
    assert all(line.startswith("Warning: heart: ") for line in err.splitlines())
    assert not {"\x1b", "\r"} & set(out + err)


def test_a_reader_that_goes_away_ends_the_command_without_a_traceback(start, tmp_path, write, tiny_model):
    process = start(
        ["-m", "DINSegmentLib", "segment", write("a.nrrd"), "--model", tiny_model, "--output", "out", "--json"]
    )
    process.stdout.close()

    assert "Traceback" not in process.stderr.read()
    assert process.wait() == 2
    assert not (tmp_path / "out").exists()


def test_python_m_gives_the_exit_code_to_the_shell(start):
    process = start(["-m", "DINSegmentLib", "segment", "none.nrrd", "--model", "cardiac-mr", "--output", "out"])

    out, err = process.communicate()

    assert (process.returncode, out) == (2, "") and err.startswith("none.nrrd ") and err.count("\n") == 1


def test_a_missing_input_is_told_before_torch_is_loaded(start):
    script = "import sys; from DINSegmentLib.cli import main; main(sys.argv[1:]); print('torch' in sys.modules)"
    process = start(["-c", script, "segment", "none.nrrd", "--model", "cardiac-mr", "--output", "out"])

    assert process.communicate()[0] == "False\n", sys.version


def test_without_a_model_each_image_s_content_decides(command, write, tmp_path):
    outcome = command("segment", write("unknown.nii.gz"), "--output", tmp_path / "out", "--dry-run")
    chosen = command("segment", write("unknown.nii.gz"), "--output", tmp_path / "out", "--dry-run", "--model", "auto")
    assert (outcome.code, outcome.out, outcome.err) == (chosen.code, chosen.out, chosen.err)
