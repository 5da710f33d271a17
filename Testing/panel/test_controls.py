"""All other controls of the panel."""

import shlex
import subprocess
import sys

import numpy as np
import pytest
from clicks import notices, structures

from DINSegmentLib.engine.parameters import Parameters
from DINSegmentLib.engine.preprocessing import enhance_volume
from DINSegmentLib.model import Enhancement, catalogue, find_model
from DINSegmentLib.model.enhancement import METHODS


def rest(desk, panel):
    desk.run_until(lambda: not panel.panel.enhancement.preview.working, 20, "the preview")


def test_the_panel_opens_without_torch_and_says_what_to_do_first(desk, panel):
    ui = panel.ui
    assert not ui.segmentButton.enabled and ui.segmentButton.toolTip == "Choose a volume first."
    assert ui.loadSampleButton.visible and not ui.progressBar.visible
    assert not ui.installTorchButton.visible
    assert [ui.modelSelector.itemData(row) for row in range(ui.modelSelector.count)] == ["auto", *catalogue()]


def test_importing_the_panel_imports_no_torch(repository):
    script = (
        "import sys; sys.path[:0] = ['Testing']\n"
        "from desk import Desk\n"
        "desk = Desk.start(); desk.open_module(); print('torch' in sys.modules); desk.close_module()"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=repository, capture_output=True, encoding="utf-8")
    assert done.stdout.strip() == "False", done.stderr


def test_load_sample_loads_the_phantom_and_picks_the_hearts_model(desk, panel):
    desk.click(panel.ui.loadSampleButton)
    assert panel.ui.inputSelector.currentNode().GetName() == "Heart phantom"
    assert panel.panel.session.model.id == "cardiac-mr"
    assert "voxels" in panel.ui.inputSummaryLabel.text and notices(panel.ui.inputNotices) == []
    assert panel.ui.segmentButton.enabled and panel.ui.loadSampleButton.visible  # also where the scene is not empty


def test_the_model_follows_the_volume_until_the_user_chooses_one(desk, panel, heart):
    import slicer

    ui = panel.ui
    voxels = np.random.default_rng(0).integers(-1000, 1500, (90, 128, 128)).astype(np.int16)
    ct = slicer.util.addVolumeFromArray(voxels, np.diag([-0.8, -0.8, 3.0, 1.0]))
    assert panel.panel.session.model.id == "cardiac-mr"
    ui.inputSelector.setCurrentNode(ct)
    assert panel.panel.session.model.id == "abdomen-ct" and panel.panel.parameters.modelId == ""
    assert ui.modelSelector.currentText.startswith(f"Auto: {catalogue()['abdomen-ct'].title[:15]}")
    ui.inputSelector.setCurrentNode(heart)
    assert panel.panel.session.model.id == "cardiac-mr"
    ui.modelSelector.currentIndex = ui.modelSelector.findData("abdomen-ct")
    ui.inputSelector.setCurrentNode(ct)
    ui.inputSelector.setCurrentNode(heart)
    assert ui.modelSelector.currentData == "abdomen-ct" and notices(ui.inputNotices)
    ui.modelSelector.currentIndex = ui.modelSelector.findData("auto")
    assert panel.panel.session.model.id == "cardiac-mr" and notices(ui.inputNotices) == []
    ui.inputSelector.setCurrentNode(ct)
    ui.inputSelector.setCurrentNode(heart)
    assert ui.modelSelector.currentData == "auto"


def test_sample_data_knows_the_bundled_heart_by_its_checksum(desk, panel, repository):
    import hashlib

    from desk.widgets import qSlicerScriptedLoadableModule

    panel_module = desk.load_module()
    parent = qSlicerScriptedLoadableModule()
    panel_module.DINSegment(parent)
    desk.application.emit("startupCompleted()")
    (about, *_) = desk.dialogs.samples
    path = repository / "Resources" / "SampleData" / about["fileNames"]
    assert about["checksums"] == "SHA256:" + hashlib.sha256(path.read_bytes()).hexdigest()
    assert about["uris"] == path.as_uri()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda array: array.__setitem__((0, 0, 0), np.nan), "NaN"),
        (lambda array: array.fill(3), "constant"),
    ],
)
def test_a_volume_that_cannot_be_segmented_is_told_before_the_run(desk, panel, change, said):
    import slicer

    array = np.random.default_rng(0).random((10, 64, 64)).astype(np.float32) * 900
    change(array)
    panel.ui.inputSelector.setCurrentNode(slicer.util.addVolumeFromArray(array, np.diag([-1.5, -1.5, 8.0, 1.0])))
    assert notices(panel.ui.inputNotices)[0].startswith("Problem: ") and said in notices(panel.ui.inputNotices)[0]
    assert not panel.ui.segmentButton.enabled and said in panel.ui.segmentButton.toolTip


