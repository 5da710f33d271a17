"""Makes the images in `Screenshots` from the bundled phantom: `make screenshots`."""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from PySide6.QtCore import QPoint, QRect
from PySide6.QtWidgets import QWidget

from DINSegmentLib.model import catalogue

from . import Desk

_TESTING = Path(__file__).resolve().parents[1]
_FOLDER = _TESTING.parent / "Screenshots"


def main() -> None:
    """Write all pictures, or with one sentence none."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scene, pictures = folder / "scene.mrb", folder / "pictures"
        pictures.mkdir()
        use_panel(scene, pictures)
        draw_views("desk.render", scene, pictures / "compare.png")
        draw_views("desk.surfaces", pictures / "surfaces.png")
        shrink(pictures / "surfaces.png")
        draw_sample(folder / "demo", pictures / "sample.png")
        for picture in sorted(pictures.iterdir()):
            (_FOLDER / picture.name).write_bytes(picture.read_bytes())
            print(f"{_FOLDER / picture.name}: {picture.stat().st_size / 1000:.0f} kB")


def use_panel(scene: Path, pictures: Path) -> None:
    """Load the sample, segment and compare it by clicks; write the scene and pictures of the panel and of its steps."""
    desk = Desk.start()
    for model in catalogue().values():
        desk.application.settings.setValue(f"DINSegment/AcceptedLicence/{model.id}", model.version)
    panel = desk.open_module()
    desk.click(panel.ui.loadSampleButton)
    desk.fit()
    grab_groups(desk, ("inputGroup", "segmentFrame"), pictures / "tutorial-1-volume.png")
    desk.click(panel.ui.segmentButton)
    desk.run_until(lambda: panel.ui.segmentButton.text == "&Segment", 120, "the result")
    assert panel.ui.structuresTable.rowCount > 0, panel.ui.statusLabel.text
    desk.click(panel.ui.compareButton)  # makes the enhanced volume
    desk.run_until(lambda: not panel.panel.enhancement.preview.working, 60, "the enhanced volume")
    desk.click(panel.ui.compareButton)
    desk.save_scene(scene)
    desk.fit()
    desk.grab(pictures / "panel.png")
    desk.use_dark_colors(True)
    desk.grab(pictures / "panel-dark.png")
    desk.use_dark_colors(False)
    grab_groups(desk, ("resultGroup", "reviewGroup"), pictures / "tutorial-2-result.png")
    use_cine(desk, panel, pictures / "panel-cine.png")
    desk.close_module()


def use_cine(desk: Desk, panel: Any, picture: Path) -> None:
    """Make the phantom's cine by the menu of samples, segment it; write a picture of the panel."""
    (action,) = [one for one in panel.ui.loadSampleButton.menu().actions() if "Cine" in one.text]
    action.trigger()
    desk.run_until(lambda: panel.ui.loadSampleButton.enabled, 300, "the cine")
    desk.click(panel.ui.segmentButton)
    desk.run_until(lambda: panel.ui.segmentButton.text == "&Segment", 300, "the result")
    assert panel.ui.functionTable.rowCount > 0, panel.ui.statusLabel.text
    desk.fit()
    desk.grab(picture)


def grab_groups(desk: Desk, names: Sequence[str], picture: Path) -> None:
    """Write a picture of some of the panel's groups, which stand one below the other."""
    widgets = [desk.window.findChild(QWidget, name) for name in names]
    boxes = [QRect(widget.mapTo(desk.window, QPoint(0, 0)), widget.size) for widget in widgets]
    part = desk.grab().copy(boxes[0].united(boxes[-1]))
    assert part.save(str(picture)), f"{picture} cannot be written"


def draw_views(module: str, *paths: Path) -> None:
    """Let `render` or `surfaces` draw in a process of its own; ends this one with a sentence where that dies."""
    drawn = subprocess.run([sys.executable, "-m", module, *map(str, paths)], cwd=_TESTING)
    if drawn.returncode != 0:
        sys.exit(
            f"The views were not drawn, their process ended with {drawn.returncode}, and no picture was changed: if "
            "OpenGL is missing, run `make system-packages`, then try again."
        )


def shrink(picture: Path) -> None:
    """In 256 colors: the clone stays small."""
    with Image.open(picture) as image:
        image.convert("RGB").quantize(256, Image.Quantize.FASTOCTREE).save(picture, optimize=True)


def draw_sample(output: Path, picture: Path) -> None:
    """Write what `make demo` draws of the sample, smaller and in 256 colors: the clone stays small."""
    subprocess.run([sys.executable, "-m", "DINSegmentLib", "demo", "--output", str(output)], check=True)
    with Image.open(output / "cardiac_phantom_ED.png") as image:
        image.convert("RGB").reduce(2).quantize(256, Image.Quantize.FASTOCTREE).save(picture, optimize=True)


if __name__ == "__main__":
    main()
