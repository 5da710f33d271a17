"""Process that lists and reads a study for Slicer, so that reading never blocks Slicer's window.

python -m DINSegmentLib.inputs.reader

It reads requests from standard input, one JSON object per line, and ends when its input ends:

- ``look`` (paths): find images in a file, folder, archive or DICOMDIR; several paths must be DICOM files.
- ``load`` (image, folder): write the voxels of an image, given by number, as raw data to the file ``voxels`` in a
  folder, and its description to ``about.json``, see `describe`.

It writes answers, one JSON object per line:

- ``image`` (number; about: description by `inspection.inspect`) and ``rejected`` (about: path, reason, expected)
  for each input, then ``looked``.
- ``loaded`` (image), or ``failed`` (text; image, if it concerns one).
"""

import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .. import io
from ..errors import InputError
from ..isolation import attempt
from ..worker.protocol import LONGEST_LINE, decode, encode
from . import inspection, search
from .candidates import Candidate, Found, Refused
from .dicom_series import find_series
from .names import name_cases

_SAMPLE = 200_000  # number of voxels sampled for the gray window
_SHOWN = (0.5, 99.5)  # percentiles at the ends of the window


class Reader:
    """Serves one client until its requests end.

    Args:
        source: stream of the client's lines.
        sink: stream for the answers.
    """

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source, self._sink = source, sink
        self._found: list[tuple[Found, int]] = []  # with the number of frames

    def run(self) -> None:
        """Serve requests; unpacked archives are removed at the end."""
        answers: dict[str, Callable[[dict[str, Any], ExitStack], None]] = {"look": self._look, "load": self._load}
        with ExitStack() as unpacked:
            while line := self._source.readline(LONGEST_LINE):
                request = decode(line)
                tried = attempt(partial(answers[request["kind"]], request, unpacked), "The study")
                if tried.fault:
                    about = {"image": request["image"]} if "image" in request else {}
                    self._say("failed", text=tried.fault.text, **about)

    def _say(self, kind: str, **values: Any) -> None:
        self._sink.write(encode(kind, **values))
        self._sink.flush()

    def _look(self, request: dict[str, Any], unpacked: ExitStack) -> None:
        paths = [Path(path) for path in request["paths"]]
        for item in _search(paths, unpacked):
            seen = inspection.inspect([item])
            for image in seen["images"]:
                assert isinstance(item, Found)
                self._found.append((item, image["frames"]))
                self._say("image", number=len(self._found) - 1, about=image)
            for one in seen["rejected"]:
                self._say("rejected", about=one)
        self._say("looked")

    def _load(self, request: dict[str, Any], unpacked: ExitStack) -> None:
        number, folder = request["image"], Path(request["folder"])
        array, about = describe(*self._found[number])
        with (folder / "voxels").open("wb") as file:
            for frame in array:
                file.write(np.ascontiguousarray(frame).data)
        (folder / "about.json").write_text(json.dumps(about, allow_nan=False), encoding="utf-8")
        self._say("loaded", image=number)


def _search(paths: Sequence[Path], unpacked: ExitStack) -> list[Found | Refused]:
    if len(paths) == 1:
        return search.find(paths, auto=True, keep=True, unpack=unpacked)
    there = [path for path in paths if path.is_file()]
    if not there:
        raise InputError("The files of the study are not there: check that the disk of the database is connected.")
    from ..io.dicom.files import scan  # pydicom takes 0.25 s to import

    folder = Path(os.path.commonpath([path.parent for path in there]))
    items = find_series(scan(there), {}, folder, None, None, auto=True, keep=True)
    names = iter(name_cases([item for item in items if isinstance(item, Candidate)], None))
    return [next(names) if isinstance(item, Candidate) else item for item in items]


def describe(found: Found, frames: int) -> tuple[np.ndarray, dict[str, Any]]:
    """Read an image with this number of frames.

    Returns:
        voxels (T, K, J, I) of a type that Slicer's volumes support, in native byte order, and their description
        as JSON values: ``name``; ``shape`` (T, K, J, I); ``dtype``; ``ijk_to_ras``, 16 numbers;
        ``times`` of the frames in ms, or null; ``window``, its lowest and highest value; ``modality``, or null;
        ``model``, or null; ``person``, heart rate, height and weight if known; ``uids``, the DICOM instances of
        each frame; ``notices``, sentences.

    Raises:
        InputError, GeometryError: the image cannot be read.
    """
    place = found.path, found.series
    files = found.files or None
    notices = [one.text for one in found.notices]
    times: Sequence[float] | None = None
    person = io.Person()
    if frames > 1:
        cine = io.read_cine(*place, files, found.reading)
        array, image, times, person = cine.array, cine.first, cine.times, cine.person
        slices: Sequence[Sequence[io.SliceFile]] = cine.slices
    else:
        image = io.read(*place, found.frame, files, found.reading)
        array, slices = image.array[None], [image.slices] if image.slices else []
    if array.dtype.itemsize == 8 or array.dtype == np.float16:
        array = array.astype(np.float64 if array.dtype.itemsize == 8 else np.float32, copy=False)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    sample = array.reshape(-1)[:: max(1, array.size // _SAMPLE)]
    known = {name: getattr(person, name) for name in ("heart_rate", "height", "weight")}
    return array, {
        "name": found.case,
        "shape": list(array.shape),
        "dtype": array.dtype.str,
        "ijk_to_ras": image.geometry.ijk_to_ras.ravel().tolist(),
        "times": None if times is None else [1000 * float(second) for second in times],
        "window": [float(value) for value in np.percentile(sample, _SHOWN)],
        "modality": image.modality,
        "model": found.model,
        "person": {name: value for name, value in known.items() if value is not None},
        "uids": _instances(slices),
        "notices": [*notices, *(str(one.text) for one in (*image.notices, *person.notices))],
    }


def _instances(slices: Sequence[Sequence[io.SliceFile]]) -> list[list[str]]:
    if not slices:
        return []
    from pydicom import dcmread

    uids: dict[Path, str] = {}
    for one in (one for frame in slices for one in frame):
        if one.path not in uids:
            header = dcmread(one.path, stop_before_pixels=True, specific_tags=["SOPInstanceUID"], force=True)
            uids[one.path] = str(header.get("SOPInstanceUID", ""))
    return [[uids[one.path] for one in frame] for frame in slices]


def main() -> int:
    """Serve standard input; return 0 when it ends."""
    sink = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # output of libraries must not mix with the answers
    Reader(sys.stdin.buffer, sink).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
