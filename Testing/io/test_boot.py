"""Slicer's libraries start once, and an existing Slicer is not changed."""

import subprocess
import sys
from pathlib import Path

from DINSegmentLib import io
from DINSegmentLib.scene.boot import boot
from DINSegmentLib.scene.files import add_volume


def test_booting_twice_keeps_the_scene():
    boot()
    import slicer

    scene, application = slicer.mrmlScene, slicer.app
    boot()
    assert slicer.mrmlScene is scene and slicer.app is application


def test_inside_slicer_nothing_is_touched():
    script = """
import slicer
slicer.app = slicer.mrmlScene = slicer.modules = desktop = object()
from DINSegmentLib.scene.boot import boot
boot()
assert slicer.app is slicer.mrmlScene is slicer.modules is desktop
"""
    run(script)


def test_reading_needs_no_slicer(write_volume):
    run(f"""
import sys
from DINSegmentLib import io
io.read({str(write_volume("v.nii.gz"))!r})
assert not {{"slicer", "slicer_core", "pydicom", "torch"}} & set(sys.modules)
""")


def test_slicer_util_saves_and_loads_nodes(tmp_path, write_volume, voxels):
    import numpy as np

    boot()
    import slicer

    node = add_volume(io.read(write_volume("v.nii")))
    assert slicer.util.saveNode(node, str(tmp_path / "w.nrrd"), {})
    back = slicer.util.loadVolume(str(tmp_path / "w.nrrd"), {})
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(back), voxels)
    assert slicer.util.getNode(node.GetID()) is node


def run(script: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        cwd=Path(io.__file__).parents[2],
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
