"""Segmentation of a cine and its cardiac function, and the files that hold both."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from .. import io
from ..engine.parameters import Parameters
from ..measure import CardiacFunction, cardiac_function, regional_function_of_cine
from ..model import INFARCT, LEFT_VENTRICLE, Label, Model, label_of
from ..notices import Notice
from ..pictures.curve import curves_of, draw_curves, marks_of
from ..pictures.drawing import raster
from ..tabular import csv_text
from .case import Beat, Made, Output
from .formats import Format
from .record import Record

_LABELS, _TABLE, _CURVE = (Output("cine", end) for end in (".nii.gz", "_function.csv", "_curve.png"))


class CineFiles(Format):
    """Files of every cine: labels of all frames, and cardiac function as table and chart."""

    def outputs(self, labels: Sequence[Label]) -> list[Output]:
        return [_LABELS, _TABLE, _CURVE]

    def write(self, made: Made, outputs: Sequence[Output], folder: Path, record: Record) -> None:
        name, beat = made.case.name, made.cine
        assert beat is not None
        paths = {one: folder / f"{name}{one.end}" for one in (_LABELS, _TABLE, _CURVE)}
        io.write_labelmap(beat.result.labels, beat.cine.first, paths[_LABELS], _step(beat.cine.times))
        paths[_TABLE].write_text(_table(beat.function), encoding="utf-8")
        _curve(name, beat.function, beat.result.model).save(paths[_CURVE])


def is_of_heart(model: Model) -> bool:
    """Whether the model's labels of a cine give cardiac function; late enhancement is imaged in a single phase."""
    return label_of(model, LEFT_VENTRICLE) is not None and label_of(model, INFARCT) is None


def segment_beat(
    cine: io.Cine, segmenter: Any, parameters: Parameters, name: str, given: io.Person,
    progress: Callable[[int, int], None] | None = None, cancelled: Callable[[], bool] | None = None,
) -> Beat:  # fmt: skip
    """Segment all frames and measure cardiac function.

    Args:
        segmenter: an `engine.segmenter.Segmenter` with a cardiac model.
        parameters, progress, name, cancelled: see `engine.cine.segment_cine`.
        given: patient data from the user, which take precedence over the DICOM header.

    Raises:
        DINSegmentError: as `segment_cine` and `cardiac_function`.
    """
    from ..engine.cine import segment_cine  # torch takes seconds to import; reading a record does not need it

    geometry = cine.first.geometry
    result = segment_cine(segmenter, cine.array, geometry, parameters, progress, cancelled, name)
    times_ms = [1000 * seconds for seconds in cine.times] if cine.times else None
    person = _person(given, cine.person)
    function = cardiac_function(
        result.labels, geometry, result.model, times_ms, person["heart_rate"], person["height"], person["weight"]
    )
    notices = (*function.notices, *cine.person.notices)
    if times_ms is None:
        text = f"{name} has no frame times: the curve is drawn over frame numbers."
        notices = (*notices, Notice("function", text))
    function = replace(function, notices=notices)
    return Beat(
        cine, result, function, regional_function_of_cine(result.labels, function, geometry, result.model), person
    )


def _person(given: io.Person, header: io.Person) -> dict[str, Any]:
    """Merge patient data and list which are from the header; ignore height or weight without the other."""
    names = ("heart_rate", "height", "weight")
    told = {name: getattr(header, name) for name in names if getattr(given, name) is None}
    if None in [told.get(name, getattr(given, name)) for name in ("height", "weight")]:
        told = {name: value for name, value in told.items() if name == "heart_rate"}
    found = {name: told.get(name, getattr(given, name)) for name in names}
    return {**found, "from_header": [name for name in names if told.get(name) is not None]}


def _table(function: CardiacFunction) -> str:
    """CSV with a row for each frame, see `CardiacFunction.curve`; unknown values are empty."""
    rows = function.curve()
    shown = ((f"{value:.3f}" if isinstance(value, float) else value for value in row.values()) for row in rows)
    return csv_text(rows[0], shown)


def _step(times: Sequence[float] | None) -> float | None:
    """Mean time between frames in seconds."""
    return times[-1] / (len(times) - 1) if times else None


def _curve(name: str, function: CardiacFunction, model: Model) -> Image.Image:
    title = f"{model.title} · {model.id} {model.version}"
    return raster(draw_curves(curves_of(function, model), function.times_ms, marks_of(function), name, title))
