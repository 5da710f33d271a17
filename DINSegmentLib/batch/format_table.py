"""Table of all output formats by the names used in ``--format`` and `Output.format`."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..model import Label, Model
from . import FRAME_FORMATS
from .case import Case, Output
from .cine_results import CineFiles
from .dicom_results import DicomObjects, DicomReport
from .formats import ConfidenceMap, Format, LabelMap, Picture, RecordFile, Segmentation, Surfaces
from .reports import Reports

_MOST_FRAMES = 999  # of a cine with a file for each frame

FORMATS: dict[str, Format] = {
    one.name: one
    for one in (
        Segmentation("seg.nrrd"), LabelMap("nii.gz"), DicomObjects("dcm"), DicomReport("dicom-pdf"), Surfaces("stl"),
        Surfaces("obj"), Surfaces("ply"), Reports("html"), Reports("pdf"), ConfidenceMap("confidence"), Picture("png"),
        CineFiles("cine"), RecordFile("json"),
    )
}  # fmt: skip


def of_cine(case: Case, labels: Sequence[Label], frames: int, function: dict | None = None) -> Case:
    """Return the case with a cine's additional outputs, the record last; ``function`` is used if known."""
    *others, last = case.outputs
    others = DicomObjects.of_cine(others, case.dicom_frames, frames, function)
    cine = FORMATS["cine"].outputs(labels)
    ends = {one.end for one in cine}  # the labels of all frames replace those of a single frame
    if case.frame_format is not None:
        for frame in range(frames):
            others += FORMATS[case.frame_format].of_frame(labels, frame)
    kept = (one for one in others if one.end not in ends)
    return replace(case, outputs=(*dict.fromkeys((*kept, *cine)), last))


def known(model: Model, case: str, files: Sequence[str], cine: bool) -> list[Output] | None:
    """Identify a case's outputs by file name; None if a file cannot belong to a case of this model."""
    by_name = {f"{case}{one.end}": one for one in _all(model, cine)}
    found = [by_name.get(name) for name in files]
    return None if None in found else [one for one in found if one is not None]


def _all(model: Model, cine: bool) -> Iterator[Output]:
    """Yield all outputs that a case of a model can have; if two share a name, the last counts."""
    for one in FORMATS.values():
        if cine or one.name != "cine":
            yield from one.outputs(model.labels)
    if cine:
        yield from DicomObjects.of_all_phases(_MOST_FRAMES)
        for name in FRAME_FORMATS:
            for frame in range(_MOST_FRAMES):
                yield from FORMATS[name].of_frame(model.labels, frame)
