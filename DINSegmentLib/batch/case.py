"""One input to its output files: read, segment, write beside, rename."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from PIL import Image

from .. import bounded, io
from ..engine.parameters import Parameters
from ..engine.preprocessing import preprocess_volume
from ..engine.results import Result
from ..errors import InputError, OutputError
from ..inputs.candidates import Found, shown
from ..inputs.names import safe
from ..io import outputs, surfaces
from ..io.image import is_dicom
from ..measure import slices_to_review
from ..model import Label, Model
from ..model.enhancement import NONE
from ..notices import Notice
from ..pictures import thumbnails
from ..pictures.slices import draw_case
from . import FORMATS, cine_results, dicom_results, reports
from .anonymous import hidden_image
from .record import about_model, input_hash, record

T = TypeVar("T")

CONFIDENCE = "_confidence.nii.gz"  # of every voxel, see `engine.parameters.Result.confidence_map`
_MOST_FRAMES = 999  # of a cine with a DICOM segmentation for each


@dataclass(frozen=True)
class Case:
    """An input and what will be written for it.

    Args:
        input: volume file or DICOM folder.
        name: stem of every output.
        output: folder of the outputs.
        suffixes: of the outputs, what follows the name and a dot, or what begins with an underscore and follows the
            name alone; the record's ``json`` last.
        series, frame, files: choice within the input, see `io.read`.
        model: id or folder of a model for this case alone; None: the run's.
        extra: the user's own columns, to be carried to the results.
        anonymous: the name is an id, and no output may tell another one, see `anonymous`.
        dicom_frames: of a cine, one of `dicom_results.FRAMES`.
        notices: what a user should know of how the input was found.
    """

    input: Path
    name: str
    output: Path
    suffixes: tuple[str, ...]
    series: str | None = None
    frame: int | None = None
    files: tuple[Path, ...] = ()
    model: str | None = None
    extra: dict[str, str] = field(default_factory=dict)
    anonymous: bool = False
    notices: tuple[Notice, ...] = ()
    dicom_frames: str = "phases"

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple(_inside(self.output, self.file_name(suffix)) for suffix in self.suffixes)

    @property
    def needs_scene(self) -> bool:
        """Whether Slicer's scene writes an output, which lives on one thread."""
        return "seg.nrrd" in self.suffixes

    @property
    def dicom_suffixes(self) -> list[str]:
        """Those of the DICOM objects."""
        return [suffix for suffix in self.suffixes if suffix.endswith("dcm")]

    def file_name(self, suffix: str) -> str:
        return f"{self.name}{suffix}" if suffix.startswith("_") else f"{self.name}.{suffix}"


@dataclass(frozen=True)
class Opened:
    """A case whose input was read; of a cine ``case`` names the outputs that only a cine has, too."""

    case: Case
    input: io.Image | io.Cine


@dataclass(frozen=True)
class Made:
    """A case whose results are in memory; ``cine``: all of one, of which ``image`` and ``result`` are one frame."""

    case: Case
    image: io.Image
    result: Result
    cine: cine_results.Beat | None = None


def plan(
    found: Found, output: Path, formats: Sequence[str], preview: bool, structures: Sequence[Label] = (),
    confidence: bool = False, anonymous: bool = False, dicom_frames: str = "phases",
) -> Case:  # fmt: skip
    """What will be written for an input that was found; ``structures`` get a surface each in such formats."""
    of_format = {one: [surface_suffix(label, one) for label in structures] for one in surfaces.FORMATS}
    of_format["dcm"] = [dicom_results.SEGMENTATION, dicom_results.MEASUREMENTS]
    of_format |= {one: [suffix] for one, suffix in reports.SUFFIXES.items()}
    files = [of_format.get(one, [one]) for one in formats]
    suffixes = (
        *dict.fromkeys(chain(*files)),
        *([CONFIDENCE] if confidence else []),
        *(["png"] if preview else []),
        "json",
    )
    return Case(
        found.path, found.case, output, suffixes, found.series, found.frame, found.files, found.model, found.extra,
        anonymous, found.notices, dicom_frames,
    )  # fmt: skip


def _inside(folder: Path, name: str) -> Path:
    """The path of an output in its folder.

    Raises:
        OutputError: the name leads out of the folder, or is not fit for a file on every system.
    """
    if safe(name) != name or (folder / name).parent != folder:
        raise OutputError(f'"{shown(name)}" cannot be the name of a result: use a plain file name without a folder.')
    return folder / name


def surface_suffix(label: Label, suffix: str) -> str:
    """``_left-ventricle.stl``: what follows a case's name in the file of a structure's surface."""
    words = "".join(letter if letter.isalnum() else " " for letter in label.name.lower()).split()
    return f"_{'-'.join(words)}.{suffix}"


def known_suffixes(model: Model) -> set[str]:
    """Of every output that a case of this model can have, see `Case.suffixes`."""
    structures = {surface_suffix(label, one) for label in model.labels for one in surfaces.FORMATS}
    of_frames = {dicom_results.frame_suffix(number) for number in range(1, 1 + _MOST_FRAMES)}
    return {
        *structures, *(set(FORMATS) - surfaces.FORMATS - set(reports.SUFFIXES)), *reports.SUFFIXES.values(),
        *cine_results.SUFFIXES, *dicom_results.SUFFIXES, *of_frames, CONFIDENCE, "png", "json",
    }  # fmt: skip


