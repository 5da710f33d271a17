"""Images of the simulated interface, each drawn in a separate process, because VTK may crash it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

WIDTH, HEIGHT, FRAME = 120, 150, 2
# black and white volumes of 8 slices, and a label over the whole of the black one's middle
SCRIPT = f"""
import sys
import numpy as np
from desk import Desk
desk = Desk.start()
import slicer
from desk.render import render
from DINSegmentLib import scene
from DINSegmentLib.model import find_model
from DINSegmentLib.scene import compare

nodes = []
for value in (0, 100):
    array = np.full((8, 48, 40), value, np.int16)
    node = slicer.util.addVolumeFromArray(array, np.diag([-2.0, -2.0, 8.0, 1.0]))
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().AutoWindowLevelOff()
    node.GetDisplayNode().SetWindowLevel(100, 50)
    nodes.append(node)
labels = np.zeros((8, 48, 40), np.uint8)
labels[:, 12:36, 10:30] = 1
segmentation = scene.write_segmentation(labels, nodes[0], find_model("cardiac-mr").labels)
segmentation.GetDisplayNode().SetOpacity2DFill(1.0)
compare.show(*nodes, segmentation)
np.save(sys.argv[1], render(({WIDTH}, {HEIGHT})))
"""


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    """The compared views, as `desk.render` draws them."""
    path = tmp_path_factory.mktemp("render") / "views.npy"
    testing = Path(__file__).resolve().parents[1]
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(path)], cwd=testing, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, f"the drawing process ended with {done.returncode}: {done.stderr[-2000:]}"
    return np.load(path)


def view(picture, column):
    """One view without its frame."""
    left = column * (WIDTH + 2 * FRAME) + FRAME
    return picture[FRAME:-FRAME, left : left + WIDTH]


def test_the_views_lie_side_by_side_in_frames(picture):
    assert picture.shape == (HEIGHT + 2 * FRAME, 3 * (WIDTH + 2 * FRAME), 3) and picture.dtype == np.uint8
    for edge in (picture[:FRAME], picture[-FRAME:], picture[:, :FRAME], picture[:, WIDTH + FRAME : WIDTH + 3 * FRAME]):
        assert (edge == edge[0, 0]).all()


def test_original_and_enhanced_view_show_their_own_volumes(picture):
    middle = HEIGHT // 2, WIDTH // 2
    assert view(picture, 0)[middle].tolist() == [0, 0, 0]
    assert view(picture, 1)[middle].tolist() == [255, 255, 255]


def test_the_result_is_filled_in_the_third_view_and_outlined_in_the_others(picture):
    from DINSegmentLib.model import find_model

    color = list(find_model("cardiac-mr").labels[0].color)
    found = [(np.abs(view(picture, column).astype(int) - color).max(axis=2) <= 2).mean() for column in range(3)]
    # 24 x 20 of 48 x 40 voxels, the height of which fills the view: 40/48 x 150 = 125 pixels are wider than the view
    assert view(picture, 2)[HEIGHT // 2, WIDTH // 2].tolist() == color
    assert found[2] == pytest.approx(0.5 * 20 / 40 * 125 / 120, abs=0.03)
    assert 0 < found[0] < 0.05


def test_each_view_carries_its_label(picture):
    corners = [view(picture, column)[:36, :36].astype(int) for column in range(3)]
    assert np.ptp(corners[0], axis=2).max() == 0 and corners[0].max() > 100  # gray on black
    assert np.ptp(corners[1], axis=2).max() > 50  # blue
    assert np.ptp(corners[2], axis=2).max() > 50  # orange


def test_when_the_drawing_process_dies_the_script_says_so_and_writes_nothing(tmp_path):
    from desk.screenshots import draw_views

    with pytest.raises(SystemExit, match="were not drawn, their process ended with 1, and no picture was changed"):
        draw_views("desk.render", tmp_path / "missing.mrb", tmp_path / "compare.png")
    assert list(tmp_path.iterdir()) == []