def test_what_is_unlike_the_training_data_is_a_warning_that_can_be_overruled(desk, panel, heart):
    import slicer

    array = np.random.default_rng(0).integers(-1000, 900, (10, 128, 128)).astype(np.int16)
    node = slicer.util.addVolumeFromArray(array, np.diag([-1.5, -1.5, 8.0, 1.0]))
    panel.ui.inputSelector.setCurrentNode(node)
    panel.ui.modelSelector.currentIndex = panel.ui.modelSelector.findData("cardiac-mr")
    assert notices(panel.ui.inputNotices)[0].startswith("Warning: The intensity range")
    assert panel.ui.segmentButton.enabled


def test_the_preview_is_what_goes_on_to_the_network_and_follows_slider_and_method(desk, panel, heart):
    import slicer

    from DINSegmentLib import scene

    model, volume = find_model("cardiac-mr"), scene.read_volume(heart)
    assert panel.panel.parameters.enhancedVolume is None  # nothing is made before somebody wants it
    panel.ui.strengthSlider.value = 0.9
    rest(desk, panel)
    node = panel.panel.parameters.enhancedVolume
    for method, strength in (("log", 1.0), ("gamma", 1.7), ("fuzzy", 1.2), ("clahe", 0.6), ("none", 0.0)):
        panel.ui.enhancementMethodComboBox.currentIndex = panel.ui.enhancementMethodComboBox.findData(method)
        panel.ui.strengthSlider.value = strength
        rest(desk, panel)
        expected = enhance_volume(
            volume.array, volume.geometry, model, Parameters(enhancement=Enhancement(method, strength))
        )
        assert np.array_equal(slicer.util.arrayFromVolume(node), expected), (method, strength)
    assert panel.panel.parameters.enhancedVolume is node and node.GetName() == "Smith^John enhanced"


def test_every_volume_has_an_enhanced_volume_of_its_own(desk, panel, heart):
    import slicer

    panel.ui.strengthSlider.value = 0.9
    rest(desk, panel)
    first = panel.panel.parameters.enhancedVolume
    before = slicer.util.arrayFromVolume(first).copy()
    array = np.random.default_rng(0).integers(0, 900, (10, 64, 64)).astype(np.int16)
    other = slicer.util.addVolumeFromArray(array, np.diag([-1.5, -1.5, 8.0, 1.0]), name="Doe^Jane")
    panel.ui.inputSelector.setCurrentNode(other)
    assert panel.panel.parameters.enhancedVolume is None
    panel.ui.strengthSlider.value = 0.5
    rest(desk, panel)
    assert panel.panel.parameters.enhancedVolume.GetName() == "Doe^Jane enhanced"
    assert np.array_equal(slicer.util.arrayFromVolume(first), before)
    panel.ui.inputSelector.setCurrentNode(heart)
    assert panel.panel.parameters.enhancedVolume is first


def test_a_control_keeps_the_value_that_the_user_gave_it(desk, panel, heart):
    panel.ui.strengthSlider.value = 0.37  # a new node is made, which the parameter node hears of
    assert panel.ui.strengthSlider.value == 0.37 and panel.panel.parameters.strength == 0.37
    panel.ui.previewCheckBox.checked = False
    panel.ui.strengthSlider.value = 0.6
    assert not panel.ui.previewCheckBox.checked and panel.ui.strengthSlider.value == 0.6


def test_deleting_the_enhanced_volume_ends_the_preview(desk, panel, heart):
    import slicer

    panel.ui.strengthSlider.value = 0.9
    slicer.mrmlScene.RemoveNode(panel.panel.parameters.enhancedVolume)
    desk.turn(0.05)
    assert panel.panel.parameters.enhancedVolume is None and not panel.panel.enhancement.preview.working


def test_untrained_settings_are_marked_and_reset_brings_the_models_own_back(desk, panel, heart):
    ui, default = panel.ui, find_model("cardiac-mr").enhancement.default
    assert notices(ui.enhancementNotices) == []
    ui.enhancementMethodComboBox.currentIndex = ui.enhancementMethodComboBox.findData("clahe")
    assert (
        notices(ui.enhancementNotices)[0].startswith("Warning: Outside the training range")
        and "not trained" in ui.enhancementMethodComboBox.currentText
    )
    ui.strengthSlider.value = 0.3
    desk.click(ui.resetEnhancementButton)
    assert ui.enhancementMethodComboBox.currentData == default.method and ui.strengthSlider.value == default.strength
    assert notices(ui.enhancementNotices) == []


def test_every_method_says_in_its_tooltip_what_it_does(panel):
    import qt

    methods = panel.ui.enhancementMethodComboBox
    assert [methods.itemData(row) for row in range(methods.count)] == list(METHODS)
    tips = [methods.itemData(row, qt.Qt.ToolTipRole) for row in range(methods.count)]
    assert tips == [method.summary for method in METHODS.values()] and len(set(tips)) == len(METHODS)


