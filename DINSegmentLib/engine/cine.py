"""All frames of a cine in one run: frames and slices share batches, one progress, one way to stop."""

import time
from collections.abc import Callable, Sequence

import numpy as np

from ..checks.volume import check_array
from ..errors import GeometryError, InputError
from ..geometry import Geometry
from ..messages import Sentence as _
from .parameters import Parameters
from .results import CineResult
from .segmenter import Progress, Run, Segmenter


def segment_cine(
    segmenter: Segmenter,
    frames: Sequence[np.ndarray] | np.ndarray,
    geometry: Geometry,
    parameters: Parameters | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    name: str = "The cine",
) -> CineResult:
    """Segment every frame.

    Each frame has intensity constants of its own, so that its labels are those that
    `Segmenter.segment` gives for it alone (on the CPU bit for bit; on a GPU a batch of another size may round
    otherwise).

    Args:
        segmenter: stays warm.
        frames: T volumes (K, J, I) of any real type in the order of time; or one array (T, K, J, I). Only read.
        geometry: the grid of all of them.
        parameters: as for one volume, without ``confidence``, whose map is not kept.
        progress: called with (slices done, slices in all), counted over all frames.
        cancelled: asked between batches.
        name: what error messages call the cine.

    Raises:
        InputError, GeometryError: no frames, frames that differ in shape, a frame that cannot be used, or a confidence
            map asked for.
        Cancelled: ``cancelled`` said so.
        OutOfMemory: even one slice does not fit into memory.

    Beside the input, memory holds the labels of all frames and a batch.
    """
    started = time.perf_counter()
    parameters = (parameters or Parameters()).resolved(segmenter.model)
    volumes = list(frames)
    _check(volumes, geometry, parameters, name)
    run = Run(segmenter, volumes, geometry, parameters)
    found = run.segment(progress, cancelled)
    run.timings["total"] = time.perf_counter() - started
    return CineResult(
        model=segmenter.model,
        parameters=parameters,
        device=segmenter.device,
        timings=run.timings,
        notices=(*run.notices, *found.notices()),
        labels=found.labels,
        confidences=tuple(found.confidence(frame) for frame in range(len(volumes))),
        removed=tuple(found.removed),
        margins=tuple(found.margins),
    )


def _check(frames: Sequence[np.ndarray], geometry: Geometry, parameters: Parameters, name: str) -> None:
    if len(frames) == 0:
        raise InputError(_("{name} has no frames: provide one volume per time point.", name=name))
    if parameters.confidence:
        raise InputError(_("A confidence map needs a single frame: select one with --frame."))
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
