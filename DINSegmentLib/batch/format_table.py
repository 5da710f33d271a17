"""The one table of formats: by the names that ``--format`` and `Output.format` use."""

from collections.abc import Iterator, Sequence

from ..model import Model
from . import FRAME_FORMATS
from .cine_results import CineFiles
from .dicom_results import DicomObjects, DicomReport
from .formats import ConfidenceMap, Format, LabelMap, Output, Picture, RecordFile, Segmentation, Surfaces
from .reports import Reports

_MOST_FRAMES = 999  # of a cine with files for each

FORMATS: dict[str, Format] = {
    one.name: one
    for one in (
        Segmentation("seg.nrrd"), LabelMap("nii.gz"), DicomObjects("dcm"), DicomReport("dicom-pdf"), Surfaces("stl"),
        Surfaces("obj"), Surfaces("ply"), Reports("html"), Reports("pdf"), ConfidenceMap("confidence"), Picture("png"),
        CineFiles("cine"), RecordFile("json"),
    )
}  # fmt: skip


def known(model: Model, case: str, files: Sequence[str], cine: bool) -> list[Output] | None:
    """The outputs that files of a case are, by their names; None: one is none that a case of this model can have."""
    by_name = {f"{case}{one.end}": one for one in _all(model, cine)}
    found = [by_name.get(name) for name in files]
    return None if None in found else [one for one in found if one is not None]


def _all(model: Model, cine: bool) -> Iterator[Output]:
    """Every output that a case of a model can have; of two with one name the last counts."""
    for one in FORMATS.values():
        if cine or one.name != "cine":
            yield from one.outputs(model.labels)
    if cine:
        yield from DicomObjects.of_all_phases(_MOST_FRAMES)
        for name in FRAME_FORMATS:
            for frame in range(_MOST_FRAMES):
                yield from FORMATS[name].of_frame(model.labels, frame)
