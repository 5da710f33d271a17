"""Runs and their reports, for the worker process and for Python in Slicer."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine.parameters import Parameters
from ..engine.results import Outcome, Result
from ..errors import Cancelled, ModelError, TorchMissing
from ..geometry import Geometry
from ..io.surfaces import Surface, surface
from ..measure import (
    CardiacFunction,
    cardiac_function,
    flags,
    flags_of_cine,
    frames_to_review,
    slices_to_review,
    statistics,
)
from ..messages import Sentence as _
from ..model import Model
from ..notices import Notice
from .protocol import Map

if TYPE_CHECKING:
    from ..engine.segmenter import Segmenter


@contextmanager
def torch_needed() -> Iterator[None]:
    """Wrap imports of the engine, which imports torch: that takes seconds, and torch may be missing."""
    try:
        yield
    except ImportError as error:
        raise TorchMissing(
            _(
                "PyTorch cannot be imported ({error}): click Install PyTorch… in the panel, then try again.",
                error=error,
            )
        ) from error


@dataclass(frozen=True, eq=False, kw_only=True)
class Task:
    """Input of a run.

    Args:
        volume: (K, J, I), or frames of a cine (T, K, J, I), any real type.
        geometry: grid in world coordinates, of one frame.
        parameters: settings of the run.
        times: times of a cine's frames in ms, if known.
        map: map to compute instead of labels, for a single volume.
        surfaces: whether to compute closed surfaces in addition to labels, for a single volume.
        name: name of the volume in messages.
    """

    volume: np.ndarray
    geometry: Geometry
    parameters: Parameters = field(default_factory=Parameters)
    times: Sequence[float] | None = None
    map: Map | None = None
    surfaces: bool = False
    name: str = _("The volume")


@dataclass(frozen=True, eq=False)
class Made:
    """Result of a run.

    Args:
        array: labels, uint8, or the requested map, with the shape of the volume.
        surfaces: by label value; empty unless requested.
        story: report of the run as JSON values, see ``done`` in `protocol`.
    """

    array: np.ndarray
    surfaces: Mapping[int, Surface]
    story: dict[str, Any]


def work(
    segmenter: "Segmenter", task: Task, progress: Callable[[int, int], Any], cancelled: Callable[[], bool]
) -> Made:
    """Run a task; the other arguments are those of `Segmenter.segment`.

    Raises:
        DINSegmentError: as `Segmenter.segment`, `segment_cine` and `attribution_map`.
    """
    parameters = replace(task.parameters, confidence=task.map is Map.CONFIDENCE, margins=task.surfaces)
    arguments = task.volume, task.geometry, parameters, progress, cancelled, task.name
    device = segmenter.device
    about = {"device": device.name, "precision": device.precision, "notices": [], "timings": {}}
    if task.map is Map.ATTRIBUTION:
        from ..engine.attribution import attribution_map  # imports torch, like the next one

        return Made(attribution_map(segmenter, *arguments), {}, about)
    if task.volume.ndim == 4:
        from ..engine.cine import segment_cine

        cine = segment_cine(segmenter, *arguments)
        review = frames_to_review(cine.confidences, cine.model.labels)
        function = function_of(cine.labels, task.geometry, cine.model, task.times)
        flagged = flags_of_cine(
            cine.labels, task.volume, phases_of(function), task.geometry, cine.model, cine.confidences, cine.removed
        )
        return Made(cine.labels, {}, {**about, **_told(cine, review, flagged), "function": function})
    result = segmenter.segment(*arguments)
    if result.confidence_map is not None:
        return Made(result.confidence_map, {}, about)
    rows = statistics(result.labels, task.volume, task.geometry, result.model.labels, result.confidence.axis)
    flagged = flags(
        result.labels, rows, task.geometry, result.model, result.confidence.structures, result.removed,
        float(task.volume.min()),
    )  # fmt: skip
    review = slices_to_review(result.confidence, result.model.labels)
    made = surfaces_of(result, task.geometry, progress, cancelled)
    told = _told(result, review, flagged)
    return Made(result.labels, made, {**about, **told, "statistics": [asdict(one) for one in rows]})


def _told(outcome: Outcome, review: Sequence[Notice], flagged: Sequence[Notice] = ()) -> dict[str, Any]:
    return {
        "notices": [one.to_json() for one in (*outcome.notices, *flagged)],
        "timings": outcome.timings,
        "parameters": asdict(outcome.parameters),
        "review": [one.to_json() for one in review],
    }


def surfaces_of(
    result: Result, geometry: Geometry, progress: Callable[[int, int], Any], cancelled: Callable[[], bool]
) -> dict[int, Surface]:
    """Surfaces of all structures by label value; empty if the run kept no margins.

    Raises:
        Cancelled: ``cancelled`` returned True.
    """
    slices = len(result.confidence.scores)
    made: dict[int, Surface] = {}
    if result.margins is None:
        return made
    for label in result.model.labels:
        if cancelled():
            raise Cancelled(_("Canceled while surfaces were built: nothing was changed."))
        progress(slices, slices)  # keep sending progress, or the worker would count as stuck
        made[label.value] = surface(result.margins, result.labels, geometry, label)
    return made


def function_of(
    labels: np.ndarray, geometry: Geometry, model: Model, times: Sequence[float] | None
) -> dict[str, Any] | None:
    """Cardiac function of a cine as in `CardiacFunction.as_dict`, with translatable notices.

    Args:
        labels: (T, K, J, I) uint8.
        geometry, model: grid and model of the labels.
        times: times of the frames in ms, or None.

    Returns:
        None for a model without a left ventricle.
    """
    try:
        found = cardiac_function(labels, geometry, model, times)
    except ModelError:
        return None
    return {**found.as_dict(), "notices": [one.to_json() for one in found.notices]}


def phases_of(function: Mapping[str, Any] | None) -> tuple[int | None, int | None]:
    """Return the frames of end-diastole and end-systole in what `function_of` returns."""
    return (function["ed_frame"], function["es_frame"]) if function else (None, None)


def heard(story: Mapping[str, Any], surfaces: Mapping[int, Surface]) -> dict[str, Any]:
    """Convert a story to objects: ``notices`` to `Notice`, ``function`` to `CardiacFunction`; add ``surfaces``."""
    found = {**story, "notices": [Notice.from_json(one) for one in story["notices"]], "surfaces": surfaces}
    if function := story.get("function"):
        found["function"] = CardiacFunction.from_dict(function)
    return found
