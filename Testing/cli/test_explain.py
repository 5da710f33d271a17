"""`dinsegment explain`: its files; it replaces nothing without being asked."""

import nibabel
import numpy as np
import pytest
from PIL import Image

from DINSegmentLib import io
from DINSegmentLib.engine.attribution import attribution_map
from DINSegmentLib.engine.segmenter import Segmenter
from DINSegmentLib.geometry import Geometry
from DINSegmentLib.model import find_model
from DINSegmentLib.pictures.slices import draw_attribution


def test_volume_holds_the_engines_values_on_the_inputs_grid_beside_a_picture(command, write, tmp_path, tiny_model):
    path = write("heart.nii.gz")
    outcome = command("explain", path, "--model", tiny_model, "--output", tmp_path / "out", "--device", "cpu")

    assert outcome.code == 0, outcome.err
    assert {one.name for one in (tmp_path / "out").iterdir()} == {"heart_attribution.nii.gz", "heart_attribution.png"}
    image = io.read(path)
    expected = attribution_map(Segmenter(find_model(str(tiny_model)), "cpu"), image.array, image.geometry)
    written = nibabel.load(tmp_path / "out" / "heart_attribution.nii.gz")
    assert np.array_equal(np.asarray(written.dataobj).transpose(2, 1, 0), expected)
    assert np.allclose(written.affine, nibabel.load(path).affine, atol=1e-4)
    assert Image.open(tmp_path / "out" / "heart_attribution.png").mode == "RGB"


def test_what_is_there_stays_until_told_otherwise(command, write, tmp_path, tiny_model):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "heart_attribution.png").write_text("mine", encoding="utf-8")
    arguments = ("explain", write("heart.nii.gz"), "--model", tiny_model, "--output", tmp_path / "out")
    outcome = command(*arguments)

    assert outcome.code == 2
    assert "heart_attribution.png exists already" in outcome.err
    assert [one.name for one in (tmp_path / "out").iterdir()] == ["heart_attribution.png"]
    assert command(*arguments, "--overwrite").code == 0


def test_an_image_or_enhancement_that_the_model_never_saw_is_told(command, write, write_model, tmp_path):
    model = write_model(tmp_path / "model", "stack", expects={"maximum": [5e6, 6e6]}).folder
    outcome = command(
        "explain", write("heart.nii.gz"), "--model", model, "--output", tmp_path / "out", "--enhancement", "gamma"
    )
    assert outcome.code == 0
    assert "heart: The intensity range" in outcome.err and "gamma" in outcome.err


@pytest.mark.parametrize(("value", "sign"), [(-1, 1), (1, -1)], ids=["original is violet", "enhanced is green"])
def test_colors_of_the_picture(value, sign, tiny_model):
    gray = np.full((3, 40, 40), 0.5, np.float32)
    decided = np.zeros_like(gray)
    decided[:, 15:25, 15:25] = value
    drawn = draw_attribution(gray, gray, decided, Geometry(gray.shape, np.eye(4)), find_model(str(tiny_model)), "heart")
    pixels = np.asarray(drawn, int)[100:440]  # the first row of panels

    violet = sign * ((pixels[..., 0] + pixels[..., 2]) / 2 - pixels[..., 1])
    assert (violet > 80).sum() > 1000
    assert (violet < -20).sum() == 0
