"""What a run gives back: of one volume, and of all frames of a cine. No torch here."""

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
    """A device that works here.

    Args:
        name: torch name, ``cpu``, ``cuda:0``, ``mps``.
        reason: why this one, a sentence for the user.
        precision: number format of the network there, ``float32``, ``bfloat16`` or ``float16``.
    """

    name: str
    reason: str
    precision: str


@dataclass(frozen=True, eq=False, kw_only=True)
class Outcome:
    """What a run reports.

    Args:
        model: the model that ran.
        parameters: the settings used, defaults filled in.
        device: the one that did the work.
        timings: seconds by step; ``total``, and ``forward`` for the network alone.
        notices: what had to be changed on the way, such as a smaller batch (``device``), and slices whose labels the
            clean-up removed (``base``).
    """

    model: Model
    parameters: Resolved
    device: Device
    timings: dict[str, float] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, eq=False, kw_only=True)
class Result(Outcome):
    """Outcome for one volume.

    Args:
        labels: uint8 (K, J, I) on the grid of the input; 0 background, else the label values of the model's manifest.
        confidence: the network's confidence in each structure and slice, before the clean-up.
        confidence_map: uint8 (K, J, I), probability of the network's label of each voxel in percent, after the model's
            temperature and before the clean-up, background included; None unless asked for.
        removed: by label value, how many voxels in other parts the clean-up took away, without those of the slices that
            ``notices`` name; empty where the model has no clean-up.
        margins: see `class_margins.Margins`; None unless asked for.
    """

    labels: np.ndarray
    confidence: Confidence = field(default_factory=Confidence.unknown)
    confidence_map: np.ndarray | None = None
    removed: Mapping[int, int] = field(default_factory=dict)
    margins: Margins | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class CineResult(Outcome):
    """Outcome for all frames of a cine.

    Args:
        labels: uint8 (T, K, J, I), every frame on the grid of the input.
        confidences, removed: of every frame, as in `Result`.
        margins: of every frame, as in `Result`; empty unless asked for.
    """

    labels: np.ndarray
    confidences: tuple[Confidence, ...] = ()
    removed: tuple[Mapping[int, int], ...] = ()
    margins: tuple[Margins, ...] = ()

    def frame(self, index: int) -> Result:
        """One frame as a result of its own; timings are those of the whole run, and so are its device's notices."""
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
