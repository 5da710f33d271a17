"""DICOM objects of a case: a segmentation for each phase, and the measurements that refer to them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..measure import statistics
from ..model import Label
from ..model.orientation import orientation
from ..report import pdf
from .case import Made, Output
from .formats import Format
from .record import Record
from .reports import report_of

FRAMES = ("phases", "all")
"""Which frames of a cine get a segmentation: end-diastole and end-systole, or all."""

_SEGMENTATION, _MEASUREMENTS = Output("dcm", ".dcm"), Output("dcm", "_SR.dcm")
_END_DIASTOLE, _END_SYSTOLE = Output("dcm", "_ED.dcm"), Output("dcm", "_ES.dcm")


def _single(frame: int) -> Output:
    return Output("dcm", f"_f{frame + 1:02d}.dcm", frame)


class DicomObjects(Format):
    """Segmentations (SEG) and measurements (SR), only for DICOM series."""

    needs_dicom = True

    def outputs(self, labels: Sequence[Label]) -> list[Output]:
        return [_SEGMENTATION, _MEASUREMENTS]

    @staticmethod
    def of_all_phases(frames: int) -> Iterator[Output]:
        """Yield all segmentations that a cine can have."""
        yield from (_END_DIASTOLE, _END_SYSTOLE, *map(_single, range(frames)))

    @staticmethod
    def of_cine(outputs: Sequence[Output], which: str, frames: int, function: Mapping[str, Any] | None) -> list[Output]:
        """Return a case's outputs with the single segmentation replaced by those of a cine.

        Args:
            which: one of `FRAMES`.
            frames: number of frames.
            function: see `CardiacFunction.as_dict`; if None, both phases are expected.
        """
        if which == "all":
            single = [_single(frame) for frame in range(frames)]
        elif function is None:
            single = [_END_DIASTOLE, _END_SYSTOLE]
        elif function["ed_frame"] is None:
            single = [_single(0)]  # the frame that represents the cine
        else:
            single = [_END_DIASTOLE, *([] if function["es_frame"] is None else [_END_SYSTOLE])]
        kept: list[Output] = []
        for one in outputs:
            kept += single if one in (_SEGMENTATION, _END_DIASTOLE, _END_SYSTOLE) else [one]
        return list(dict.fromkeys(kept))

    def write(self, made: Made, outputs: Sequence[Output], folder: Path, record: Record) -> None:
        from ..io.dicom_seg import write_dicom_seg  # highdicom takes a second to import
        from ..io.dicom_source import read_source
        from ..io.dicom_sr import Segmented, write_dicom_sr

        case, model = made.case, made.result.model
        axis = orientation(made.image.geometry, model.axes).order[0]
        segmented = []
        for output in outputs:
            if output == _MEASUREMENTS:
                continue
            image, labels, phase, number = made.image, made.result.labels, "", 1
            if made.cine is not None and output != _SEGMENTATION:
                index, phase = _frame(output, made)
                image, labels = made.cine.cine.image(index), made.cine.result.labels[index]
                number = index + 1
            source, path = read_source(image.slices, image.geometry), folder / f"{case.name}{output.end}"
            segmentation = write_dicom_seg(labels, source, model, path, record.seed, phase, number)
            figures = statistics(labels, image.array, image.geometry, model.labels, axis)
            segmented.append(Segmented(segmentation, source, figures, phase))
        if _MEASUREMENTS in outputs:
            notices = [one["text"] for one in record.notices]
            function, regional = (made.cine.function, made.cine.regional) if made.cine is not None else (None, None)
            path = folder / f"{case.name}{_MEASUREMENTS.end}"
            write_dicom_sr(segmented, function, model, path, record.seed, notices, regional)


class DicomReport(Format):
    """The report in PDF as a DICOM object, only for DICOM series."""

    needs_dicom = True

    def check(self) -> None:
        pdf.check()

    def outputs(self, labels: Sequence[Label]) -> list[Output]:
        return [Output(self.name, "_report.dcm")]

    def write(self, made: Made, outputs: Sequence[Output], folder: Path, record: Record) -> None:
        from ..io.dicom_pdf import write_dicom_pdf
        from ..io.dicom_source import read_source

        report = report_of(made, asdict(record))
        page = pdf.pdf(report)
        source = read_source(made.image.slices, made.image.geometry)
        labels = made.result.labels if made.cine is None else np.asarray(made.cine.result.labels)
        title = f"Segmentation report, {made.result.model.title}"
        for output in outputs:
            path = folder / f"{made.case.name}{output.end}"
            write_dicom_pdf(page, source, made.result.model, path, record.seed, title, labels, report.undated)


def _frame(output: Output, made: Made) -> tuple[int, str]:
    """Index of a frame from 0, and its phase."""
    assert made.cine is not None
    function = made.cine.function
    named = {function.ed_frame: "end-diastole", function.es_frame: "end-systole"}
    index = output.frame
    if output == _END_DIASTOLE:
        index = made.cine.frame
    elif output == _END_SYSTOLE:
        index = function.es_frame
    assert index is not None
    return index, named.get(index, f"frame {index + 1}")
