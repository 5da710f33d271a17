"""One input to its output files: read, segment, write to a temporary folder, rename."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from .. import io
from ..engine.parameters import Parameters
from ..engine.preprocessing import preprocess_volume
from ..engine.results import Result
from ..errors import InputError
from ..inputs.candidates import Found
from ..io import outputs as files
from ..io.image import is_dicom
from ..measure import slices_to_review
from ..measure.cardiac import check_person
from ..model import INFARCT, Label, Model, label_of
from ..model.enhancement import NONE
from ..pictures import thumbnails
from .anonymous import hidden_image
from .case import Case, Made, Opened, Output
from .cine_results import is_of_heart, segment_beat
from .companions import insertion_for
from .format_table import FORMATS, of_cine
from .hashes import are_as_written, input_hash, output_hashes, read_hashed
from .record import Record, model_used, record

if TYPE_CHECKING:
    from ..engine.segmenter import Segmenter

Progress = Callable[[int, int], None]


def plan(
    found: Found, output: Path, formats: Sequence[str], preview: bool, structures: Sequence[Label] = (),
    confidence: bool = False, anonymous: bool = False, dicom_frames: str = "phases",
    person: io.Person | None = None, frame_format: str | None = None,
) -> Case:  # fmt: skip
    """Plan the outputs for an input; with surface formats, each of ``structures`` gets a surface."""
    names = dict.fromkeys((*formats, *["confidence"] * confidence, *["png"] * preview, "json"))
    return Case(
        input=found.path,
        name=found.case,
        output=output,
        outputs=tuple(one for name in names for one in FORMATS[name].outputs(structures)),
        series=found.series,
        frame=found.frame,
        files=found.files,
        model=found.model,
        extra=found.extra,
        anonymous=anonymous,
        notices=found.notices,
        origin=found.origin,
        reading=found.reading,
        person=person or io.Person(),
        frame_format=frame_format,
        dicom_frames=dicom_frames,
    )


def check(case: Case, overwrite: bool, strip: bool = False) -> None:
    """Reject, without reading the input, what is certain to fail.

    Args:
        strip: whether the case is also drawn for the review page.

    Raises:
        InputError, OutputError: as `io.outputs.check` and `Format.check`; DICOM output is requested for an input
            that is resampled or not a DICOM series; or heart rate, height or weight are out of range.
    """
    check_person(case.person.heart_rate, case.person.height, case.person.weight)
    for name in dict.fromkeys(one.format for one in case.outputs):
        FORMATS[name].check()
    files.check(case.input, case.paths, overwrite)
    of_dicom = any(FORMATS[one.format].needs_dicom for one in case.outputs)
    if of_dicom and case.reading.resample:
        raise InputError(
            "DICOM results refer to slices as they are stored: omit --resample, or choose another --format."
        )
    if of_dicom and not case.files and not is_dicom(case.input):
        raise InputError(f"{case.input} is not a DICOM series, which DICOM output requires: choose --format seg.nrrd.")
    if strip:
        files.check(case.input, [thumbnails.picture_path(case.output, case.name)], overwrite)


def finished(case: Case, model: Model, parameters: Parameters) -> Record | None:
    """Return the record of a finished run with the same input, model and parameters, or None.

    Files are renamed to their places after they are complete, the record last: if it exists, all of them do.
    """
    try:
        written = Record.read(case.paths[-1])
        asked, earlier = parameters.resolved(model), Parameters.from_json(written.parameters)
        chosen = written.input.frame, written.input.reading
        if chosen != (case.frame, asdict(case.reading)):
            return None
        if written.model != model_used(model) or asdict(earlier) != asdict(asked):
            return None
        if cine := written.cine:
            if cine["given"] != case.settings:
                return None
            case = of_cine(case, model.labels, cine["frames"], cine["function"])
        *others, record_name = [path.name for path in case.paths]
        if {*others, record_name} - set(written.outputs) or not are_as_written(case.output, others, written.hashes):
            return None
        found = io.files_of(case.input, case.series, case.frame, case.files or None, case.reading)
        return written if input_hash(found) == written.input.sha256 else None
    except Exception:  # an unusual record of another program
        return None


def run(
    case: Case, segmenter: "Segmenter", parameters: Parameters, overwrite: bool = False,
    progress: Progress | None = None, strip: bool = False, cancelled: Callable[[], bool] | None = None,
) -> tuple[Record, Result]:  # fmt: skip
    """Segment a case and write all of its files, or none.

    For a cardiac model and a cine without a selected frame, all frames are segmented. The requested outputs show the
    frame at end-diastole; additional outputs are the labels of all frames, ``NAME.nii.gz``, and the table and chart of
    the volume-time curves.

    Args:
        segmenter: kept loaded between cases.
        progress, cancelled: as for the segmenter.
        strip: also draw the case for the review page, see `thumbnails.picture_path`.

    Returns:
        the record as written to ``NAME.json``, and the engine's result.

    Raises:
        DINSegmentError: the case failed; nothing was written.
        Cancelled: ``cancelled`` returned True; nothing was written.
    """
    made = segment(read(case, segmenter.model, overwrite), segmenter, parameters, progress, cancelled)
    written = write(made, overwrite)
    if strip:
        draw_strip(made)
    return written, made.result


def read(case: Case, model: Model | None, overwrite: bool) -> Opened:
    """First part of `run`; if ``model`` is None, it is unknown whether a cine is to be read as such."""
    check(case, overwrite)
    which: dict[str, Any] = {"path": case.input, "series": case.series, "reading": case.reading}
    which["files"] = case.files or None
    frames = _frames(case, model) if model else 1
    if model is None or frames < 2:
        image, sha256 = read_hashed(
            partial(io.read, frame=case.frame, **which), case.files or io.files_of(frame=case.frame, **which),
            lambda image: image.files, _shown(case),
        )  # fmt: skip
        return Opened(case, _hidden(case, image), sha256)
    case = of_cine(case, model.labels, frames)
    check(case, overwrite)
    cine, sha256 = read_hashed(
        partial(io.read_cine, **which), case.files or io.files_of(**which), lambda cine: cine.first.files, _shown(case)
    )
    person = replace(cine.person, height=None, weight=None) if case.anonymous else cine.person
    return Opened(case, replace(cine, first=_hidden(case, cine.first), person=person), sha256)


def segment(
    opened: Opened, segmenter: "Segmenter", parameters: Parameters, progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Made:  # fmt: skip
    """Second part of `run`."""
    case, image = opened.case, opened.input
    if isinstance(image, io.Cine):
        return _segment_cine(opened, image, segmenter, parameters, progress, cancelled)
    result = segmenter.segment(image.array, image.geometry, parameters, progress, cancelled, _shown(case))
    insertion, source = None, ""
    if label_of(segmenter.model, INFARCT) is not None:
        insertion, source = insertion_for(case, image, segmenter)
    return Made(case, image, result, opened.sha256, insertion=insertion, insertion_from=source)


def write(made: Made, overwrite: bool = False) -> Record:
    """Third part of `run`, without the strip."""
    if made.cine:  # only now is it known which phases it has
        function = made.cine.function.as_dict()
        case = of_cine(made.case, made.result.model.labels, len(made.cine.cine.array), function)
        made = replace(made, case=case)
    paths = made.case.paths
    with files.beside(paths, overwrite) as folder:
        written = record(made, [path.name for path in paths])
        *others, last = made.case.outputs
        for name, outputs in groupby(sorted(others, key=_format), key=_format):
            FORMATS[name].write(made, list(outputs), folder, written)
        written = replace(written, hashes=output_hashes(folder, written.outputs[:-1]))
        FORMATS[last.format].write(made, [last], folder, written)
    return written


def _format(output: Output) -> str:
    return output.format


def _frames(case: Case, model: Model) -> int:
    """Number of frames that are segmented together: those of a cine, otherwise 1."""
    if case.frame is not None or not is_of_heart(model) or not case.input.exists():
        return 1
    return io.count_frames(case.input, case.series, case.files or None, case.reading)


def _segment_cine(
    opened: Opened, cine: io.Cine, segmenter: "Segmenter", parameters: Parameters, progress: Progress | None,
    cancelled: Callable[[], bool] | None,
) -> Made:  # fmt: skip
    """Segment all frames; add for the frame that represents them what only a single volume has."""
    case = opened.case
    with_margins = case.frame_format is not None and FORMATS[case.frame_format].needs_margins
    plain = replace(parameters, confidence=False, margins=with_margins)
    beat = segment_beat(cine, segmenter, plain, _shown(case), case.person, progress, cancelled)
    image, result = cine.image(beat.frame), beat.result.frame(beat.frame)
    if parameters != plain and (parameters.confidence or not with_margins):
        alone = segmenter.segment(image.array, image.geometry, parameters, cancelled=cancelled, name=_shown(case))
        result = replace(alone, labels=result.labels, timings=result.timings)
    result = replace(result, parameters=parameters.resolved(segmenter.model))
    return Made(case, image, result, opened.sha256, beat)


def _hidden(case: Case, image: io.Image) -> io.Image:
    image = replace(image, notices=tuple(dict.fromkeys((*case.notices, *image.notices))))
    return hidden_image(image, case.name) if case.anonymous else image


def _shown(case: Case) -> str:
    """Name of the input in messages."""
    return case.name if case.anonymous else case.input.name or case.name


def draw_strip(made: Made) -> None:
    """Draw a case for the review page."""
    case, image, result, model = made.case, made.image, made.result, made.result.model
    original, _ = preprocess_volume(image.array, image.geometry, model.axes, model.intensity, NONE)
    noticed = slices_to_review(result.confidence, model.labels)
    review = [one.slice for one in noticed if one.slice is not None]
    save_picture(thumbnails.strip(original, result.labels, image.geometry, model, review), case.output, case.name)


def save_picture(picture: Image.Image, folder: Path, case: str) -> Path:
    """Write a case's strip (see `thumbnails.strip`) atomically, replacing an existing one.

    Raises:
        OutputError: the picture cannot be written.
    """
    path = thumbnails.picture_path(folder, case)
    with files.beside([path]) as beside:
        picture.save(beside / path.name, quality=85, subsampling=0, comment=picture.info.get("comment", b""))
    return path
