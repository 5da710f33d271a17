"""Segment, with the real worker and the bundled weights."""

import time

import numpy as np
import pytest
from clicks import labels_of, notices, run, structures

from DINSegmentLib.engine.segmenter import segment
from DINSegmentLib.model import find_model


def test_a_click_gives_the_command_lines_voxels_names_colors_and_numbers(desk, panel, heart):
    from DINSegmentLib import scene

    run(desk, panel)
    ui, node = panel.ui, panel.panel.parameters.outputSegmentation
    model = find_model("cardiac-mr")
    volume = scene.read_volume(heart)
    expected = segment(volume.array, volume.geometry, model, None, "cpu").labels

    assert expected.any() and np.array_equal(labels_of(node, heart, model), expected)
    names = [node.GetSegmentation().GetNthSegment(n).GetName() for n in range(3)]
    assert names == [label.name for label in model.labels]
    milliliters = np.bincount(expected.ravel(), minlength=4)[1:] * volume.geometry.voxel_volume / 1000
    means = [volume.array[expected == value].mean() for value in (1, 2, 3)]
    assert structures(panel) == [
        [label.name, f"{ml:.1f}", f"{mean:.1f}"]
        for label, ml, mean in zip(model.labels, milliliters, means, strict=True)
    ]
    assert ui.outputSelector.currentNode() is node
    assert ui.statusLabel.text.startswith("Done in") and ui.segmentButton.text == "&Segment"
    hierarchy = node.GetScene().GetFirstNodeByClass("vtkMRMLSubjectHierarchyNode")
    parents = [hierarchy.GetItemParent(hierarchy.GetItemByDataNode(one)) for one in (node, heart)]
    assert parents[0] == parents[1]


def test_the_second_run_begins_at_once_and_replaces_the_first(desk, panel, heart):
    run(desk, panel)
    node = panel.panel.parameters.outputSegmentation
    process = panel.panel.runner.client.about["pid"]
    began, first = time.monotonic(), []
    shown = panel.panel.segmentation.progressed

    def listen(text, done, total):
        if total and not first:
            first.append(time.monotonic() - began)
        shown(text, done, total)

    panel.panel.segmentation.progressed = listen
    run(desk, panel)

    assert panel.panel.runner.client.about["pid"] == process
    assert first[0] < 1.0  # the aim is 0.3 s; measured by `make measure`, here the machine may be busy
    assert panel.panel.parameters.outputSegmentation is node and node.GetSegmentation().GetNumberOfSegments() == 3


def test_progress_counts_slices_and_cancel_leaves_the_scene_as_it_was(desk, panel, heart):
    import slicer

    volume = slicer.util.addVolumeFromArray(
        np.random.default_rng(0).integers(0, 900, (80, 256, 216)).astype(np.int16), np.diag([-1.5, -1.5, 8.0, 1.0])
    )
    panel.ui.previewCheckBox.checked = False
    panel.ui.inputSelector.setCurrentNode(volume)
    before = slicer.mrmlScene.GetNumberOfNodes()
    desk.click(panel.ui.segmentButton)
    assert panel.ui.segmentButton.text == "Cancel &segmentation" and not panel.ui.inputSelector.enabled
    desk.run_until(lambda: panel.ui.progressBar.value > 0, 60, "progress")
    assert panel.ui.progressBar.maximum == 80 and "slices" in panel.ui.statusLabel.text
    began = time.monotonic()
    desk.click(panel.ui.segmentButton)
    desk.run_until(lambda: not panel.panel.runner.busy, 10, "the cancel")

    assert time.monotonic() - began < 3
    assert slicer.mrmlScene.GetNumberOfNodes() == before
    assert "Canceled" in panel.ui.statusLabel.text and panel.panel.parameters.outputSegmentation is None
    assert panel.ui.inputSelector.enabled and panel.ui.segmentButton.text == "&Segment"


def test_a_worker_that_is_killed_in_a_run_is_told_and_the_next_run_works(desk, panel, heart):
    import os
    import signal

    desk.click(panel.ui.segmentButton)
    desk.run_until(lambda: panel.panel.runner.client.state.value == "running", 30, "the run's beginning")
    os.kill(panel.panel.runner.client.about["pid"], signal.SIGKILL)
    desk.run_until(lambda: not panel.panel.runner.busy, 60, "the end")
    assert panel.panel.parameters.outputSegmentation is None and "nothing was changed" in panel.ui.statusLabel.text

    run(desk, panel)
    assert panel.panel.parameters.outputSegmentation is not None


OUT_OF_MEMORY = """
import torch
from DINSegmentLib.network import DIN
def forward(self, *images):
    raise torch.OutOfMemoryError("no more")
DIN.forward = forward
"""
NO_TORCH = "sys.modules['torch'] = None\n"


