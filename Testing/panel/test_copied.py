"""Python code and batch commands that the panel copies for a cine."""

import shlex

import numpy as np

from DINSegmentLib import io


def test_copied_python_of_a_cine_segments_the_sequence(desk, panel, cine):
    import qt

    desk.unfold(panel.ui.scriptGroup)
    desk.click(panel.ui.copyPythonButton)
    assert "DINSegmentLogic().segmentSequence(" in qt.QApplication.clipboard().text()


def test_the_copied_batch_command_names_the_file_of_the_sequence(desk, panel, cine, tmp_path):
    import slicer

    desk.unfold(panel.ui.scriptGroup)
    desk.click(panel.ui.copyBatchButton)
    assert "save it first" in panel.ui.statusLabel.text

    path = tmp_path / "heart beat.seq.nrrd"
    slicer.util.saveNode(cine.sequence, str(path))
    desk.unfold(panel.ui.scriptGroup)
    desk.click(panel.ui.copyBatchButton)
    arguments = shlex.split(desk.clipboard())
    assert arguments[arguments.index("segment") + 1] == str(path)
    frames = [slicer.util.arrayFromVolume(node) for node in cine.nodes]
    np.testing.assert_array_equal(io.read_cine(path).array, frames)


def test_the_copied_batch_command_names_the_frame_for_a_model_of_other_organs(desk, panel, cine, tmp_path, capfd):
    import slicer

    from DINSegmentLib.cli.parser import main

    slicer.util.saveNode(cine.sequence, str(tmp_path / "beat.seq.nrrd"))
    desk.unfold(panel.ui.scriptGroup)
    desk.click(panel.ui.copyBatchButton)
    assert "--frame" not in desk.clipboard() and panel.ui.statusLabel.text == "Copied."

    panel.ui.modelSelector.setCurrentIndex(panel.ui.modelSelector.findData("abdomen-ct"))
    cine.go_to(1)
    desk.unfold(panel.ui.scriptGroup)
    desk.click(panel.ui.copyBatchButton)
    arguments = shlex.split(desk.clipboard())
    assert arguments[-2:] == ["--frame", "2"] and "for frame 2, which is shown" in panel.ui.statusLabel.text
    assert main([*arguments[arguments.index("segment") :], "--dry-run"]) == 0
    assert "1 to segment" in capfd.readouterr().out
