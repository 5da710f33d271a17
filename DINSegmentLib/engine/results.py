"""Results of a run on a volume or on all frames of a cine; does not need torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..measure import Confidence
from ..model import Model
from ..notices import Notice
from .class_margins import Margins
from .parameters import Resolved


@dataclass(frozen=True)
class Device:
    """A device that works on this machine.

    Args:
        name: torch's name, such as ``cpu``, ``cuda:0`` or ``mps``.
        reason: why it was chosen, a sentence for the user.
        precision: the network's number format: ``float32``, ``bfloat16`` or ``float16``.
    """

    name: str
    reason: str
    precision: str


@dataclass(frozen=True, eq=False, kw_only=True)
class Outcome:
    """What a run reports about itself.

    Args:
        model: the model that ran.
        parameters: the settings used, with defaults filled in.
        device: the device that did the work.
        timings: seconds by step; ``total``, and ``forward`` for the network alone.
        notices: changes during the run, such as a smaller batch (``device``), and slices whose labels the
            clean-up removed (``base``).
    """

    model: Model
    parameters: Resolved
    device: Device
    timings: dict[str, float] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, eq=False, kw_only=True)
class Result(Outcome):
    """Result for one volume.

    Args:
        labels: uint8 (K, J, I) on the grid of the input; 0 is background, other values are in the model's manifest.
        confidence: the network's confidence in each structure and slice, before the clean-up.
        confidence_map: uint8 (K, J, I), probability of each voxel's label in percent, after the model's
            temperature and before the clean-up, including background; None unless requested.
        removed: by label value, how many voxels the clean-up removed in disconnected parts, excluding the slices that
            ``notices`` name; empty if the model has no clean-up.
        margins: see `class_margins.Margins`; None unless requested.
    """

    labels: np.ndarray
    confidence: Confidence = field(default_factory=Confidence.unknown)
    confidence_map: np.ndarray | None = None
    removed: Mapping[int, int] = field(default_factory=dict)
    margins: Margins | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class CineResult(Outcome):
    """Result for all frames of a cine.

    Args:
        labels: uint8 (T, K, J, I), each frame on the grid of the input.
        confidences, removed: for each frame, as in `Result`.
        margins: for each frame, as in `Result`; empty unless requested.
    """

    labels: np.ndarray
    confidences: tuple[Confidence, ...] = ()
    removed: tuple[Mapping[int, int], ...] = ()
    margins: tuple[Margins, ...] = ()

    def frame(self, index: int) -> Result:
        """Return one frame as a `Result`; timings and device notices are those of the whole run."""
        return Result(
            model=self.model,
            parameters=self.parameters,
            device=self.device,
            timings=self.timings,
            notices=tuple(one for one in self.notices if one.kind == "device"),
            labels=self.labels[index],
            confidence=self.confidences[index],
            removed=self.removed[index],
            margins=self.margins[index] if self.margins else None,
        )
