"""Segmentation of all frames of a cine in one run, with shared batches, one progress and one way to cancel."""

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
    """Segment all frames.

    Each frame is normalized by its own constants, so its labels equal those of `Segmenter.segment` for the frame alone
    (bit for bit on the CPU; on a GPU, another batch size may round differently).

    Args:
        segmenter: kept loaded.
        frames: T volumes (K, J, I) of any real type in temporal order, or one array (T, K, J, I); not modified.
        geometry: grid of all frames.
        parameters: as for a volume; ``confidence`` is not supported.
        progress: called with (slices done, total slices) over all frames.
        cancelled: called between batches; True stops the run.
        name: name of the cine in error messages.

    Raises:
        InputError, GeometryError: there are no frames, their shapes differ, a frame cannot be used, or a confidence
            map was requested.
        ModelError: the network produced NaN or infinite values.
        Cancelled: ``cancelled`` returned True.
        OutOfMemory: even one slice does not fit into memory.

    In addition to the input, memory holds the labels of all frames and one batch.
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
                    "{name} has frames of different size ({first} voxels in frame 1, {other} in frame {number}): "
                    "resample all frames to one grid.",
                    name=name,
                    first=frames[0].shape,
                    other=frame.shape,
                    number=number,
                )
            )
        check_array(frame, geometry, f"Frame {number} of {name}")
