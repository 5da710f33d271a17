"""Test for leaks in long use: `make soak`. Takes about ten minutes; exit code 1 if something grew or was left behind.

300 segmentations of the sample with all their files in one process, then 100 workers, started, used and released
through the panel on the simulated Slicer interface. Linux only: it reads /proc.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from DINSegmentLib.batch import steps
from DINSegmentLib.engine.parameters import Parameters
from DINSegmentLib.engine.segmenter import Segmenter
from DINSegmentLib.inputs.candidates import Found
from DINSegmentLib.model import find_model

from .measure import SAMPLE, Measurements, memory_mb

_ALLOWED = 0.05  # growth of memory


def grown(name: str, count: int, work: Callable[[], object]) -> bool:
    """Whether memory grew too far from the tenth part of the work, by which all that is kept is loaded, to its end."""
    for index in range(count):
        if index == count // 10:
            before = memory_mb()
        work()
    after = memory_mb()
    print(f"{count} {name}: {before:.0f} to {after:.0f} MB ({after / before - 1:+.1%})", flush=True)
    return after / before - 1 > _ALLOWED


def segmentations(count: int) -> bool:
    """Segment the sample to files, each time over the last ones."""
    segmenter = Segmenter(find_model("cardiac-mr"), "cpu")
    with tempfile.TemporaryDirectory() as folder:
        case = steps.plan(Found(SAMPLE, "heart", SAMPLE.stat().st_size), Path(folder), ["seg.nrrd", "nii.gz"], True)
        return grown(
            "segmentations to files in one process", count, lambda: steps.run(case, segmenter, Parameters(), True)
        )


def restarts(count: int) -> bool:
    """Start, use and release workers, and look for what they leave."""
    before = left_overs()
    desk = Measurements()
    worker = desk.panel.panel.runner.client

    def once() -> None:
        desk.click()
        worker.release()
        desk.desk.run_until(lambda: worker.state.value == "off", 30, "the worker's end")

    too_far = grown("workers started, used and released", count, once)
    desk.desk.close_module()
    left = left_overs() - before
    print(f"left behind: {', '.join(sorted(left)) or 'nothing'}", flush=True)
    return too_far or bool(left)


def left_overs() -> set[str]:
    """Child processes, files of runs and shared memory that are there now."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="utf-8").split()
    files = [*Path(tempfile.gettempdir()).glob("DINSegment-*"), *Path("/dev/shm").iterdir()]
    return {f"process {child}" for child in children} | {str(file) for file in files}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--segmentations", type=int, default=300)
    parser.add_argument("--restarts", type=int, default=100)
    options = parser.parse_args()
    found = [segmentations(max(10, options.segmentations)), restarts(max(10, options.restarts))]
    return int(any(found))


if __name__ == "__main__":
    sys.exit(main())
