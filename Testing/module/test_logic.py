"""The module's Logic, on Slicer's own libraries, gives the labels that the engine gives."""

import os
import subprocess
import sys

SEGMENT = """
import sys
import desk, numpy as np, slicer
from DINSegmentLib import headless, models
from DINSegmentLib.engine.segmenter import Segmenter
from DINSegmentLib.geometry import Geometry
headless.boot()
desk.install()
import DINSegment

geometry = Geometry((3, 40, 36), np.array([[1.5, 0, 0, -30], [0, 1.4, 0, 7], [0, 0, 8, 5], [0, 0, 0, 1.0]]))
voxels = np.random.default_rng(1).integers(0, 900, geometry.shape).astype(np.int16)
volumeNode = slicer.util.addVolumeFromArray(voxels, ijkToRAS=geometry.ijk_to_ras, name="heart")
node = DINSegment.DINSegmentLogic().process(volumeNode, sys.argv[1], device="cpu")

model = models.find(sys.argv[1])
expected = Segmenter(model, "cpu").segment(voxels, geometry).labels
assert len(np.unique(expected)) > 1, "the network must say something for the comparison to mean anything"
segmentation = node.GetSegmentation()
assert [segmentation.GetNthSegment(n).GetName() for n in range(3)] == [label.name for label in model.labels]
for n, label in enumerate(model.labels):
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(node, segmentation.GetNthSegmentID(n), volumeNode)
    assert np.array_equal(mask > 0, expected == label.value), label.name
"""


def test_logic_gives_the_engines_labels_under_the_models_names(repository, tiny_model):
    path = [repository, repository / "DINSegment", repository / "Testing" / "module"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path)), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", SEGMENT, str(tiny_model)]

    process = subprocess.run(command, env=environment, capture_output=True, text=True)

    assert process.returncode == 0, process.stderr
