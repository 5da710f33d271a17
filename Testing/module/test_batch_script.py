"""The batch script, in a Slicer without a window (the simulated launcher), works like the command line."""

import os
import subprocess
import sys

import numpy as np
import pytest
import SimpleITK as sitk


@pytest.mark.parametrize("separator", [("--",), ()], ids=["with --", "without --"])
def test_same_bytes_and_status_as_the_command_line(separator, repository, tiny_model, tmp_path):
    voxels = np.random.default_rng(2).integers(0, 900, (4, 40, 36)).astype(np.int16)
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing((1.4, 1.3, 8.0))
    sitk.WriteImage(image, str(tmp_path / "heart.nrrd"))
    inputs = [str(tmp_path / "heart.nrrd"), str(tmp_path / "missing.nrrd")]
    script = repository / "DINSegment" / "Scripts" / "DINSegmentBatch.py"
    slicer = [str(repository / "Testing" / "desk" / "launcher.py"), "--no-main-window", "--no-splash",
              "--python-script", str(script), *separator]  # fmt: skip

    status = {}
    for name, program in (("slicer", slicer), ("command", ["-m", "DINSegmentLib"])):
        arguments = ["segment", *inputs, "--model", str(tiny_model), "--device", "cpu", "--format", "nii.gz"]
        process = subprocess.run(
            [sys.executable, *program, *arguments, "--output", str(tmp_path / name)],
            env={**os.environ, "PYTHONPATH": str(repository)}, capture_output=True, encoding="utf-8",
        )  # fmt: skip
        status[name] = process.returncode
        assert "missing.nrrd does not exist" in process.stderr

    assert status == {"slicer": 1, "command": 1}
    for name in ("heart.nii.gz", "statistics.csv"):
        assert (tmp_path / "slicer" / name).read_bytes() == (tmp_path / "command" / name).read_bytes()


def test_a_relative_output_lies_in_the_working_folder_not_in_the_scenes(repository, tiny_model, write, tmp_path):
    write("heart.nrrd")
    script = repository / "DINSegment" / "Scripts" / "DINSegmentBatch.py"
    process = subprocess.run(
        [
            sys.executable, str(repository / "Testing" / "desk" / "launcher.py"), "--no-main-window", "--no-splash",
            "--python-script", str(script), "--", "segment", "heart.nrrd", "--model", str(tiny_model),
            "--device", "cpu", "--format", "seg.nrrd", "--output", "results",
        ],
        env={**os.environ, "PYTHONPATH": str(repository)}, cwd=tmp_path, capture_output=True, encoding="utf-8",
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    assert set(np.unique(sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "results" / "heart.seg.nrrd"))))) > {0}
