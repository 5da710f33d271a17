"""One cine to its files: labels of all frames, the heart's function as table, record and curve."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from .. import bounded, io
from ..engine.parameters import Parameters
from ..geometry import Geometry
from ..io import outputs, surfaces
from ..measure import CardiacFunction, cardiac_function
from ..model import Label, Model
from ..notices import Notice
from .case import surface_suffix, write_file
from .cine_results import CURVE, LABELS, TABLE, segment_beat
from .record import about_input, about_model, about_run, before, input_hash
from .versions import versions

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class CineCase:
    """A cine and what is wanted of it.

    Args:
        input: 4-D file or DICOM folder.
        name: stem of every output.
        output: folder of the outputs.
        series: choice within a DICOM folder.
        frames: one of `batch.FRAME_FORMATS`: also write a file for each frame, ``NAME_f01`` and so on, of surfaces for
            each of its ``structures``, for which ``margins`` are asked for; None: do not.
        heart_rate: beats per minute; height: cm; weight: kg; None: not known.
    """

    input: Path
    name: str
    output: Path
    series: str | None = None
    frames: str | None = None
    heart_rate: float | None = None
    height: float | None = None
    weight: float | None = None
    structures: tuple[Label, ...] = ()

    def paths(self, frames: int = 0) -> list[Path]:
        """Every output, the record last; of the frames' own files as many as there are frames."""
        single = [name for number in range(1, frames + 1) for name in self.frame_files(number).values()]
        ends = (TABLE, CURVE, "_function.json")
        return [self.output / name for name in (f"{self.name}.{LABELS}", *single, *(self.name + end for end in ends))]

    def frame_files(self, number: int) -> dict[str, str]:
        """Of a frame, from 1: `Case.suffixes` of its own files, and their names."""
        if self.frames is None:
            return {}
        of_surfaces = [surface_suffix(label, self.frames) for label in self.structures]
        ends = of_surfaces if self.frames in surfaces.FORMATS else [f".{self.frames}"]
        return {end.removeprefix("."): f"{self.name}_f{number:02d}{end}" for end in ends}

    @property
    def person(self) -> io.Person:
        return io.Person(self.heart_rate, self.height, self.weight)

    @property
    def settings(self) -> dict[str, Any]:
        """What was asked for, as the record tells it."""
        return {
            "series": self.series,
            "heart_rate": self.heart_rate,
            "height": self.height,
            "weight": self.weight,
        }


def check(case: CineCase, model: Model, overwrite: bool) -> None:
    """Refuse what can be told without reading the input.

    Raises:
        ModelError: the model knows no left ventricle.
        InputError: there is no such input; heart rate, height or weight make no sense.
        OutputError: an output is there already, or could not be written later.
    """
    outputs.check(case.input, case.paths(), overwrite)
    nothing = [np.zeros((2, 2, 2), np.uint8)]
    cardiac_function(nothing, Geometry((2, 2, 2), np.eye(4)), model, None, case.heart_rate, case.height, case.weight)


def finished(case: CineCase, model: Model, parameters: Parameters) -> dict[str, Any] | None:
    """The record of an earlier run with the same input, model and settings, whose files are all there; or None."""
    try:
        written = bounded.read_json(case.paths()[-1])
        asked = json.loads(json.dumps([about_model(model), asdict(parameters.resolved(model)), case.settings]))
        earlier = asdict(Parameters.from_json(written["parameters"]))
        if [written["model"], earlier, written["settings"]] != asked:
            return None
        wanted = case.paths(written["frames"])
        if not all(path.name in written["outputs"] and path.is_file() for path in wanted):
            return None
        found = input_hash(io.files_of(case.input, case.series))
        return written if found == written["input"]["sha256"] else None
    except Exception:  # an odd record of whatever program is none of ours
        return None


def run(
    case: CineCase, segmenter: Any, parameters: Parameters, overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None, cancelled: Callable[[], bool] | None = None,
) -> tuple[dict[str, Any], CardiacFunction]:  # fmt: skip
    """Segment all frames, measure the function and write the files, all or none.

    Args:
        segmenter: an `engine.segmenter.Segmenter`, which stays warm between cases.
        progress, cancelled: as for the segmenter.

    Returns:
        the record, as written to ``NAME_function.json``: as `record.record` describes it, with ``frames`` (how many),
        ``settings`` (what was asked for), ``person`` (see `cine_results.Beat`) and ``function``, see
        `CardiacFunction.as_dict`, instead of structures and flags; and that function.

    Raises:
        DINSegmentError: in one sentence; nothing was written.
        Cancelled: ``cancelled`` said so; nothing was written.
    """
    check(case, segmenter.model, overwrite)
    cine = io.read_cine(case.input, case.series)
    paths = case.paths(len(cine.array))
    outputs.check(case.input, paths, overwrite)
    shown = case.input.name or case.name
    found = segment_beat(cine, segmenter, parameters, shown, case.person, progress, cancelled)
    result = found.result
    function = replace(found.function, notices=(*found.function.notices, *result.notices))
    if cine.times is None:
        text = f"{shown} does not tell the times of its frames: the curve is drawn over their numbers."
        function = replace(function, notices=(*function.notices, Notice("function", text)))
    known = before(cine.first, result.model, result.parameters)
    function = replace(function, notices=(*known, *function.notices))
    written = {
        "schema": SCHEMA_VERSION,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "case": case.name,
        "input": about_input(case.input, cine.first, None, case.series),
        "frames": len(cine.array),
        "model": about_model(result.model),
        "parameters": asdict(result.parameters),
        "settings": case.settings,
        "person": found.person,
        **about_run(result.frame(0)),
        "function": function.as_dict(),
        "outputs": [path.name for path in paths],
        "versions": versions(),
    }
    with outputs.beside(paths, overwrite) as folder:
        for suffix, path in ((LABELS, paths[0]), (TABLE, paths[-3]), (CURVE, paths[-2])):
            found.write(suffix, folder / path.name, case.name)
        for index in range(len(cine.array)):
            for suffix, name in case.frame_files(index + 1).items():
                write_file(suffix, folder / name, cine.image(index), result.frame(index), written)
        text = json.dumps(written, indent=2, ensure_ascii=False) + "\n"
        (folder / paths[-1].name).write_text(text, encoding="utf-8")
    return written, function
