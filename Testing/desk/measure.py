"""Response times and memory of the panel on the simulated Slicer interface: `make measure`.

Times that Slicer's own widgets and views would add are not in it.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from . import NARROWEST, WIDTH, Desk

SAMPLE = Path(__file__).resolve().parents[2] / "Resources" / "SampleData" / "cardiac_phantom_ED.nrrd"
_CT = (100, 512, 512)
_FRAMES = 10  # of the cine


def memory_mb(process: int | str = "self") -> float:
    """Resident memory of a process (Linux)."""
    for line in Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {process} has no memory")


class Measurements:
    """One desk, one panel, a line for each figure."""

    def __init__(self) -> None:
        import slicer.util

        self.desk = Desk.start()
        began = time.perf_counter()
        self.panel = self.desk.open_module()
        self.tell("panel opened", time.perf_counter() - began)
        from DINSegmentLib.model import catalogue

        for model in catalogue().values():
            self.desk.application.settings.setValue(f"DINSegment/AcceptedLicence/{model.id}", model.version)
        self.heart = slicer.util.loadVolume(str(SAMPLE), {"name": "heart"})
        self.panel.ui.inputSelector.setCurrentNode(self.heart)
        self.desk.turn(1)

    @staticmethod
    def tell(what: str, seconds: float) -> None:
        print(f"{what:58} {1000 * seconds:8.0f} ms", flush=True)

    def click(self) -> float:
        """One segmentation; seconds from the click to the first message that counts slices."""
        panel, first = self.panel.panel, []
        shown = panel.segmentation.progressed

        def listen(text: str, done: int, total: int) -> None:
            if total and not first:
                first.append(time.perf_counter())
            shown(text, done, total)

        panel.segmentation.progressed = listen
        began = time.perf_counter()
        self.desk.click(self.panel.ui.segmentButton)
        self.desk.run_until(lambda: not panel.runner.busy, 120, "the run")
        panel.segmentation.progressed = shown
        return first[0] - began

    def runs(self) -> None:
        worker = self.panel.panel.runner.client
        worker.release()
        self.desk.run_until(lambda: worker.state.value == "off", 30, "the worker's end")
        self.tell("click to first progress, no worker yet", self.click())
        self.desk.turn(0.5)
        self.desk.largest_gap = 0.0
        self.tell("click to first progress, model warm", self.click())
        self.tell("longest time without events in that run", self.desk.largest_gap)

    def edits(self) -> None:
        """From an edit of a segment to the new numbers in the tables: with a warm worker, then with none."""
        import slicer.util

        node, table = self.panel.panel.parameters.outputSegmentation, self.panel.ui.structuresTable
        worker = self.panel.panel.runner.client
        for what in ("model warm", "no worker yet"):
            if what != "model warm":
                worker.release()
                self.desk.run_until(lambda: worker.state.value == "off", 30, "the worker's end")
            identity = node.GetSegmentation().GetNthSegmentID(0)
            voxels = slicer.util.arrayFromSegmentBinaryLabelmap(node, identity, self.heart)
            voxels[:, :, ::3] = 0
            slicer.util.updateSegmentBinaryLabelmapFromArray(voxels, node, identity, self.heart)
            began = time.perf_counter()
            assert table.item(0, 3).text() == "…"
            self.desk.run_until(lambda: table.item(0, 3).text() != "…", 60, "the new numbers")
            self.tell(f"edit to new numbers, {what}", time.perf_counter() - began)

    def preview(self) -> None:
        """From a move of the slider to the visible slice done, 512 x 512, and the longest turn until all is done."""
        import slicer

        from DINSegmentLib.model.enhancement import METHODS

        voxels = np.random.default_rng(0).integers(-1000, 1500, _CT).astype(np.int16)
        node = slicer.util.addVolumeFromArray(voxels, np.diag([-0.7, -0.7, 3.0, 1.0]), "CT")
        self.panel.ui.inputSelector.setCurrentNode(node)
        composite = self.desk.application.layouts.sliceWidget("Red").mrmlSliceCompositeNode()
        composite.SetBackgroundVolumeID(node.GetID())
        preview, slider = self.panel.panel.enhancement.preview, self.panel.ui.strengthSlider
        methods = self.panel.ui.enhancementMethodComboBox
        self.desk.run_until(lambda: not preview.working, 60, "the preview")
        for method in (name for name in METHODS if name != "none"):
            methods.currentIndex = methods.findData(method)
            self.desk.run_until(lambda: not preview.working, 60, "the preview")
            times = []
            for step in range(20):
                began = time.perf_counter()
                slider.value = 0.5 + 0.05 * step
                times.append(time.perf_counter() - began)  # the slice in view is done when the slot returns
            self.tell(f"slider to visible slice, {method}, 512 x 512, median of 20", float(np.median(times)))
            self.tell(f"slider to visible slice, {method}, 512 x 512, longest of 20", max(times))
            self.desk.largest_gap = 0.0
            self.desk.run_until(lambda: not preview.working, 60, "the preview")
            self.tell(f"longest turn until all {_CT[0]} slices are done, {method}", self.desk.largest_gap)
        self.panel.ui.inputSelector.setCurrentNode(self.heart)
        slicer.mrmlScene.RemoveNode(node)

    def heights(self) -> None:
        """Of the panel where it is narrowest and where it is usual: at the start, after a heart, after a cine."""
        from DINSegmentLib import scene
        from DINSegmentLib.phantom import CardiacPhantom
        from DINSegmentLib.phantom.sample import CYCLE_SECONDS

        ui, phantom = self.panel.ui, CardiacPhantom()
        frames, _ = phantom.cine(_FRAMES)
        times = [1000 * CYCLE_SECONDS * number / _FRAMES for number in range(_FRAMES)]
        cine = scene.add_cine(frames, phantom.geometry, times, "cine")
        for what, node in (("start", None), ("after a heart", self.heart), ("after a cine", cine)):
            ui.inputSelector.setCurrentNode(node)
            if node is not None:
                self.click()
            found = ", ".join(f"{self.desk.fit(width)} px at {width} px" for width in (NARROWEST, WIDTH))
            print(f"{f'height of the panel, {what}':58} {found}", flush=True)
        ui.inputSelector.setCurrentNode(self.heart)

    def abdomen(self) -> None:
        """The longest time without events while a CT is segmented, and while its organs are shown in 3-D."""
        import slicer.util

        from DINSegmentLib.panel import drawing
        from DINSegmentLib.phantom.abdomen import abdomen

        array, geometry = abdomen()
        self.panel.ui.inputSelector.setCurrentNode(slicer.util.addVolumeFromArray(array, geometry.ijk_to_ras, "CT"))
        self.desk.turn(0.5)
        self.desk.largest_gap = 0.0
        self.click()
        self.tell("longest time without events, segmentation of a CT", self.desk.largest_gap)
        self.desk.largest_gap = 0.0
        node = self.panel.panel.parameters.outputSegmentation
        began = time.perf_counter()
        self.desk.click(self.panel.ui.show3DButton)
        blocked = time.perf_counter() - began
        self.desk.run_until(lambda: drawing.is_in_3d(node), 60, "the surfaces")
        self.tell("longest time without events, Show 3D of eight organs", max(blocked, self.desk.largest_gap))
        self.panel.ui.inputSelector.setCurrentNode(self.heart)

    def large(self) -> None:
        """From the click to the result of a CT of 512 x 512, its voxels repeated from the phantom's, two threads."""
        import slicer.util

        from DINSegmentLib.phantom.abdomen import abdomen

        array, geometry = abdomen()
        places = [np.arange(many) * few // many for many, few in zip(_CT, array.shape, strict=True)]
        scale = [few / many for many, few in zip(_CT, array.shape, strict=True)][::-1]
        matrix = geometry.ijk_to_ras @ np.diag([*scale, 1.0])
        node = slicer.util.addVolumeFromArray(array[np.ix_(*places)], matrix, "large CT")
        self.panel.ui.inputSelector.setCurrentNode(node)
        self.panel.ui.threadsSpinBox.value = 2
        self.desk.turn(0.5)
        self.desk.largest_gap = 0.0
        began = time.perf_counter()
        self.click()
        self.tell("click to result, CT of 100 x 512 x 512, two threads", time.perf_counter() - began)
        self.tell("longest time without events in that run", self.desk.largest_gap)
        self.panel.ui.inputSelector.setCurrentNode(self.heart)
        slicer.mrmlScene.RemoveNode(node)

    def study(self) -> None:
        """A study of 252 files, a cine: until its table is there, and from Load until it is in the scene."""
        import phantom_files as phantom

        frames = [phantom.ED if frame % 2 else phantom.ES for frame in range(28)]
        section = self.panel.panel.study
        with tempfile.TemporaryDirectory() as folder:
            phantom.cine(Path(folder) / "beat", lambda k, t: {"TriggerTime": str(30 * t)}, frames)
            self.desk.largest_gap = 0.0
            began = time.perf_counter()
            section.look([folder])
            listed = section.list
            self.desk.run_until(lambda: not listed.progress.visible, 120, "the table")
            self.tell("study of 252 files, until its table is there", time.perf_counter() - began)
            began = time.perf_counter()
            self.desk.click(listed.buttons[0])
            self.desk.run_until(lambda: section.list is None, 120, "the images")
            self.tell("its cine of 28 frames, from Load to the scene", time.perf_counter() - began)
            self.tell("longest time without events in that", self.desk.largest_gap)

    def memory(self, clicks: int) -> None:
        """Growth from the third click on: what is loaded once is loaded by then."""
        sizes = []
        for count in range(clicks):
            self.click()
            if count in (2, clicks - 1):
                sizes.append((memory_mb(), memory_mb(self.panel.panel.runner.client.about["pid"])))
        (panel, worker), (panel_end, worker_end) = sizes
        print(f"memory over {clicks} clicks: panel {panel:.0f} to {panel_end:.0f} MB ({panel_end / panel - 1:+.1%}), "
              f"worker {worker:.0f} to {worker_end:.0f} MB ({worker_end / worker - 1:+.1%})")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clicks", type=int, default=100, help="segmentations for the memory figure; default 100")
    options = parser.parse_args()
    found = Measurements()
    found.heights()
    found.runs()
    found.edits()
    found.preview()
    found.abdomen()
    found.large()
    found.study()
    found.memory(max(4, options.clicks))
    found.desk.close_module()


if __name__ == "__main__":
    main()
