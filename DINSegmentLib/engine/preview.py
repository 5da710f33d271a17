"""The enhanced volume for the panel, computed in steps of a few milliseconds; numpy only."""

import time
from collections.abc import Iterator

import numpy as np

from ..checks.volume import check_array
from ..geometry import Geometry
from ..messages import Sentence as _
from ..model import Axes, Intensity
from ..model.enhancement import Enhancement
from ..model.orientation import orientation
from .preprocessing import Normalization, Preprocessor, normalization_steps


class Preview:
    """Computes the enhanced volume of `preprocess_volume`, bit for bit, in steps short enough for a GUI thread.

    Args:
        volume: (K, J, I), any real type; not modified, and must not change meanwhile.
        geometry: grid of the volume.
        axes, intensity: as in the model's manifest.
        out: array (K, J, I) float32 for the result; by default a new array of zeros.

    Attributes:
        enhanced: (K, J, I) float32, in the stored order of the input; voxels not yet computed keep their old values.

    Raises:
        InputError, GeometryError: the volume cannot be used.
        ValueError: ``out`` has the wrong shape or type.
    """

    def __init__(
        self, volume: np.ndarray, geometry: Geometry, axes: Axes, intensity: Intensity, out: np.ndarray | None = None
    ) -> None:
        check_array(volume, geometry, _("The volume"))
        if out is not None and (out.shape != volume.shape or out.dtype != np.float32):
            raise ValueError(f"out is {out.dtype} {out.shape}, not float32 {volume.shape}")
        self.enhanced = np.zeros(volume.shape, np.float32) if out is None else out
        self._volume = volume
        self._orient = orientation(geometry, axes)
        self._constants = normalization_steps(volume, intensity)
        self._normalize: Normalization | None = None
        self._work: Iterator[None] = iter(())
        self._axis, self._done = 0, np.zeros(len(volume), bool)
        self._first: tuple[int, int] | None = None

    def choose(self, enhancement: Enhancement, first: tuple[int, int] | None = None) -> None:
        """Restart with another enhancement; the constants of the whole volume are kept.

        Args:
            enhancement: how the enhanced image is made.
            first: the visible slice, computed first: an axis of the stored array and an index. Methods that are
                not pointwise work on the model's slices, so a slice along another axis is complete only at the end.
        """
        self._axis = 0 if enhancement.pointwise else self._orient.order[0]
        self._done = np.zeros(self._volume.shape[self._axis], bool)
        self._first = None
        self._work = self._pieces(enhancement, first)

    def step(self, seconds: float) -> bool:
        """Work for this many seconds, or for one piece if that takes longer; return True while work is left."""
        now = time.perf_counter()
        deadline = now + seconds
        for _piece in self._work:
            before, now = now, time.perf_counter()
            if now + (now - before) > deadline:  # another piece like this one would end too late
                return True
        return False

    def now(self, axis: int, index: int) -> bool:
        """Whether a slice, given as in `choose`, is complete now."""
        if (axis, index) == self._first:
            return True
        return bool(self._done[index] if axis == self._axis else self._done.all())

    def _pieces(self, enhancement: Enhancement, first: tuple[int, int] | None) -> Iterator[None]:
        while self._normalize is None:  # no "yield from": the constants are kept when `choose` restarts
            try:
                next(self._constants)
            except StopIteration as finished:
                self._normalize = finished.value
            else:
                yield
        preprocess = Preprocessor(self._normalize, enhancement)
        axis, index = first or (self._axis, 0)
        if axis != self._axis:
            if enhancement.pointwise:
                self._make(preprocess, axis, index)
                self._first = first
                yield
            index = 0
        for near in sorted(range(len(self._done)), key=lambda one: abs(one - index)):
            self._make(preprocess, self._axis, near)
            self._done[near] = True
            yield

    def _make(self, preprocess: Preprocessor, axis: int, index: int) -> None:
        """Compute one slice."""
        part = _part(axis, index)
        if preprocess.enhancement.pointwise:  # pointwise methods give the same values in any slicing direction
            self.enhanced[part] = preprocess(self._volume[part])[1]
        else:
            made = preprocess(self._orient.to_model(self._volume[part]))[1]
            self._orient.to_model(self.enhanced[part])[...] = made


def _part(axis: int, index: int) -> tuple[slice, ...]:
    """Index of one slice of the stored array that keeps three dimensions."""
    return (*(slice(None),) * axis, slice(index, index + 1))
