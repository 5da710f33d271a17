"""The DICOM objects of one case: a segmentation for each phase, and the measurements that refer to them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..measure import statistics
from ..model.orientation import orientation
from .record import seed

if TYPE_CHECKING:
    from .case import Made

SEGMENTATION, MEASUREMENTS = "dcm", "_SR.dcm"
_END_DIASTOLE, _END_SYSTOLE = "_ED.dcm", "_ES.dcm"
SUFFIXES = (SEGMENTATION, MEASUREMENTS, _END_DIASTOLE, _END_SYSTOLE)
"""Of the files, see `Case.suffixes`; besides, a cine may have one for each frame, see `frame_suffix`."""

FRAMES = ("phases", "all")
"""Of which frames of a cine a segmentation is written: end-diastole and end-systole, or every one."""


def frame_suffix(number: int) -> str:
    """Of the segmentation of a frame, counted from 1."""
    return f"_f{number:02d}.dcm"


def cine_suffixes(suffixes: Sequence[str], which: str, frames: int, function: Mapping[str, Any] | None) -> list[str]:
    """Suffixes with the plain segmentation replaced by those of a cine.

    Args:
        which: one of `FRAMES`.
        frames: how many the cine has.
        function: see `CardiacFunction.as_dict`; None: not known yet, both phases are expected.
    """
    if which == "all":
        single = [frame_suffix(number) for number in range(1, frames + 1)]
    elif function is None:
        single = [_END_DIASTOLE, _END_SYSTOLE]
    elif function["ed_frame"] is None:
        single = [frame_suffix(1)]  # the frame that stands for all
    else:
        single = [_END_DIASTOLE, *([] if function["es_frame"] is None else [_END_SYSTOLE])]
    phases = {_END_DIASTOLE, _END_SYSTOLE}
    kept: list[str] = []
    for suffix in suffixes:
        kept += single if suffix == SEGMENTATION or suffix in phases else [suffix]
    return list(dict.fromkeys(kept))


def write(made: "Made", folder: Path, suffixes: Sequence[str], written: Mapping[str, Any]) -> None:
    """Write the objects among ``suffixes`` into a folder; ``written`` is the record.

    Raises:
        DINSegmentError: see `io.dicom_seg.write_dicom_seg` and `io.dicom_sr.write_dicom_sr`.
    """
    from ..io.dicom_seg import write_dicom_seg  # highdicom takes a second to import
    from ..io.dicom_source import read_source
    from ..io.dicom_sr import Segmented, write_dicom_sr

    case, model, run = made.case, made.result.model, seed(written)
    axis = orientation(made.image.geometry, model.axes).order[0]
    segmented = []
    for suffix in suffixes:
        if suffix == MEASUREMENTS:
            continue
        image, labels, phase, number = made.image, made.result.labels, "", 1
        if made.cine is not None and suffix != SEGMENTATION:
            index, phase = _frame(suffix, made)
            image, labels = made.cine.cine.image(index), made.cine.result.labels[index]
            number = index + 1
        source = read_source(image.slices, image.geometry)
        segmentation = write_dicom_seg(labels, source, model, folder / case.file_name(suffix), run, phase, number)
        figures = statistics(labels, image.array, image.geometry, model.labels, axis)
        segmented.append(Segmented(segmentation, source, figures, phase))
    if MEASUREMENTS in suffixes:
        notices = [one["text"] for one in written["notices"]]
        function = made.cine.function if made.cine is not None else None
        write_dicom_sr(segmented, function, model, folder / case.file_name(MEASUREMENTS), run, notices)


def _frame(suffix: str, made: "Made") -> tuple[int, str]:
    """Index of a frame from 0, and its phase."""
    assert made.cine is not None
    function = made.cine.function
    named = {function.ed_frame: "end-diastole", function.es_frame: "end-systole"}
    if suffix == _END_DIASTOLE:
        index = made.cine.frame
    elif suffix == _END_SYSTOLE:
        assert function.es_frame is not None
        index = function.es_frame
    else:
        index = int(suffix.removeprefix("_f").partition(".")[0]) - 1
    return index, named.get(index, f"frame {index + 1}")
