"""Report files of a case, from the results in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from .. import io
from ..engine.preprocessing import preprocess_volume
from ..engine.results import Result
from ..geometry import Geometry
from ..io.study import study_of
from ..measure import CardiacFunction
from ..model import Label, Model
from ..model.enhancement import NONE
from ..pictures.phases import Moment
from ..report import pdf
from ..report.heart import Reviewer, describe
from ..report.html import html
from ..report.write import PAGE, PDF
from .case import Beat, Made, Output
from .formats import Format
from .record import Record

_ENDS = {"html": PAGE, "pdf": PDF}


class Reports(Format):
    """A report of the case for the user."""

    def check(self) -> None:
        if self.name == "pdf":
            pdf.check()

    def outputs(self, labels: Sequence[Label]) -> list[Output]:
        return [Output(self.name, _ENDS[self.name])]

    def write(self, made: Made, outputs: Sequence[Output], folder: Path, record: Record) -> None:
        for output in outputs:
            page = content(self.name, made.image, made.result, asdict(record), made.cine)
            (folder / f"{made.case.name}{output.end}").write_bytes(page)


def content(
    form: str, image: io.Image, result: Result, written: Mapping[str, Any], beat: Beat | None = None,
    reviewer: Reviewer | None = None,
) -> bytes:  # fmt: skip
    """Return the content of a report file.

    Args:
        form: ``html`` or ``pdf``.
        image, result: the volume; for a cine, the frame that represents it.
        written: the record; if it has no path, the report contains no patient data.
        beat: the cine, of which end-diastole and end-systole are shown.
        reviewer: who has reviewed the result.
    """
    study = [] if written["input"]["path"] is None else study_of(image.files)
    return page(form, written, result.model, _shown(image, result, beat), image.geometry, study, reviewer)


Shown = tuple[str, np.ndarray, np.ndarray]
"""A name, with voxels and labels (K, J, I)."""


def page(
    form: str, written: Mapping[str, Any], model: Model, shown: Sequence[Shown], geometry: Geometry,
    study: Sequence[tuple[str, str]], reviewer: Reviewer | None = None,
) -> bytes:  # fmt: skip
    """Return the content of a report file; arguments as for `content` and `report.heart.describe`."""

    def moment(name: str, array: np.ndarray, labels: np.ndarray) -> Moment:
        volume, _ = preprocess_volume(array, geometry, model.axes, model.intensity, NONE)
        return Moment(name, volume, labels)

    report = describe(written, model, [moment(*one) for one in shown], geometry, study, reviewer)
    return pdf.pdf(report) if form == "pdf" else html(report).encode()


def phases(function: CardiacFunction) -> list[tuple[str, int]]:
    """Names and frames, counted from 0, of the phases in a cine's report; empty if none is known."""
    frames = ("ED", function.ed_frame), ("ES", function.es_frame)
    return [(name, frame) for name, frame in frames if frame is not None]


def _shown(image: io.Image, result: Result, beat: Beat | None) -> list[Shown]:
    """End-diastole and end-systole of a cine, otherwise the volume."""
    if beat and (known := phases(beat.function)):
        return [(name, beat.cine.image(frame).array, beat.result.labels[frame]) for name, frame in known]
    return [("Slices", image.array, result.labels)]
