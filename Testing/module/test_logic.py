"""The module's logic, on Slicer's libraries, gives the engine's labels and needs no panel."""

import os
import subprocess
import sys

LOGIC = """
import os, sys
import numpy as np, slicer
from desk import Desk
from DINSegmentLib.model import Enhancement
from DINSegmentLib.model import find_model
from DINSegmentLib.engine.parameters import Parameters
from DINSegmentLib.engine.preprocessing import enhance_volume
from DINSegmentLib.engine.segmenter import Segmenter
from DINSegmentLib.engine.attribution import attribution_map
from DINSegmentLib.geometry import Geometry
logic = Desk.start().load_module().DINSegmentLogic()

geometry = Geometry((3, 40, 36), np.array([[1.5, 0, 0, -30], [0, 1.4, 0, 7], [0, 0, 8, 5], [0, 0, 0, 1.0]]))
voxels = np.random.default_rng(1).integers(0, 900, geometry.shape).astype(np.int16)
volumeNode = slicer.util.addVolumeFromArray(voxels, ijkToRAS=geometry.ijk_to_ras, name="heart")
steps = []
node = logic.segment(
    volumeNode, None, sys.argv[1], "gamma", 0.7, "cpu", progress=lambda *at: steps.append(at)
)

model = find_model(sys.argv[1])
expected = Segmenter(model, "cpu").segment(voxels, geometry, Parameters(enhancement=Enhancement("gamma", 0.7))).labels
assert len(np.unique(expected)) > 1, "the network must say something for the comparison to mean anything"
segmentation = node.GetSegmentation()
assert [segmentation.GetNthSegment(n).GetName() for n in range(3)] == [label.name for label in model.labels]
for n, label in enumerate(model.labels):
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(node, segmentation.GetNthSegmentID(n), volumeNode)
    assert np.array_equal(mask > 0, expected == label.value), label.name
assert steps[0] == (0, 3) and steps[-1] == (3, 3)
assert logic.segment(volumeNode, node, modelId=sys.argv[1], device="cpu") is node

rows = logic.statistics(node, volumeNode, modelId=sys.argv[1])
assert [row.name for row in rows] == [label.name for label in model.labels] and sum(row.voxels for row in rows)

enhanced = logic.enhance(volumeNode, "log", 1.5, modelId=sys.argv[1])
wanted = enhance_volume(voxels, geometry, model, Parameters(enhancement=Enhancement("log", 1.5)))
assert np.array_equal(slicer.util.arrayFromVolume(enhanced), wanted)
assert logic.enhance(volumeNode, "none", 0, enhanced, sys.argv[1]) is enhanced
decided = logic.why(volumeNode, sys.argv[1], "log", 1.5, "cpu")
wanted = attribution_map(Segmenter(model, "cpu"), voxels, geometry, Parameters(enhancement=Enhancement("log", 1.5)))
assert np.array_equal(slicer.util.arrayFromVolume(decided), wanted) and wanted.any()
sure = logic.confidence(volumeNode, sys.argv[1], "log", 1.5, "cpu")
asked = Parameters(enhancement=Enhancement("log", 1.5), confidence=True)
wanted = Segmenter(model, "cpu").segment(voxels, geometry, asked).confidence_map
assert np.array_equal(slicer.util.arrayFromVolume(sure), wanted) and np.ptp(wanted) > 0
logic.compare(volumeNode, enhanced, node)
assert slicer.app.layoutManager().layout == 7701
os._exit(0)  # all held: the views of the desk, which has no window, are not made to be taken down in any order
"""


def test_logic_gives_the_engines_labels_under_the_models_names(repository, tiny_model):
    path = [repository, repository / "Testing"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path)), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", LOGIC, str(tiny_model)]

    process = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8")

    assert process.returncode == 0, process.stderr
