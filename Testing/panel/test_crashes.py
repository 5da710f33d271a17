"""No click crashes Slicer: its real views, in a separate process."""

import os
import subprocess
import sys

CLICKS = """
import faulthandler, sys
from pathlib import Path
faulthandler.enable()
from desk import Desk
desk = Desk.start()
import slicer
from DINSegmentLib.model import manifest

for model in manifest.catalogue().values():
    desk.application.settings.setValue(f"DINSegment/AcceptedLicence/{model.id}", model.version)
panel = desk.open_module()
ui = panel.ui

def segment():
    desk.click(ui.segmentButton)
    desk.run_until(lambda: not panel.panel.runner.busy, 300, "the result")
    return panel.panel.parameters.outputSegmentation

def edit(node):
    identity = node.GetSegmentation().GetNthSegmentID(0)
    volume = panel.panel.parameters.inputVolume
    array = slicer.util.arrayFromSegmentBinaryLabelmap(node, identity, volume)
    array[:, ::2] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(array, node, identity, volume)
    desk.turn(0.05)

def step(what):
    desk.turn(0.05)
    print(what, flush=True)

desk.click(ui.loadSampleButton)
node = segment()
assert node is not None, ui.statusLabel.text
step("segmented")
for _ in range(2):
    desk.click(ui.compareButton)
    step("compared")
    ui.opacitySlider.value = 0.25 + ui.opacitySlider.value / 2
    step("opacity while comparing")
    desk.click(ui.compareButton)
    step("compared no more")
node.GetSegmentation().GetNthSegment(0).SetName("Renamed")
step("renamed")
edit(node)
step("edited")
segment()
step("segmented again")
desk.click(ui.compareButton)
segment()
step("segmented while comparing")
panel.exit()
desk.window.isEntered = False
edit(panel.panel.parameters.outputSegmentation)
desk.window.isEntered = True
panel.enter()
step("another module, an edit there, and back")
desk.click(ui.show3DButton)
edit(panel.panel.parameters.outputSegmentation)
step("edited while its surfaces were made")
desk.click(ui.show3DButton)
desk.turn(1)
assert ui.show3DButton.checked and ui.show3DButton.text == "Show &3D"
edit(panel.panel.parameters.outputSegmentation)
step("shown in 3D and edited")
desk.click(ui.compareButton)
desk.save_scene(Path(sys.argv[1]))
desk.load_scene(Path(sys.argv[1]))
step("saved and loaded while comparing")
node = panel.panel.parameters.outputSegmentation
edit(node)
desk.click(ui.compareButton)
node.GetSegmentation().GetNthSegment(1).SetName("Renamed, too")
step("compared in the loaded scene")
slicer.mrmlScene.RemoveNode(node)
step("removed while comparing")
panel = desk.reload_module()
step("reloaded")
desk.clear_scene()
step("closed")
desk.close_module()
"""


def test_the_tutorial_compare_edits_and_a_saved_scene_end_with_status_0(repository, tmp_path):
    path = [repository, repository / "Testing"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path)), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", CLICKS, str(tmp_path / "scene.mrb")],
        env=environment, cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=900,
    )  # fmt: skip
    steps = done.stdout.splitlines()
    assert done.returncode == 0, f"status {done.returncode} after: {steps[-1:]}\n{done.stderr[-3000:]}"
    assert steps[-1] == "closed"
