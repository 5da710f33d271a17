"""Report files of a case, from the results in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..engine.preprocessing import preprocess_volume
from ..geometry import Geometry
from ..io.study import study_of
from ..measure import CardiacFunction
from ..model import Label, Model
from ..model.enhancement import NONE
from ..pictures.phases import Moment
from ..report import pdf
from ..report.heart import Report, Reviewer, describe
from ..report.html import html
from ..report.write import PAGE, PDF
from .case import Made, Output
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
        page = _rendered(self.name, report_of(made, asdict(record)))
        for output in outputs:
            (folder / f"{made.case.name}{output.end}").write_bytes(page)


def report_of(made: Made, written: Mapping[str, Any]) -> Report:
    """Describe a case, of a cine with end-diastole and end-systole; without a path, the record has no patient data."""
    study = [] if written["input"]["path"] is None else study_of(made.image.files)
    return _described(written, made.result.model, _shown(made), made.image.geometry, study)


Shown = tuple[str, np.ndarray, np.ndarray]
"""A name, with voxels and labels (K, J, I)."""


def page(
    form: str, written: Mapping[str, Any], model: Model, shown: Sequence[Shown], geometry: Geometry,
    study: Sequence[tuple[str, str]], reviewer: Reviewer | None = None,
) -> bytes:  # fmt: skip
    """Return the content of a report file, ``html`` or ``pdf``; other arguments as for `report.heart.describe`."""
    return _rendered(form, _described(written, model, shown, geometry, study, reviewer))


def _described(
    written: Mapping[str, Any], model: Model, shown: Sequence[Shown], geometry: Geometry,
    study: Sequence[tuple[str, str]], reviewer: Reviewer | None = None,
) -> Report:  # fmt: skip
    def moment(name: str, array: np.ndarray, labels: np.ndarray) -> Moment:
        volume, _ = preprocess_volume(array, geometry, model.axes, model.intensity, NONE)
        return Moment(name, volume, labels)

    return describe(written, model, [moment(*one) for one in shown], geometry, study, reviewer)


def _rendered(form: str, report: Report) -> bytes:
    return pdf.pdf(report) if form == "pdf" else html(report).encode()


def phases(function: CardiacFunction) -> list[tuple[str, int]]:
    """Names and frames, counted from 0, of the phases in a cine's report; empty if none is known."""
    frames = ("ED", function.ed_frame), ("ES", function.es_frame)
    return [(name, frame) for name, frame in frames if frame is not None]


def _shown(made: Made) -> list[Shown]:
    """End-diastole and end-systole of a cine, otherwise the volume."""
    beat = made.cine
    if beat and (known := phases(beat.function)):
        return [(name, beat.cine.image(frame).array, beat.result.labels[frame]) for name, frame in known]
    return [("Slices", made.image.array, made.result.labels)]