def test_an_image_of_the_users_is_never_the_enhanced_volume(desk, panel, heart):
    import slicer

    other = slicer.util.addVolumeFromArray(np.arange(60, dtype=np.float32).reshape(3, 4, 5), name="mine")
    panel.ui.enhancedOutputSelector.setCurrentNode(other)
    rest(desk, panel)
    assert np.array_equal(slicer.util.arrayFromVolume(other).ravel(), np.arange(60))
    assert "contains another image" in panel.ui.statusLabel.text


def test_drawing_3d_and_the_editor(desk, panel, heart):
    from DINSegmentLib.panel import drawing

    desk.click(panel.ui.segmentButton)
    desk.run_until(lambda: not panel.panel.runner.busy, 60, "the run")
    ui, node = panel.ui, panel.panel.parameters.outputSegmentation
    display = node.GetDisplayNode()
    ui.opacitySlider.value = 0.3
    assert display.GetOpacity2DFill() == 0.3 and display.GetVisibility2DFill()
    ui.outlineCheckBox.checked = True
    assert not display.GetVisibility2DFill() and display.GetVisibility2DOutline()
    desk.click(ui.show3DButton)
    desk.run_until(lambda: drawing.is_in_3d(node), 30, "the surfaces")
    assert ui.show3DButton.checked and ui.show3DButton.text == "Show &3D"
    desk.click(ui.show3DButton)
    assert not node.GetSegmentation().ContainsRepresentation("Closed surface")
    desk.click(ui.editButton)
    assert desk.dialogs.module == "SegmentEditor"
    assert (desk.dialogs.editor.segmentation, desk.dialogs.editor.volume) == (node, heart)


def test_a_segmentation_that_is_chosen_keeps_how_it_is_drawn(desk, panel, heart):
    import slicer

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetOpacity2DFill(0.9)
    panel.ui.outputSelector.setCurrentNode(node)
    assert panel.ui.opacitySlider.value == 0.9 and node.GetDisplayNode().GetOpacity2DFill() == 0.9


def test_the_copied_batch_command_gives_the_clicks_voxels(desk, panel, heart, tmp_path, repository):
    import slicer

    desk.click(panel.ui.segmentButton)
    desk.run_until(lambda: not panel.panel.runner.busy, 60, "the run")
    desk.unfold(panel.ui.scriptGroup)
    desk.click(panel.ui.copyBatchButton)
    launcher, *arguments = shlex.split(desk.clipboard())
    assert launcher == "Slicer" and arguments[:2] == ["--no-main-window", "--no-splash"]
    slicer_command = [sys.executable, str(repository / "Testing" / "desk" / "launcher.py")]
    done = subprocess.run(
        [*slicer_command, *arguments, "--format", "nii.gz"], cwd=tmp_path, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "results").glob("*.nii.gz")
    labels = slicer.util.arrayFromVolume(slicer.util.loadVolume(str(path), {"labelmap": True}))
    from DINSegmentLib import scene

    clicked = scene.read_labels(panel.panel.parameters.outputSegmentation, heart, find_model("cardiac-mr").labels)
    assert labels.any() and np.array_equal(labels, clicked)


def test_the_copied_python_gives_the_clicks_voxels(desk, panel, heart):
    from DINSegmentLib import scene

    desk.click(panel.ui.segmentButton)
    desk.run_until(lambda: not panel.panel.runner.busy, 60, "the run")
    desk.unfold(panel.ui.scriptGroup)
    desk.click(panel.ui.copyPythonButton)
    names: dict = {}
    exec(desk.clipboard(), names)
    structures = find_model("cardiac-mr").labels
    first, second = (
        scene.read_labels(node, heart, structures)
        for node in (panel.panel.parameters.outputSegmentation, names["segmentationNode"])
    )
    assert first.any() and np.array_equal(first, second)


def test_a_volume_without_a_file_has_no_batch_command(desk, panel):
    import slicer

    array = np.random.default_rng(0).integers(0, 900, (10, 64, 64)).astype(np.int16)
    panel.ui.inputSelector.setCurrentNode(slicer.util.addVolumeFromArray(array, np.diag([-1.5, -1.5, 8.0, 1.0])))
    desk.unfold(panel.ui.scriptGroup)
    desk.click(panel.ui.copyBatchButton)
    assert "save it first" in panel.ui.statusLabel.text


