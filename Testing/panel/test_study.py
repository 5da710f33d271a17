"""Open study: a folder, an archive or the DICOM database, with the real reading process."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import phantom_files as phantom
import pytest
import slicer
import slicer.util

from DINSegmentLib.errors import InputError

PERSON = {"HeartRate": 60, "PatientSize": 1.8, "PatientWeight": 80}


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """A cine of four frames, and a flow series that no model is for."""
    folder = tmp_path_factory.mktemp("study")
    frames = [phantom.ED, phantom.ES, phantom.ES, phantom.ED]
    phantom.cine(folder / "beat", lambda k, t: {"TriggerTime": str(150 * t), **PERSON}, frames)
    phantom.stack(folder / "flow", change=lambda k: {"SeriesDescription": "flow_aorta_tp", "SeriesNumber": 99})
    (folder / "odd.nii").write_bytes(b"")
    return folder


def rows_of(panel):
    table = panel.panel.study.list.table
    return {
        table.item(row, 0).text(): [table.item(row, column).text() for column in range(1, 4)]
        for row in range(table.rowCount)
    }


def look(desk, panel, paths):
    """Open the study and wait for its table."""
    panel.panel.study.look([str(path) for path in paths])
    listed = panel.panel.study.list
    desk.run_until(lambda: not listed.progress.visible or panel.panel.study.list is None, 120, "the table")
    return listed


def load(desk, panel, button=0):
    desk.click(panel.panel.study.list.buttons[button])
    desk.run_until(lambda: panel.panel.study.list is None, 120, "the images")


def test_the_table_gives_a_model_or_a_reason_and_only_what_suits_is_checked(desk, panel, study):
    listed = look(desk, panel, [study])
    rows = rows_of(panel)

    assert rows["beat"] == ["9 slices, 4 frames", "Heart chambers in short-axis cine MR", rows["beat"][2]]
    assert rows["beat"][2].startswith("short-axis cine: 9 short-axis slices, 4 frames")
    assert rows["flow"] == ["9 slices", "none", "flow"]
    assert "is an empty file" in rows["odd.nii"][2]
    assert "Images that suit a model: 1." in listed.label.text
    assert [panel.panel.study.list.checked()] == [[0]] and all(one.enabled for one in listed.buttons)
    listed.table.item(0, 0).setCheckState(type(listed.table.item(0, 0).checkState()).Unchecked)
    assert not any(one.enabled for one in listed.buttons)
    desk.click(listed.cancel_button)
    assert panel.panel.study.list is None


def test_a_cine_comes_as_a_sequence_with_its_voxels_place_times_and_person(desk, panel, study):
    from DINSegmentLib import io, scene

    look(desk, panel, [study])
    load(desk, panel)
    node, truth = panel.panel.parameters.inputVolume, io.read_cine(study / "beat")
    cine = scene.find_cine(node)
    frames, geometry = scene.read_frames(cine)

    assert node.GetName() == "beat" and cine.times_ms == [0.0, 150.0, 300.0, 450.0]
    assert np.array_equal(frames, truth.array)
    assert np.allclose(geometry.ijk_to_ras, truth.first.geometry.ijk_to_ras, atol=1e-9)
    ui = panel.ui
    assert [box.value for box in (ui.heartRateSpinBox, ui.heightSpinBox, ui.weightSpinBox)] == [60, 180, 80]
    assert "From the DICOM header" in ui.personLabel.text
    assert panel.panel.session.model.id == "cardiac-mr" and scene.modality(node) == "MR"
    assert not node.GetDisplayNode().GetAutoWindowLevel()
    assert ui.segmentButton.enabled and "1 of 1 images were loaded" in ui.statusLabel.text


def test_load_and_segment_ends_with_the_ejection_fraction_and_a_record(desk, panel, study):
    from DINSegmentLib import scene

    look(desk, panel, [study])
    load(desk, panel, 1)
    desk.run_until(lambda: not panel.panel.runner.busy and not panel.panel.several.running, 300, "the run")
    node = panel.panel.parameters.outputSegmentation
    assert scene.noted(node, scene.RUN)["model"] == "cardiac-mr"
    assert panel.ui.functionGroup.visible and panel.ui.framesTable.rowCount == 4
    function = panel.logic.function(node, panel.panel.parameters.inputVolume, "cardiac-mr")
    assert abs(function.lv.ef_percent - 58.5) < 4  # the phantom's true volumes are 139.65 and 57.92 ml


def test_volumes_and_what_no_model_suits_can_be_loaded_too(desk, panel, study, write):
    from DINSegmentLib import scene

    voxels = np.random.default_rng(0).normal(0, 100, (40, 30, 20))
    volume = write("scan.nrrd", voxels)
    listed = look(desk, panel, [volume.parent])
    listed.table.item(0, 0).setCheckState(type(listed.table.item(0, 0).checkState()).Checked)
    load(desk, panel)
    node = panel.panel.parameters.inputVolume
    assert node.GetName() == "scan" and scene.find_cine(node) is None
    assert np.array_equal(slicer.util.arrayFromVolume(node), voxels)


def test_an_archive_is_opened_and_its_files_are_gone_afterwards(desk, panel, study, tmp_path):
    from DINSegmentLib import scene

    archive = shutil.make_archive(str(tmp_path / "export"), "zip", study / "beat")
    look(desk, panel, [archive])
    assert any((tmp_path / "temporary").rglob("*.dcm"))
    load(desk, panel)
    assert len(scene.find_cine(panel.panel.parameters.inputVolume).nodes) == 4
    assert not any((tmp_path / "temporary").iterdir())


def test_what_is_selected_in_the_dicom_database_is_opened_and_keeps_its_instances(desk, panel, study, monkeypatch):
    files = {"1.2.3": sorted(str(path) for path in study.rglob("*.dcm"))}
    database = SimpleNamespace(
        seriesForStudy=lambda uid: [uid], filesForSeries=lambda uid: files[uid], fileForInstance=lambda uid: ""
    )
    selected = []
    tables = SimpleNamespace(currentSeriesSelection=lambda: (), currentStudiesSelection=lambda: selected,
                             currentPatientsSelection=lambda: ())  # fmt: skip
    browser = SimpleNamespace(dicomBrowser=SimpleNamespace(dicomTableManager=lambda: tables))
    monkeypatch.setattr(slicer, "dicomDatabase", database, raising=False)
    monkeypatch.setattr(slicer.modules, "DICOMWidget", SimpleNamespace(browserWidget=browser), raising=False)
    desk.dialogs.choice = "Selected in DICOM database"
    desk.click(panel.ui.openStudyButton)
    assert "No study is selected" in panel.ui.statusLabel.text and panel.panel.study.list is None

    selected.append("1.2.3")
    desk.click(panel.ui.openStudyButton)
    listed = panel.panel.study.list
    desk.run_until(lambda: not listed.progress.visible, 120, "the table")
    assert {row[1] for row in rows_of(panel).values()} == {"Heart chambers in short-axis cine MR", "none"}
    load(desk, panel)
    node = panel.panel.parameters.inputVolume
    assert len(node.GetAttribute("DICOM.instanceUIDs").split()) == 9


def test_a_study_that_ends_badly_is_said_and_the_scene_stays(desk, panel, study, tmp_path):
    before = slicer.mrmlScene.GetNumberOfNodes()
    bad = tmp_path / "bad.zip"
    bad.write_bytes(b"no archive")
    look(desk, panel, [bad])
    assert "is a damaged archive" in rows_of(panel)["bad.zip"][2]
    panel.panel.study.end()

    look(desk, panel, [study])
    panel.panel.study._reader._process._process.kill()
    desk.run_until(lambda: panel.panel.study.list is None, 30, "the end of the process")
    assert "could not be read completely" in desk.messages[-1][1]

    listed = look(desk, panel, [study])
    desk.click(listed.buttons[0])
    panel.panel.study.end()
    desk.turn(0.2)
    assert slicer.mrmlScene.GetNumberOfNodes() == before


def test_the_window_goes_on_while_a_large_volume_is_loaded(desk, panel, tmp_path, write):
    """64 MB in pieces: the longest pause is that of a piece, not of the volume; the figure itself is the bench's."""
    from DINSegmentLib.scene.loading import Loading

    voxels = np.random.default_rng(0).integers(-1000, 1500, (122, 512, 512)).astype(np.int16)
    voxels.tofile(tmp_path / "voxels")
    loading = Loading(tmp_path / "voxels", {
        "name": "CT", "shape": [1, *voxels.shape], "dtype": "<i2", "ijk_to_ras": np.diag([-1, -1, 1, 1.0]).ravel(),
        "times": None, "window": [-160.0, 240.0], "modality": "CT", "model": None, "person": {}, "uids": [],
    })  # fmt: skip
    steps = 0
    while loading.step():
        steps += 1
        assert slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") == []
    assert steps == -(-voxels.nbytes // 8_000_000)
    assert np.array_equal(slicer.util.arrayFromVolume(loading.node), voxels)
    display = loading.node.GetDisplayNode()
    assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == (-160, 240)


def test_a_file_that_is_cut_off_leaves_the_scene_as_it_was(desk, panel, tmp_path):
    from DINSegmentLib.scene.loading import Loading

    (tmp_path / "voxels").write_bytes(bytes(100))
    loading = Loading(tmp_path / "voxels", {
        "name": "CT", "shape": [1, 4, 4, 4], "dtype": "<i2", "ijk_to_ras": np.eye(4).ravel(), "times": None,
        "window": [0.0, 1.0], "modality": None, "model": None, "person": {}, "uids": [],
    })  # fmt: skip
    with pytest.raises(InputError, match="CT was not read completely"):
        loading.step()
    loading.stop()
    assert slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") == []
