"""All frames of a cine in one run: frames and slices share batches, one progress, one way to stop."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ..checks.volume import check_array
from ..errors import GeometryError, InputError
from ..geometry import Geometry
from ..measure import Confidence
from ..messages import Sentence as _
from ..model import Model
from .basal_slices import warnings
from .class_margins import Margins
from .parameters import Parameters, Resolved, Result
from .segmenter import Progress, Run, Segmenter

MOST_TEMPORAL = 1 / 3  # then a frame counts no more than either neighbour


@dataclass(frozen=True, eq=False)
class CineResult:
    """Outcome of a run over all frames.

    Args:
        labels: uint8 (T, K, J, I), every frame on the grid of the input.
        temporal: weight of either neighbour frame, 0: none.
        model, parameters, timings, device, device_reason, precision, events: as in `Result`, of the whole run.
        confidences, removed: of every frame, as in `Result`; with ``temporal`` the probabilities are the mixed ones,
            without the model's temperature.
        warnings: as in `Result`, of all frames; `frame` leaves them out.
        margins: of every frame, as in `Result`; empty unless asked for.
    """

    labels: np.ndarray
    temporal: float
    model: Model
    parameters: Resolved
    timings: dict[str, float]
    device: str
    device_reason: str
    precision: str
    events: tuple[str, ...] = ()
    confidences: tuple[Confidence, ...] = ()
    removed: tuple[Mapping[int, int], ...] = ()
    warnings: tuple[str, ...] = ()
    margins: tuple[Margins, ...] = ()

    def frame(self, index: int) -> Result:
        """One frame's labels as a result of their own; the timings are those of the whole run."""
        return Result(
            self.labels[index], None, self.model, self.parameters, self.timings, self.device, self.device_reason,
            self.precision, self.events, self.confidences[index], None, self.removed[index],
            margins=self.margins[index] if self.margins else None,
        )  # fmt: skip


def segment_cine(
    segmenter: Segmenter,
    frames: Sequence[np.ndarray] | np.ndarray,
    geometry: Geometry,
    parameters: Parameters | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    name: str = "The cine",
    temporal: float = 0.0,
) -> CineResult:
    """Segment every frame.

    Each frame has intensity constants of its own, so that without ``temporal`` its labels are those that
    `Segmenter.segment` gives for it alone (on the CPU bit for bit; on a GPU a batch of another size may round
    otherwise).

    Args:
        segmenter: stays warm.
        frames: T volumes (K, J, I) of any real type in the order of time; or one array (T, K, J, I). Only read.
        geometry: the grid of all of them.
        parameters: as for one volume, without probabilities, which are not kept.
        progress: called with (slices done, slices in all), counted over all frames.
        cancelled: asked between batches.
        name: what error messages call the cine.
        temporal: consistency in time, off by default: every class probability becomes ``(1 - 2 w) p(t) + w p(t - 1) +
            w p(t + 1)`` before the largest wins, the last frame being followed by the first. w in [0, 1/3].

    Raises:
        InputError, GeometryError: no frames, frames that differ in shape, a frame that cannot be used, probabilities
            asked for, or ``temporal`` out of range.
        Cancelled: ``cancelled`` said so.
        OutOfMemory: even one slice does not fit into memory.

    Beside the input, memory holds the labels of all frames, a batch, and with ``temporal`` one slice's probabilities at
    all times.
    """
    started = time.perf_counter()
    parameters = (parameters or Parameters()).resolved(segmenter.model)
    volumes = list(frames)
    _check(volumes, geometry, parameters, temporal, name)
    if temporal:
        run: Run = _Smoothed(segmenter, volumes, geometry, parameters, temporal)
    else:
        run = Run(segmenter, volumes, geometry, parameters)
    run.over_all_slices(progress or (lambda done, total: None), cancelled or (lambda: False))
    labels = run.cleaned_labels()
    run.timings["total"] = time.perf_counter() - started
    device = segmenter.device
    return CineResult(
        labels, temporal, segmenter.model, parameters, run.timings, device.name, device.reason, device.precision,
        tuple(run.events), tuple(run.confidence(frame) for frame in range(len(volumes))), tuple(run.removed),
        warnings(run.emptied), tuple(run.margins),
    )  # fmt: skip


class _Smoothed(Run):
    """Slice by slice through all times, so that only one slice's probabilities wait for their neighbours in time."""

    def __init__(
        self,
        segmenter: Segmenter,
        frames: Sequence[np.ndarray],
        geometry: Geometry,
        parameters: Resolved,
        weight: float,
    ) -> None:
        super().__init__(segmenter, frames, geometry, parameters)
        self.places.sort(key=lambda place: place[::-1])
        self._weight = weight
        self._waiting: dict[int, dict[int, Tensor]] = {}  # by slice and frame: a batch may come twice

    def logits(self, native: Tensor) -> Tensor:
        return native.log()  # they are probabilities

    def calibrated(self, native: Tensor, highest: Tensor) -> tuple[Tensor, Tensor]:
        return highest, native.sum(dim=(1, 2))

    def take(self, place: tuple[int, int], scores: Tensor) -> None:
        frame, index = place
        times = self._waiting.setdefault(index, {})
        times[frame] = scores.softmax(dim=1)
        if len(times) < len(self.frames):
            return
        del self._waiting[index]
        for now in range(len(times)):
            before, after = times[(now - 1) % len(times)], times[(now + 1) % len(times)]
            mixed = (1 - 2 * self._weight) * times[now] + self._weight * (before + after)
            super().take((now, index), mixed)


def _check(
    frames: Sequence[np.ndarray], geometry: Geometry, parameters: Parameters, temporal: float, name: str
) -> None:
    if len(frames) == 0:
        raise InputError(_("{name} has no frames: give a volume for each time.", name=name))
    if parameters.probabilities or parameters.confidence:
        raise InputError(_("Probabilities of a cine are not kept: ask for those of a single frame."))
    if not 0 <= temporal <= MOST_TEMPORAL:
        raise InputError(
            _("A temporal weight of {temporal:g} is not possible: give 0 (off) to 0.33.", temporal=temporal)
        )
    for number, frame in enumerate(frames, start=1):
        if frame.shape != frames[0].shape:
            raise GeometryError(
                _(
                    "{name} has frames of different size ({first} voxels in frame 1, {other} in frame {number}): give "
                    "frames of one grid.",
                    name=name,
                    first=frames[0].shape,
                    other=frame.shape,
                    number=number,
                )
            )
        check_array(frame, geometry, f"Frame {number} of {name}")
