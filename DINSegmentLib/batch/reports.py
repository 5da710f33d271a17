"""The report of one case as a file: what it shows, from the result in memory."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from .. import io
from ..engine.preprocessing import preprocess_volume
from ..engine.results import Result
from ..io.study import study_of
from ..model.enhancement import NONE
from ..pictures.phases import Moment
from ..report import pdf
from ..report.heart import Reviewer, describe
from ..report.html import html
from ..report.write import PAGE, PDF
from .cine_results import Beat

SUFFIXES = {"html": PAGE, "pdf": PDF}
"""Of a report, what follows the case's name, by the name of its format."""


def check(suffixes: Collection[str]) -> None:
    """Refuse a report that cannot be written here.

    Raises:
        InputError: a PDF is wanted, and reportlab is missing.
    """
    if PDF in suffixes:
        pdf.check()


def content(
    suffix: str, image: io.Image, result: Result, written: Mapping[str, Any], beat: Beat | None = None,
    reviewer: Reviewer | None = None,
) -> bytes:  # fmt: skip
    """The file of a report.

    Args:
        suffix: one of `SUFFIXES`' values.
        image, result: the volume; of a cine the frame that stands for it.
        written: the record. Where it holds no path the report names nobody.
        beat: of a cine, of which end-diastole and end-systole are shown.
        reviewer: who has reviewed the result.
    """
    study = [] if written["input"]["path"] is None else study_of(image.files)
    report = describe(written, result.model, _moments(image, result, beat), image.geometry, study, reviewer)
    return pdf.pdf(report) if suffix == PDF else html(report).encode()


def _moments(image: io.Image, result: Result, beat: Beat | None) -> list[Moment]:
    """What a report shows: end-diastole and end-systole of a cine, else the volume."""
    model = result.model

    def moment(name: str, array: np.ndarray, labels: np.ndarray) -> Moment:
        volume, _ = preprocess_volume(array, image.geometry, model.axes, model.intensity, NONE)
        return Moment(name, volume, labels)

    frames = [("ED", beat.function.ed_frame), ("ES", beat.function.es_frame)] if beat else []
    if beat and (known := [(name, frame) for name, frame in frames if frame is not None]):
        return [moment(name, beat.cine.image(frame).array, beat.result.labels[frame]) for name, frame in known]
    return [moment("Slices", image.array, result.labels)]
