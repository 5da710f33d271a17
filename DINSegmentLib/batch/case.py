"""One input to its output files: read, segment, write beside, rename."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import headless
from ..engine.parameters import Parameters, Result
from ..engine.preprocessing import preprocess_volume
from ..errors import InputError
from . import outputs
from .picture import draw_case
from .record import record


@dataclass(frozen=True)
class Case:
    """An input and what will be written for it.

    Args:
        input: volume file or DICOM folder.
        name: stem of every output.
        output: folder of the outputs.
        suffixes: of the outputs, without the leading dot, the record's ``json`` last.
        series, frame: choice within the input, see `headless.read`.
    """

    input: Path
    name: str
    output: Path
    suffixes: tuple[str, ...]
    series: str | None = None
    frame: int | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple(self.output / f"{self.name}.{suffix}" for suffix in self.suffixes)


def plan(
    inputs: Sequence[Path], output: Path, formats: Sequence[str], preview: bool,
    series: str | None = None, frame: int | None = None,
) -> list[Case]:  # fmt: skip
    """The cases of several inputs.

    Raises:
        InputError: two inputs would write the same files.
    """
    suffixes = (*dict.fromkeys(formats), *(["png"] if preview else []), "json")
    cases = [Case(path, headless.case_name(path), output, suffixes, series, frame) for path in inputs]
    seen: dict[str, Path] = {}
    for case in cases:
        if case.name in seen:
            raise InputError(
                f"{seen[case.name]} and {case.input} would both be written as {case.name}: "
                "rename one, or run them with two output folders."
            )
        seen[case.name] = case.input
    return cases


def run(
    case: Case, segmenter: Any, parameters: Parameters, overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[dict[str, Any], Result]:  # fmt: skip
    """Segment one case and write its files, all or none.

    Args:
        segmenter: an `engine.segmenter.Segmenter`, which stays warm between cases.

    Returns:
        the record, as written to ``NAME.json``, and the engine's result.

    Raises:
        DINSegmentError: in one sentence; nothing was written.
    """
    outputs.check(case.input, case.paths, overwrite)
    image = headless.read(case.input, case.series, case.frame)
    result = segmenter.segment(image.array, image.geometry, parameters, progress, name=case.input.name or case.name)
    with outputs.beside(case.paths) as folder:
        written = record(case.input, image, result, [path.name for path in case.paths])
        for suffix in case.suffixes:
            _write(suffix, folder / f"{case.name}.{suffix}", image, result, written)
    return written, result


def _write(suffix: str, path: Path, image: headless.Image, result: Result, written: dict[str, Any]) -> None:
    if suffix == "seg.nrrd":
        _write_segmentation(path, image, result)
    elif suffix == "nii.gz":
        headless.write_labelmap(result.labels, image, path)
    elif suffix == "png":
        _write_picture(path, image, result)
    else:
        path.write_text(json.dumps(written, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _write_segmentation(path: Path, image: headless.Image, result: Result) -> None:
    headless.boot()
    import slicer

    from .. import scene  # needs slicer, which `boot` makes ready

    volume = headless.add_volume(image)
    try:
        node = scene.write_segmentation(result.labels, volume, result.model.labels)
        headless.save_segmentation(node, path)
        slicer.mrmlScene.RemoveNode(node)
    finally:
        slicer.mrmlScene.RemoveNode(volume)


def _write_picture(path: Path, image: headless.Image, result: Result) -> None:
    model, parameters = result.model, result.parameters
    original, enhanced = preprocess_volume(
        image.array, image.geometry, model.axes, model.intensity, parameters.enhancement, parameters.strength
    )
    how = parameters.enhancement
    if how != "none":
        how += f", strength {parameters.strength:g}"
    draw_case(original, enhanced, result.labels, image.geometry, model, image.name, how).save(path)
