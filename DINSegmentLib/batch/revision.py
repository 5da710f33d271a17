"""Updated measurements of a result whose label map was edited after the run."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from .. import io
from ..errors import GeometryError, InputError
from ..geometry import Geometry
from ..measure import (
    Insertion,
    cardiac_function,
    flags,
    flags_of_cine,
    regional_function_of_cine,
    statistics,
)
from ..measure.infarct_segments import describe_infarct
from ..model import INFARCT, Model, label_of
from ..model.orientation import orientation
from ..notices import Notice, still_valid
from .anonymous import hidden_image
from .companions import insertion_of_infarct
from .hashes import input_hash
from .record import Record
from .reports import Shown, phases

_NEAR = 0.01  # mm; tolerance for the corners of two grids
BY_PERSON = "the points of --anterior and --inferior"


@dataclass(frozen=True, eq=False)
class Revised:
    """A result with its current labels.

    Args:
        values: as in a record, without the run's parameters.
        geometry: grid of the labels.
        shown: end-diastole and end-systole of a cine, or the volume.
        files: input files.
    """

    values: Mapping[str, Any]
    geometry: Geometry
    shown: list[Shown]
    files: tuple[Path, ...]


def revise(record: Record, labels_path: Path, model: Model, path: Path, insertion: Insertion | None = None) -> Revised:
    """Measure the labels of a file in place of the run's labels.

    Args:
        record: record of the run.
        labels_path: a label map on the input's grid; for a cine, with all frames.
        model: model that made the labels.
        path: current path of the input.
        insertion: insertion points of the right ventricle that replace those of the labels or record.

    Raises:
        DINSegmentError: input or labels cannot be read, or do not match.
    """
    if not path.exists():
        raise InputError(f"{path} no longer exists: add --input with its new path.")
    reading = io.Reading(**record.input.reading)
    files = io.files_of(path, record.input.series, record.input.frame, None, reading)
    if input_hash(files) != record.input.sha256:
        raise InputError(f"{path} is not the image of that run, or has changed: add --input with the image.")
    if record.cine is None:
        image = io.read(path, record.input.series, record.input.frame, None, reading)
        labels = _labels(io.read(labels_path), image.geometry, model, labels_path.name)
        found = _of_volume(record, labels, image, model, insertion)
        shown: list[Shown] = [("Slices", image.array, labels)]
    else:
        cine = io.read_cine(path, record.input.series, None, reading)
        image, edited = cine.first, io.read_cine(labels_path)
        labels = _labels(edited.first, image.geometry, model, labels_path.name, edited.array)
        if len(labels) != len(cine.array):
            raise GeometryError(
                f"{labels_path.name} has {len(labels)} frames, but its cine {len(cine.array)}: edit the label map of "
                "all frames."
            )
        found = _of_cine(record, labels, cine, model, insertion)
        shown = [(name, cine.array[frame], labels[frame]) for name, frame in found.pop("phases") or [("Slices", 0)]]
    if input_hash([labels_path]) != record.hashes.get(f"{record.case}.nii.gz", {}).get("sha256"):
        text = "The labels were edited after the segmentation: all values are those of the edited labels."
        found["notices"].insert(0, Notice("edited", text).as_dict())
    written = asdict(record)
    del written["parameters"]
    date = datetime.now(UTC).isoformat(timespec="seconds")
    return Revised({**written, **found, "date": date}, image.geometry, shown, image.files)


def _labels(
    image: io.Image, geometry: Geometry, model: Model, name: str, array: np.ndarray | None = None
) -> np.ndarray:
    """Return the labels of a file after checking their values and grid.

    Raises:
        InputError, GeometryError: values are not the model's, or the grid is not that of the image.
    """
    near = image.geometry.shape == geometry.shape and all(
        np.abs((image.geometry.ijk_to_ras - geometry.ijk_to_ras) @ (*corner, 1)).max() < _NEAR
        for corner in ((0, 0, 0), tuple(np.subtract(geometry.shape[::-1], 1)))
    )
    if not near:
        raise GeometryError(f"{name} is not on the grid of its image: save the label map with the grid of the image.")
    values = image.array if array is None else array
    odd = np.setdiff1d(np.unique(values), [0, *(label.value for label in model.labels)])
    if len(odd):
        raise InputError(f"{name} holds the value {odd[0]:g}, which {model.id} does not have: use its label values.")
    return values.astype(np.uint8)


def _still_valid(record: Record, image: io.Image) -> list[Notice]:
    """Notices about the image and its run, which edited labels do not change."""
    if record.input.path is None:
        image = hidden_image(image, record.case)
    return [*image.notices, *(one for one in still_valid(record.notices) if one not in image.notices)]


def _of_volume(
    record: Record, labels: np.ndarray, image: io.Image, model: Model, insertion: Insertion | None
) -> dict[str, Any]:
    axis = orientation(image.geometry, model.axes).order[0]
    found = statistics(labels, image.array, image.geometry, model.labels, axis)
    flagged = flags(labels, found, image.geometry, model, lowest=float(image.array.min()))
    notices = [*_still_valid(record, image), *flagged]
    infarct = None
    if label_of(model, INFARCT) is not None:
        source = BY_PERSON
        if insertion is None:
            insertion, source = insertion_of_infarct(record.infarct)
        infarct, more = describe_infarct(labels, image.geometry, model, insertion, source)
        notices += more
    return {
        "structures": [asdict(one) for one in found],
        "infarct": infarct,
        "notices": [one.as_dict() for one in notices],
    }


def _of_cine(
    record: Record, labels: np.ndarray, cine: io.Cine, model: Model, insertion: Insertion | None
) -> dict[str, Any]:
    assert record.cine is not None
    times = [1000 * seconds for seconds in cine.times] if cine.times else None
    person, geometry = record.cine["person"], cine.first.geometry
    function = cardiac_function(
        labels, geometry, model, times, person["heart_rate"], person["height"], person["weight"]
    )
    regional = regional_function_of_cine(labels, function, geometry, model, insertion)
    phases_at = function.ed_frame, function.es_frame
    notices: list[Notice] = [
        *_still_valid(record, cine.first), *flags_of_cine(labels, cine.array, phases_at, geometry, model),
        *function.notices, *(regional.notices if regional else ()),
    ]  # fmt: skip
    about = {"function": function.as_dict(), "regional": regional.as_dict() if regional else None}
    return {
        "cine": {**record.cine, **about, "frame": (function.ed_frame or 0) + 1},
        "notices": [one.as_dict() for one in notices],
        "phases": phases(function),
    }