def check(case: Case, overwrite: bool, strip: bool = False) -> None:
    """Refuse what can be told without reading the input.

    Args:
        strip: the case will be drawn for the page, too.

    Raises:
        InputError, OutputError: as `outputs.check` and `reports.check`; or a DICOM segmentation is wanted of what is no
            DICOM series.
    """
    reports.check(case.suffixes)
    outputs.check(case.input, case.paths, overwrite)
    if case.dicom_suffixes and not case.files and not is_dicom(case.input):
        raise InputError(
            f"{case.input} is not a DICOM series, which a DICOM segmentation refers to: choose --format seg.nrrd."
        )
    if strip:
        outputs.check(case.input, [thumbnails.picture_path(case.output, case.name)], overwrite)


def finished(case: Case, model: Model, parameters: Parameters) -> dict[str, Any] | None:
    """The record of a run that was finished earlier with the same input, model and parameters; None: there is none.

    Its files were renamed to their places after they were whole, the record last: so where it is, all of them are.
    """
    try:
        written = bounded.read_json(case.paths[-1])
        asked = json.loads(json.dumps([about_model(model), asdict(parameters.resolved(model))]))
        earlier = asdict(Parameters.from_json(written["parameters"]))
        if [written["model"], earlier, written["input"]["frame"]] != [*asked, case.frame]:
            return None
        cine = written["cine"]
        wanted = with_cine(case, cine["frames"], cine["function"]) if cine else case
        if not all(path.name in written["outputs"] and path.is_file() for path in wanted.paths):
            return None
        files = io.files_of(case.input, case.series, case.frame, case.files or None)
        return written if input_hash(files) == written["input"]["sha256"] else None
    except Exception:  # an odd record of whatever program is none of ours
        return None


def run(
    case: Case, segmenter: Any, parameters: Parameters, overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None, strip: bool = False,
    cancelled: Callable[[], bool] | None = None,
) -> tuple[dict[str, Any], Result]:  # fmt: skip
    """Segment one case and write its files, all or none.

    Of a cine without choice of a frame all frames are segmented, where the model is one of the heart: besides what is
    asked for, which is made of the frame at end-diastole, there are the labels of all frames, ``NAME.nii.gz``, and the
    table and picture of the volumes over time.

    Args:
        segmenter: an `engine.segmenter.Segmenter`, which stays warm between cases.
        progress, cancelled: as for the segmenter.
        strip: also draw the case for the report, see `thumbnails.picture_path`.

    Returns:
        the record, as written to ``NAME.json``, and the engine's result.

    Raises:
        DINSegmentError: in one sentence; nothing was written.
        Cancelled: ``cancelled`` said so; nothing was written.
    """
    made = segment(read(case, segmenter.model, overwrite), segmenter, parameters, progress, cancelled)
    written = write(made, overwrite)
    if strip:
        draw_strip(made)
    return written, made.result


def read(case: Case, model: Model | None, overwrite: bool) -> Opened:
    """The first part of `run`; ``model`` None: it is not known, and neither whether a cine is wanted as one."""
    check(case, overwrite)
    if model is None or not _is_cine(case, model):
        image = io.read(case.input, case.series, case.frame, case.files or None)
        return Opened(case, _hidden(case, image))
    case = with_cine(case, io.count_frames(case.input, case.series, case.files or None))
    check(case, overwrite)
    cine = io.read_cine(case.input, case.series, case.files or None)
    person = replace(cine.person, height=None, weight=None) if case.anonymous else cine.person
    return Opened(case, replace(cine, first=_hidden(case, cine.first), person=person))