def test_diagnostics_hold_versions_and_no_name_or_path_of_a_patient(desk, panel, heart):
    from DINSegmentLib import __version__

    panel.ui.enhancedOutputSelector.setCurrentNode(heart)  # a message that names the volume
    desk.click(panel.ui.segmentButton)
    desk.run_until(lambda: not panel.panel.runner.busy, 60, "the run")
    desk.unfold(panel.ui.scriptGroup)
    desk.click(panel.ui.diagnosticsButton)
    text = desk.clipboard()
    assert __version__ in text and "cardiac-mr" in text and "cpu" in text.lower()
    assert "Smith" not in text and "cardiac_phantom" not in text


def test_settings_and_results_come_back_with_the_scene(desk, panel, heart, tmp_path):
    ui = panel.ui
    ui.enhancementMethodComboBox.currentIndex = ui.enhancementMethodComboBox.findData("gamma")
    ui.strengthSlider.value = 1.3
    ui.threadsSpinBox.value = 1
    ui.heartRateSpinBox.value, ui.heightSpinBox.value, ui.weightSpinBox.value = 67, 178, 75.5
    rest(desk, panel)
    desk.click(ui.segmentButton)
    desk.run_until(lambda: not panel.panel.runner.busy, 60, "the run")
    shown = structures(panel), ui.reviewTable.rowCount
    assert all(shown)
    desk.save_scene(tmp_path / "scene.mrb")
    desk.load_scene(tmp_path / "scene.mrb")
    desk.turn(0.05)

    assert (structures(panel), ui.reviewTable.rowCount) == shown
    assert ui.inputSelector.currentNode().GetName() == "Smith^John"
    assert ui.outputSelector.currentNode().GetName() == "Smith^John segmentation"
    assert (ui.enhancementMethodComboBox.currentData, ui.strengthSlider.value) == ("gamma", 1.3)
    assert (ui.heartRateSpinBox.value, ui.heightSpinBox.value, ui.weightSpinBox.value) == (67, 178, 75.5)
    assert ui.threadsSpinBox.value == 1 and panel.panel.session.model.id == "cardiac-mr"
    assert ui.segmentButton.enabled


def test_without_torch_the_module_loads_explains_and_installs_on_a_click(desk, monkeypatch):
    import types

    from DINSegmentLib.panel import installer

    monkeypatch.setattr(installer, "torch_is_installed", lambda: False)
    panel = desk.open_module()
    desk.click(panel.ui.loadSampleButton)
    assert panel.ui.installTorchButton.visible and "PyTorch is not installed" in panel.ui.torchLabel.text
    desk.click(panel.ui.segmentButton)
    assert "click Install PyTorch" in panel.ui.statusLabel.text and not panel.panel.runner.busy
    desk.click(panel.ui.installTorchButton)
    assert "Extensions Manager" in desk.messages[-1][1]

    asked = []
    logic = types.SimpleNamespace(installTorch=lambda **how: asked.append(how))
    monkeypatch.setitem(sys.modules, "PyTorchUtils", types.SimpleNamespace(PyTorchUtilsLogic=lambda: logic))
    monkeypatch.setattr(installer, "torch_is_installed", lambda: bool(asked))
    desk.click(panel.ui.installTorchButton)
    assert asked and not panel.ui.installTorchButton.visible


def test_every_control_has_a_tooltip_and_the_mnemonics_differ(desk, panel):
    import re

    named = [widget for widget in vars(panel.ui).values() if widget.name in CONTROLS]
    assert len(named) == len(CONTROLS)
    assert [widget.name for widget in named if not widget.toolTip] == []
    texts = [widget.text for widget in vars(panel.ui).values() if isinstance(getattr(widget, "text", None), str)]
    keys = [found[1].lower() for text in texts if (found := re.search(r"&(\w)", text))]
    assert len(keys) == len(set(keys)) > 15
    assert not set(keys) & set("fevh")  # Slicer's menus have them


CONTROLS = (
    "openStudyButton", "severalButton", "addModelButton", "show3DAfterCheckBox",
    "inputSelector", "outputSelector", "enhancedOutputSelector", "inputSummaryLabel", "modelSelector", "deviceSelector",
    "enhancementMethodComboBox", "strengthSlider", "fadeSlider", "opacitySlider", "previewCheckBox",
    "resetEnhancementButton", "compareButton", "segmentButton", "progressBar", "statusLabel", "logTextEdit",
    "diagnosticsButton", "structuresTable", "show3DButton", "releaseMemoryButton", "loadSampleButton",
    "copyBatchButton", "showEnhancedButton", "ejectionLabel", "copyPythonButton", "installTorchButton",
    "threadsSpinBox", "exportButton", "functionTable", "framesTable",
    "curveButton", "reviewTable", "confidenceButton", "whyButton", "smoothCheckBox",
    "heartRateSpinBox", "heightSpinBox", "weightSpinBox", "personLabel", "reviewerEdit", "commentEdit", "reportButton",
    "databaseButton",
)  # fmt: skip
