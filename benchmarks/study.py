"""From a DICOM cine to its report: time of the command beyond network and Python startup, part by part."""

import atexit
import importlib
import json
import os
import runpy
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from DINSegmentLib.phantom.study import CINE, write_study
from DINSegmentLib.runtime import prepare
from DINSegmentLib.tabular import align

from . import bench

_KEYS = "seconds", "cpu_seconds"
_NAMES = {"beyond": "beyond the network and the start of Python"}
FRAMES, SHAPE = 25, (10, 256, 216)

_IMPORTED = (
    "DINSegmentLib.cli.parser", "DINSegmentLib.batch.session", "DINSegmentLib.engine.segmenter",
    "DINSegmentLib.engine.cine", "DINSegmentLib.io.dicom.volume", "pydicom.pixels", "reportlab.pdfgen.canvas",
)  # fmt: skip
"""Modules that the command imports, counted as Python startup."""

_PARTS = {  # module and name by which callers reach each part
    "find the input": ("DINSegmentLib.inputs.search", "find"),
    "read": ("DINSegmentLib.batch.steps", "read"),
    "hash": ("DINSegmentLib.batch.hashes", "_of"),
    "load the model": ("DINSegmentLib.engine.segmenter", "Segmenter.__init__"),
    "network": ("DINSegmentLib.engine.segmenter", "Segmenter.scores"),
    "before and after the network": ("DINSegmentLib.engine.cine", "segment_cine"),
    "measure the ventricles": ("DINSegmentLib.batch.cine_results", "cardiac_function"),
    "measure the wall": ("DINSegmentLib.batch.cine_results", "regional_function_of_cine"),
    "write labels": ("DINSegmentLib.io", "write_labelmap"),
    "draw the curve": ("DINSegmentLib.batch.cine_results", "_curve"),
    "make the report": ("DINSegmentLib.batch.reports", "Reports.write"),
    "write other files": ("DINSegmentLib.batch.steps", "write"),
    "all else": ("DINSegmentLib.cli", "main"),
}


def over_parts(frames: int = FRAMES, shape: tuple[int, int, int] = SHAPE, device: str = "cpu") -> list[dict[str, Any]]:
    """Segment the phantom's cine from DICOM files to labels, measurements and a PDF, in a separate process.

    Args:
        frames, shape: of the cine, (K, J, I). Generating it takes some seconds per frame.
        device: as in `engine.device.choose`.

    Returns:
        a record for each part: ``name``, ``seconds`` and ``cpu_seconds`` (over all threads), without nested
        parts. ``start of Python`` includes all imports, ``end of Python`` what follows the command; ``whole`` is the
        process from start to exit; ``beyond`` is the whole without that start and the ``network``. If the command
        failed, one record with ``name`` and ``error``.
    """
    with tempfile.TemporaryDirectory() as folder:
        write_study(folder, frames, shape, late=False)
        for output in ("first", "second"):  # the first fills the file cache
            where = str(Path(folder) / CINE), str(Path(folder) / output)
            before, started = os.times(), time.time()
            done = subprocess.run(
                [sys.executable, "-m", __spec__.name, *where, device, str(started)], capture_output=True,
                encoding="locale", errors="replace", env=bench.environment(),
            )  # fmt: skip
            seconds, after = time.time() - started, os.times()
            if done.returncode:
                why = (done.stderr.strip().splitlines() or ["it could not be run."])[-1]
                return [{"name": "whole", "error": f"The cine could not be segmented: {why}"}]
    parts = json.loads(done.stdout.splitlines()[-1])
    cpu = sum(getattr(after, name) - getattr(before, name) for name in ("children_user", "children_system"))
    whole = {"name": "whole", "seconds": seconds, "cpu_seconds": cpu}
    start, network = (next(one for one in parts if one["name"] == name) for name in ("start of Python", "network"))
    end = {"name": "end of Python", **{key: whole[key] - sum(one[key] for one in parts) for key in _KEYS}}
    beyond = {"name": "beyond", **{key: whole[key] - start[key] - network[key] for key in _KEYS}}
    return [*parts, end, whole, beyond]


def format_parts(records: list[dict[str, Any]]) -> str:
    """Format a line for each part, with the machine above."""
    if "error" in records[0]:
        return f"{bench.machine()}\n\nfailed: {records[0]['error']}"
    rows = [("DICOM cine to labels, figures and PDF", "seconds", "processor seconds")]
    rows += [(_NAMES.get(one["name"], one["name"]), *(f"{one[key]:.2f}" for key in _KEYS)) for one in records]
    return f"{bench.machine()}\n\n{align(rows)}"


class _Clock:
    """Times parts excluding nested parts; parts may run in any thread."""

    def __init__(self) -> None:
        self.spent: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        self._within = threading.local()

    def timed(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*given: Any, **named: Any) -> Any:
            above = getattr(self._within, "stack", None)
            if above is None:
                above = self._within.stack = []
            above.append([0.0, 0.0])
            started = time.perf_counter(), time.process_time()
            try:
                return work(*given, **named)
            finally:
                took = time.perf_counter() - started[0], time.process_time() - started[1]
                inside = above.pop()
                for at in (0, 1):
                    self.spent[name][at] += took[at] - inside[at]
                    if above:
                        above[-1][at] += took[at]

        return run

    def parts(self) -> str:
        """The records as JSON."""
        return json.dumps([{"name": name, **dict(zip(_KEYS, one, strict=True))} for name, one in self.spent.items()])


def _measure(folder: str, output: str, device: str, started: str) -> None:
    """Run the program in this process, which was started at ``started``, and print its parts when it ends."""
    for name in _IMPORTED:
        importlib.import_module(name)
    clock = _Clock()
    clock.spent["start of Python"] = [time.time() - float(started), time.process_time()]
    for name, (module, path) in _PARTS.items():
        place = importlib.import_module(module)
        *owners, attribute = path.split(".")
        for owner in owners:
            place = getattr(place, owner)
        setattr(place, attribute, clock.timed(name, getattr(place, attribute)))
    atexit.register(lambda: print(clock.parts()))
    arguments = ["--model", "cardiac-mr", "--device", device, "--output", output, "--format", "nii.gz"]
    sys.argv[1:] = ["segment", folder, *arguments, "--format", "pdf"]
    runpy.run_module("DINSegmentLib", run_name="__main__")


if __name__ == "__main__":
    prepare()  # before torch is loaded, as in the program
    _measure(*sys.argv[1:])