def segment(
    opened: Opened, segmenter: Any, parameters: Parameters, progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Made:  # fmt: skip
    """The second part of `run`."""
    case, image = opened.case, opened.input
    if isinstance(image, io.Cine):
        return _segment_cine(case, image, segmenter, parameters, progress, cancelled)
    result = segmenter.segment(image.array, image.geometry, parameters, progress, cancelled, _shown(case))
    return Made(case, image, result)


def write(made: Made, overwrite: bool = False) -> dict[str, Any]:
    """The third part of `run`, without the strip."""
    case, image, result, found = made.case, made.image, made.result, made.cine
    if found:  # which phases it has is known now
        case = with_cine(case, len(found.cine.array), found.function.as_dict())
    with outputs.beside(case.paths, overwrite) as folder:
        names = [path.name for path in case.paths]
        source, series = (None, None) if case.anonymous else (case.input, case.series)
        written = record(source, image, result, names, case.name, case.extra, case.frame, series, found)
        if case.dicom_suffixes:
            dicom_results.write(made, folder, case.dicom_suffixes, written)
        for suffix in case.suffixes:
            path = folder / case.file_name(suffix)
            if suffix in case.dicom_suffixes:
                continue
            if found and suffix in cine_results.SUFFIXES:
                found.write(suffix, path, case.name)
            else:
                write_file(suffix, path, image, result, written, found)
    return written


def _is_cine(case: Case, model: Model) -> bool:
    if case.frame is not None or not cine_results.is_of_heart(model):
        return False
    return case.input.exists() and io.count_frames(case.input, case.series, case.files or None) > 1


def with_cine(case: Case, frames: int, function: dict[str, Any] | None = None) -> Case:
    """The case with the outputs that only a cine has, the record last; ``function``: as far as it is known."""
    *others, record_suffix = dicom_results.cine_suffixes(case.suffixes, case.dicom_frames, frames, function)
    return replace(case, suffixes=tuple(dict.fromkeys((*others, *cine_results.SUFFIXES, record_suffix))))


def _segment_cine(
    case: Case,
    cine: io.Cine,
    segmenter: Any,
    parameters: Parameters,
    progress: Callable[[int, int], None] | None,
    cancelled: Callable[[], bool] | None,
) -> Made:
    """All frames; and the one that stands for them as a volume of its own, with what only a single one can have."""
    plain = replace(parameters, confidence=False, margins=False)
    found = cine_results.segment_beat(cine, segmenter, plain, _shown(case), io.Person(), progress, cancelled=cancelled)
    image, result = cine.image(found.frame), found.result.frame(found.frame)
    if parameters != plain:
        alone = segmenter.segment(image.array, image.geometry, parameters, cancelled=cancelled, name=_shown(case))
        result = replace(alone, labels=result.labels, timings=result.timings)
    return Made(case, image, result, found)


def _hidden(case: Case, image: io.Image) -> io.Image:
    image = replace(image, notices=tuple(dict.fromkeys((*case.notices, *image.notices))))
    return hidden_image(image, case.name) if case.anonymous else image


def _shown(case: Case) -> str:
    return case.input.name or case.name


def draw_strip(made: Made) -> None:
    """Draw a case for the page to review."""
    case, image, result, model = made.case, made.image, made.result, made.result.model
    original, _ = preprocess_volume(image.array, image.geometry, model.axes, model.intensity, NONE)
    noticed = slices_to_review(result.confidence, model.labels)
    review = [one.slice for one in noticed if one.slice is not None]
    save_picture(thumbnails.strip(original, result.labels, image.geometry, model, review), case.output, case.name)


def save_picture(picture: Image.Image, folder: Path, case: str) -> Path:
    """Write a case's strip (see `thumbnails.strip`), whole or not at all; one that is there already is replaced.

    Raises:
        OutputError: it cannot be written.
    """
    path = thumbnails.picture_path(folder, case)
    with outputs.beside([path]) as beside:
        picture.save(beside / path.name, quality=85, subsampling=0, comment=picture.info.get("comment", b""))
    return path


def write_file(
    suffix: str, path: Path, image: io.Image, result: Result, written: dict[str, Any],
    found: cine_results.Beat | None = None,
) -> None:  # fmt: skip
    """Write one output, see `Case.suffixes`; ``written`` is the record, which is what ``json`` is."""
    if suffix == "seg.nrrd":
        write_segmentation(path, image, result)
    elif suffix == "nii.gz":
        io.write_labelmap(result.labels, image, path)
    elif suffix == CONFIDENCE:
        io.write_labelmap(_kept(result.confidence_map), image, path)
    elif suffix == "png":
        _write_picture(path, image, result)
    elif suffix in reports.SUFFIXES.values():
        path.write_bytes(reports.content(suffix, image, result, written, found))
    elif path.suffix[1:] in surfaces.FORMATS:
        labels = {surface_suffix(label, path.suffix[1:]): label for label in result.model.labels}
        made = surfaces.surface(_kept(result.margins), result.labels, image.geometry, labels[suffix])
        surfaces.write_surface(made, path)
    else:
        path.write_text(json.dumps(written, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _kept(found: T | None) -> T:
    """What a file needs of a result, which the run was asked to keep."""
    if found is None:
        raise ValueError("the run was not asked for what this file holds")
    return found


def write_segmentation(path: Path, image: io.Image, result: Result) -> None:
    """Write a segmentation with the model's names, colours and codes; ``path`` ends with ``.seg.nrrd``."""
    from ..scene.boot import boot
    from ..scene.files import add_volume, save_segmentation

    boot()
    import slicer

    from .. import scene  # needs slicer, which `boot` makes ready

    volume = add_volume(image)
    try:
        node = scene.write_segmentation(result.labels, volume, result.model.labels)
        save_segmentation(node, path)
        slicer.mrmlScene.RemoveNode(node)
    finally:
        slicer.mrmlScene.RemoveNode(volume)


def _write_picture(path: Path, image: io.Image, result: Result) -> None:
    model, parameters = result.model, result.parameters
    original, enhanced = preprocess_volume(
        image.array, image.geometry, model.axes, model.intensity, parameters.enhancement
    )
    how = str(parameters.enhancement)
    draw_case(original, enhanced, result.labels, image.geometry, model, image.name, how).save(path)