@pytest.mark.parametrize(("fault", "said"), [(OUT_OF_MEMORY, "memory"), (NO_TORCH, "PyTorch")])
def test_a_fault_in_the_worker_is_told_in_a_sentence_and_the_scene_stays(desk, panel, heart, monkeypatch, fault, said):
    import slicer

    from DINSegmentLib.panel import process

    head, tail = process._START.rsplit("; ", 1)
    monkeypatch.setattr(process, "_START", f"{head}\n{fault}\n{tail}")
    panel.panel.runner.release()
    desk.run_until(lambda: panel.panel.runner.client.state.value == "off", 30, "the worker's end")
    before = slicer.mrmlScene.GetNumberOfNodes()
    run(desk, panel)

    text = panel.ui.statusLabel.text
    assert said in text and "\n" not in text and "Traceback" not in text
    assert slicer.mrmlScene.GetNumberOfNodes() == before and panel.panel.parameters.outputSegmentation is None


def test_weights_that_were_changed_are_refused_and_the_scene_stays(desk, panel, heart, write_model, tmp_path):
    import slicer

    model = write_model(tmp_path / "model", "stack")
    (model.folder / "weights.pt").write_bytes(b"changed")
    panel.panel.session.models = {"cardiac-mr": model}
    before = slicer.mrmlScene.GetNumberOfNodes()
    run(desk, panel)

    assert "do not match their checksum" in panel.ui.statusLabel.text
    assert slicer.mrmlScene.GetNumberOfNodes() == before


def test_closing_the_scene_in_a_run_cancels_it(desk, panel, heart):
    desk.click(panel.ui.segmentButton)
    desk.clear_scene()
    desk.run_until(lambda: not panel.panel.runner.busy, 10, "the cancel")

    assert panel.ui.inputSelector.currentNode() is None and not panel.ui.segmentButton.enabled
    assert panel.panel.parameters.outputSegmentation is None


def test_a_scene_that_is_closed_in_a_run_while_another_module_is_shown_leaves_a_panel_that_works(desk, panel, heart):
    desk.click(panel.ui.segmentButton)
    panel.exit()
    desk.window.isEntered = False
    desk.clear_scene()
    desk.run_until(lambda: not panel.panel.runner.busy, 10, "the cancel")
    desk.window.isEntered = True
    panel.enter()
    desk.click(panel.ui.loadSampleButton)
    run(desk, panel)
    assert panel.panel.parameters.outputSegmentation is not None


def test_a_volume_that_is_removed_or_changed_in_a_run_gets_no_result(desk, panel, heart):
    import slicer

    desk.click(panel.ui.segmentButton)
    slicer.util.arrayFromVolume(heart)[0] += 1
    slicer.util.arrayFromVolumeModified(heart)
    desk.run_until(lambda: not panel.panel.runner.busy, 60, "the end")
    assert "was changed during the run" in panel.ui.statusLabel.text
    assert panel.panel.parameters.outputSegmentation is None

    desk.click(panel.ui.segmentButton)
    slicer.mrmlScene.RemoveNode(heart)
    desk.run_until(lambda: not panel.panel.runner.busy, 60, "the end")
    assert "was removed during the run" in panel.ui.statusLabel.text
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0


def test_voxels_that_were_edited_since_are_looked_at_before_the_run(desk, panel, heart):
    import slicer

    slicer.util.arrayFromVolume(heart).fill(3)
    slicer.util.arrayFromVolumeModified(heart)
    desk.click(panel.ui.segmentButton)
    assert not panel.panel.runner.busy and "constant" in panel.ui.statusLabel.text
    assert "constant" in notices(panel.ui.inputNotices)[0] and not panel.ui.segmentButton.enabled


def test_reload_in_a_run_leaves_no_process_and_no_observer(desk, panel, heart):
    import os

    desk.run_until(lambda: panel.panel.runner.client.about, 30, "the worker")
    process = panel.panel.runner.client.about["pid"]
    desk.click(panel.ui.segmentButton)
    fresh = desk.reload_module()

    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    assert desk.application.observers() == 1
    assert fresh.ui.inputSelector.currentNode() is heart


def test_slicers_end_ends_the_worker(desk, panel):
    import os

    desk.run_until(lambda: panel.panel.runner.client.about, 30, "the worker")
    process = panel.panel.runner.client.about["pid"]
    desk.application.emit("aboutToQuit()")

    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_release_memory_ends_the_worker_and_the_next_run_loads_again(desk, panel, heart):
    run(desk, panel)
    first = panel.panel.runner.client.about["pid"]
    desk.unfold(panel.ui.scriptGroup)
    desk.click(panel.ui.releaseMemoryButton)
    desk.run_until(lambda: panel.panel.runner.client.state.value == "off", 10, "the worker's end")
    run(desk, panel)
    assert panel.panel.runner.client.about["pid"] != first


def test_the_terms_of_a_model_are_asked_for_once(desk, panel, heart):
    desk.application.settings.clear()
    desk.dialogs.answer = False
    desk.click(panel.ui.segmentButton)
    assert not panel.panel.runner.busy and "not accepted" in panel.ui.statusLabel.text
    assert "research" in desk.messages[0][1].lower()

    desk.dialogs.answer = True
    run(desk, panel)
    run(desk, panel)
    assert len(desk.messages) == 2
