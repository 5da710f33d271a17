"""What a run makes of a volume or a cine, and what it reports: in the worker, and for Python in Slicer."""

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
from ..measure import CardiacFunction, cardiac_function, flags, frames_to_review, slices_to_review, statistics
from ..messages import Sentence as _
from ..model import Model
from ..notices import Notice
from .protocol import Map

if TYPE_CHECKING:
    from ..engine.segmenter import Segmenter


class WarmModel:
    """Keeps the network of the last run in memory, for the next one with the same model."""

    def __init__(self) -> None:
        self._kept: tuple[Any, Segmenter] | None = None  # what it was made of, and the segmenter

    def segmenter(
        self, model: Model, device: str, threads: int = 0, loading: Callable[[bool], Any] = lambda warm: None
    ) -> "Segmenter":
        """The one that is kept, where model, weights, device and threads are still the same; else a new one.

        Args:
            model: whose network.
            device: as in `engine.device.choose`.
            threads: of the CPU; 0 leaves it to torch.
            loading: called with whether the one that is kept serves, before a new one is loaded.

        Raises:
            TorchMissing: PyTorch cannot be imported.
            ModelError, DeviceError: as `Segmenter`.
        """
        with torch_needed():
            import torch

            from ..engine.segmenter import Segmenter
        wanted = (str(model.folder), model.sha256, device, threads)
        warm = self._kept is not None and self._kept[0] == wanted
        loading(warm)
        if self._kept is None or not warm:
            self._kept = None  # two models may not fit into memory
            if threads:
                torch.set_num_threads(threads)
            self._kept = wanted, Segmenter(model, device)
        return self._kept[1]

    def release(self) -> None:
        """Give its memory back."""
        self._kept = None


@contextmanager
def torch_needed() -> Iterator[None]:
    """Around imports of the engine, which imports torch: that takes seconds, and it may not be there."""
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
    """What is asked for.

    Args:
        volume: (K, J, I), or a cine's frames (T, K, J, I), any real type.
        geometry: its grid in the world, of one frame.
        parameters: settings of the run.
        times: of a cine's frames in ms, where they are known.
        map: what to compute in place of labels, of a single volume.
        surfaces: whether to compute closed surfaces beside the labels, of a single volume.
        name: what messages call the volume.
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
    """What a run has made.

    Args:
        array: labels, uint8, or the map that was asked for, of the shape of the volume.
        surfaces: by label value; empty unless they were asked for.
        story: what the run reports, in values that JSON knows: see ``done`` in `protocol`.
    """

    array: np.ndarray
    surfaces: Mapping[int, Surface]
    story: dict[str, Any]


def work(
    segmenter: "Segmenter", task: Task, progress: Callable[[int, int], Any], cancelled: Callable[[], bool]
) -> Made:
    """Do a task; the other arguments are those of `Segmenter.segment`.

    Raises:
        DINSegmentError: as `Segmenter.segment`, `segment_cine` and `attribution_map`.
    """
    parameters = replace(task.parameters, confidence=task.map is Map.CONFIDENCE, margins=task.surfaces)
    arguments = task.volume, task.geometry, parameters, progress, cancelled, task.name
    device = segmenter.device
    about = {"device": device.name, "precision": device.precision, "notices": [], "timings": {}}
    if task.map is Map.ATTRIBUTION:
        from ..engine.attribution import attribution_map  # it imports torch, as the next one does

        return Made(attribution_map(segmenter, *arguments), {}, about)
    if task.volume.ndim == 4:
        from ..engine.cine import segment_cine

        cine = segment_cine(segmenter, *arguments)
        review = frames_to_review(cine.confidences, cine.model.labels)
        function = function_of(cine.labels, task.geometry, cine.model, task.times)
        return Made(cine.labels, {}, {**about, **_told(cine, review), "function": function})
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
    """The surfaces of all structures, by label value; none where the run kept no margins.

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
        progress(slices, slices)  # else the worker would count as stuck
        made[label.value] = surface(result.margins, result.labels, geometry, label)
    return made


def function_of(
    labels: np.ndarray, geometry: Geometry, model: Model, times: Sequence[float] | None
) -> dict[str, Any] | None:
    """The heart's function of a cine, as `CardiacFunction.as_dict`, and notices that can be translated.

    Args:
        labels: (T, K, J, I) uint8.
        geometry, model: of the labels.
        times: of the frames in ms, or None.

    Returns:
        None for a model without a left ventricle.
    """
    try:
        found = cardiac_function(labels, geometry, model, times)
    except ModelError:
        return None
    return {**found.as_dict(), "notices": [one.to_json() for one in found.notices]}


def heard(story: Mapping[str, Any], surfaces: Mapping[int, Surface]) -> dict[str, Any]:
    """A story as objects: ``notices`` are `Notice`, ``function`` is a `CardiacFunction`, ``surfaces`` is added."""
    found = {**story, "notices": [Notice.from_json(one) for one in story["notices"]], "surfaces": surfaces}
    if function := story.get("function"):
        found["function"] = CardiacFunction.from_dict(function)
    return found
