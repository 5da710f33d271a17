"""Output formats of a case, a class for each: which files there are and how they are written.

To add a format, write a class here or in its own module, and add it to `format_table`.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

from .. import io
from ..engine.preprocessing import preprocess_volume
from ..engine.results import Result
from ..io import surfaces
from ..model import Label
from ..pictures.slices import draw_case
from .case import Made, Output
from .record import Record

T = TypeVar("T")


class Format:
    """An output format; by default, one file ``NAME.FORMAT`` for the whole case."""

    needs_scene = False
    """Whether Slicer's scene writes it, which is bound to one thread."""
    needs_dicom = False
    """Whether it refers to the DICOM files of the input and contains the patient's name as they do."""
    needs_margins = False
    """Whether the run must keep `Result.margins`."""

    def __init__(self, name: str) -> None:
        self.name = name

    def check(self) -> None:
        """Reject the format if it cannot be written on this machine.

        Raises:
            InputError: a required package is missing.
        """

    def outputs(self, labels: Sequence[Label]) -> list[Output]:
        """Files of a case whose model has these structures."""
        return [Output(self.name, f".{self.name}")]

    def of_frame(self, labels: Sequence[Label], frame: int) -> list[Output]:
        """Files ``NAME_f01…`` of one frame of a cine, counted from 0."""
        return [Output(self.name, f"_f{frame + 1:02d}{one.end}", frame) for one in self.outputs(labels)]

    def write(self, made: Made, outputs: Sequence[Output], folder: Path, record: Record) -> None:
        """Write all files of this format.

        Raises:
            DINSegmentError: a file cannot be written.
        """
        for output in outputs:
            image, result = made.at(output.frame)
            self.write_one(folder / f"{made.case.name}{output.end}", image, result, output.end)

    def write_one(self, path: Path, image: io.Image, result: Result, end: str) -> None:
        """Write the file of one volume; ``end`` is the end of its name."""
        raise NotImplementedError


class Segmentation(Format):
    """Slicer segmentation with the model's names, colors and codes."""

    needs_scene = True

    def write_one(self, path: Path, image: io.Image, result: Result, end: str) -> None:
        from ..scene.boot import boot
        from ..scene.files import add_volume, save_segmentation

        boot()
        import slicer

        from .. import scene  # needs slicer, which `boot` prepares

        volume = add_volume(image)
        try:
            node = scene.write_segmentation(result.labels, volume, result.model.labels)
            save_segmentation(node, path)
            slicer.mrmlScene.RemoveNode(node)
        finally:
            slicer.mrmlScene.RemoveNode(volume)


class LabelMap(Format):
    """Label values as NIfTI."""

    def write_one(self, path: Path, image: io.Image, result: Result, end: str) -> None:
        io.write_labelmap(result.labels, image, path)


class Surfaces(Format):
    """A closed surface of each structure."""

    needs_margins = True

    def outputs(self, labels: Sequence[Label]) -> list[Output]:
        return [Output(self.name, self._end(label)) for label in labels]

    def write_one(self, path: Path, image: io.Image, result: Result, end: str) -> None:
        label = next(label for label in result.model.labels if end.endswith(self._end(label)))
        made = surfaces.surface(_kept(result.margins), result.labels, image.geometry, label)
        surfaces.write_surface(made, path)

    def _end(self, label: Label) -> str:
        words = "".join(letter if letter.isalnum() else " " for letter in label.name.lower()).split()
        return f"_{'-'.join(words)}.{self.name}"


class ConfidenceMap(Format):
    """Confidence of each voxel as NIfTI, see `Result.confidence_map`."""

    def outputs(self, labels: Sequence[Label]) -> list[Output]:
        return [Output(self.name, "_confidence.nii.gz")]

    def write_one(self, path: Path, image: io.Image, result: Result, end: str) -> None:
        io.write_labelmap(_kept(result.confidence_map), image, path)


class Picture(Format):
    """Image of slices with outlines."""

    def write_one(self, path: Path, image: io.Image, result: Result, end: str) -> None:
        model, parameters = result.model, result.parameters
        original, enhanced = preprocess_volume(
            image.array, image.geometry, model.axes, model.intensity, parameters.enhancement
        )
        how = str(parameters.enhancement)
        draw_case(original, enhanced, result.labels, image.geometry, model, image.name, how).save(path)


class RecordFile(Format):
    """The record, always the last file of a case."""

    def write(self, made: Made, outputs: Sequence[Output], folder: Path, record: Record) -> None:
        for output in outputs:
            text = json.dumps(asdict(record), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
            (folder / f"{made.case.name}{output.end}").write_text(text, encoding="utf-8")


def _kept(found: T | None) -> T:
    """Return an optional part of a result that the run was asked to keep."""
    if found is None:
        raise ValueError("the run was not asked for what this file holds")
    return found
