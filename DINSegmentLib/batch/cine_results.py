"""All frames of a cine to labels and to the heart's function, and the files that tell of both."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from .. import io
from ..engine.parameters import Parameters
from ..measure import CardiacFunction, cardiac_function
from ..model import LEFT_VENTRICLE, MYOCARDIUM, RIGHT_VENTRICLE, Model, label_of
from ..pictures.curve import Curve, draw_curves

if TYPE_CHECKING:
    from ..engine.cine import CineResult

LABELS, TABLE, CURVE = "nii.gz", "_function.csv", "_curve.png"
SUFFIXES = (LABELS, TABLE, CURVE)
"""Of the files of a cine: what follows the case's name and a dot, or, with an underscore, the name alone."""


@dataclass(frozen=True, eq=False)
class Beat:
    """A cine, its labels and what they tell of the heart, and what is known of the person: ``heart_rate``, ``height``,
    ``weight`` as in `io.Person`, and ``from_header``, which of them DICOM headers tell."""

    cine: io.Cine
    result: "CineResult"
    function: CardiacFunction
    person: dict[str, Any]

    @property
    def frame(self) -> int:
        """The frame, counted from 0, that stands for all: end-diastole, or the first where that is not known."""
        return self.function.ed_frame or 0

    def write(self, suffix: str, path: Path, name: str) -> None:
        """Write one of `LABELS`, `TABLE` and `CURVE`; ``name`` is the curve's title."""
        if suffix == LABELS:
            io.write_labelmap(self.result.labels, self.cine.first, path, _step(self.cine.times))
        elif suffix == TABLE:
            path.write_text(_table(self.function), encoding="utf-8")
        else:
            _curve(name, self.function, self.result.model).save(path)


def is_of_heart(model: Model) -> bool:
    """Whether the model's labels of a cine tell the heart's function."""
    return label_of(model, LEFT_VENTRICLE) is not None


def segment_beat(
    cine: io.Cine, segmenter: Any, parameters: Parameters, name: str, given: io.Person,
    progress: Callable[[int, int], None] | None = None, temporal: float = 0.0,
    cancelled: Callable[[], bool] | None = None,
) -> Beat:  # fmt: skip
    """Segment all frames and measure them.

    Args:
        segmenter: an `engine.segmenter.Segmenter` with a model of the heart.
        parameters, progress, name, temporal, cancelled: see `engine.cine.segment_cine`.
        given: what the user says of the person; it counts more than what DICOM headers say.

    Raises:
        DINSegmentError: as `segment_cine` and `cardiac_function`.
    """
    from ..engine.cine import segment_cine  # torch takes seconds: not for what needs only a record

    geometry = cine.first.geometry
    result = segment_cine(segmenter, cine.array, geometry, parameters, progress, cancelled, name, temporal)
    times_ms = [1000 * seconds for seconds in cine.times] if cine.times else None
    person = _person(given, cine.person)
    function = cardiac_function(
        result.labels, geometry, result.model, times_ms, person["heart_rate"], person["height"], person["weight"]
    )
    function = replace(function, warnings=(*function.warnings, *cine.person.doubts, *result.warnings))
    return Beat(cine, result, function, person)


def _person(given: io.Person, header: io.Person) -> dict[str, Any]:
    """Figures of a person, and which of them come from the header; of height and weight alone it gives none."""
    names = ("heart_rate", "height", "weight")
    told = {name: getattr(header, name) for name in names if getattr(given, name) is None}
    if None in [told.get(name, getattr(given, name)) for name in ("height", "weight")]:
        told = {name: value for name, value in told.items() if name == "heart_rate"}
    found = {name: told.get(name, getattr(given, name)) for name in names}
    return {**found, "from_header": [name for name in names if told.get(name) is not None]}


def _table(function: CardiacFunction) -> str:
    """CSV, a row for each frame, see `CardiacFunction.curve`; what is not known stays empty."""
    rows = function.curve()
    text = StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: f"{value:.3f}" if isinstance(value, float) else value for name, value in row.items()})
    return text.getvalue()


def _step(times: Sequence[float] | None) -> float | None:
    """Seconds from a frame to the next, on average."""
    return times[-1] / (len(times) - 1) if times else None


def _curve(name: str, function: CardiacFunction, model: Model) -> Image.Image:
    volumes = {RIGHT_VENTRICLE: function.rv_ml, MYOCARDIUM: function.myocardium_ml, LEFT_VENTRICLE: function.lv_ml}
    curves = [
        Curve(label.name, label.color, values)
        for code, values in volumes.items()
        if (label := label_of(model, code)) is not None
    ]
    marks = {text: at for text, at in (("ED", function.ed_frame), ("ES", function.es_frame)) if at is not None}
    return draw_curves(curves, function.times_ms, marks, name, f"{model.title} · {model.id} {model.version}")
