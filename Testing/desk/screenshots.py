"""Makes `Resources/Screenshots/panel.png` and `compare.png` of the bundled phantom: `make screenshots`."""

import subprocess
import sys
import tempfile
from pathlib import Path

from DINSegmentLib import models

from . import Desk

_TESTING = Path(__file__).resolve().parents[1]
_FOLDER = _TESTING.parent / "Resources" / "Screenshots"
_WIDTH = 540  # pixels of the panel: its longest text fits


def main() -> None:
    """Write both pictures, or with one sentence none."""
    with tempfile.TemporaryDirectory() as folder:
        scene, panel, compare = (Path(folder) / name for name in ("scene.mrb", "panel.png", "compare.png"))
        use_panel(scene, panel)
        draw_views(scene, compare)
        for picture in (panel, compare):
            (_FOLDER / picture.name).write_bytes(picture.read_bytes())
            print(f"{_FOLDER / picture.name}: {picture.stat().st_size / 1000:.0f} kB")


def use_panel(scene: Path, picture: Path) -> None:
    """Load the sample, segment and compare it by clicks; write the scene and a picture of the whole panel."""
    desk = Desk.start()
    for model in models.catalogue().values():
        desk.application.settings.setValue(f"DINSegment/AcceptedLicence/{model.id}", model.version)
    panel = desk.open_module()
    desk.click(panel.ui.loadSampleButton)
    desk.click(panel.ui.segmentButton)
    desk.run_until(lambda: panel.ui.segmentButton.text == "&Segment", 120, "the result")
    assert panel.ui.statisticsTable.rowCount > 0, panel.ui.statusLabel.text
    desk.click(panel.ui.compareButton)  # makes the enhanced volume
    desk.run_until(lambda: not panel.panel.adjusting.preview.working, 60, "the enhanced volume")
    desk.click(panel.ui.compareButton)
    desk.save_scene(scene)
    desk.window.resize(_WIDTH, desk.window.layout().totalMinimumHeightForWidth(_WIDTH))
    desk.grab(picture)
    desk.close_module()


def draw_views(scene: Path, picture: Path) -> None:
    """Write what `render` draws of a scene in a process of its own; ends this one with a sentence where that dies."""
    drawn = subprocess.run([sys.executable, "-m", "desk.render", str(scene), str(picture)], cwd=_TESTING)
    if drawn.returncode != 0:
        sys.exit(
            f"The views were not drawn, their process ended with {drawn.returncode}, and no picture was changed: if "
            "OpenGL is missing, run `make system-packages`, then try again."
        )


if __name__ == "__main__":
    main()
