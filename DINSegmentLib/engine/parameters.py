"""What a run is asked for, and what it gives back."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..errors import InputError
from ..measure import Confidence
from ..messages import Sentence as _
from ..model import Model
from ..model.enhancement import check
from .class_margins import Margins


@dataclass(frozen=True)
class Parameters:
    """Settings of a run; None stands for the model's default.

    Args:
        enhancement: ``log``, ``gamma``, ``clahe`` or ``none``.
        strength: of the enhancement, in [0, 2].
        mirroring: average the scores of every slice with those of its mirror image; twice the work.
        batch_size: slices a step; by default as many as suit the device.
        probabilities: also return the probability of every class.
        confidence: also return a map of how sure the network is of each voxel.
        margins: also return what `surfaces` are drawn from, which takes far less memory than all probabilities.
    """

    enhancement: str | None = None
    strength: float | None = None
    mirroring: bool | None = None
    batch_size: int | None = None
    probabilities: bool = False
    confidence: bool = False
    margins: bool = False

    def resolved(self, model: Model) -> "Resolved":
        """The same with the model's defaults filled in.

        Raises:
            InputError: unknown enhancement, strength outside [0, 2], batch size below 1.
        """
        method = model.enhancement.method if self.enhancement is None else self.enhancement
        strength = model.enhancement.strength if self.strength is None else float(self.strength)
        check(method, strength)
        if self.batch_size is not None and self.batch_size < 1:
            raise InputError(_("A batch of {count} slices is not possible: give 1 or more.", count=self.batch_size))
        mirroring = model.mirroring if self.mirroring is None else self.mirroring
        return Resolved(method, strength, mirroring, self.batch_size, self.probabilities, self.confidence, self.margins)


@dataclass(frozen=True)
class Resolved(Parameters):
    """Parameters with the model's defaults filled in; a batch size of None stands for the device's."""

    enhancement: str = field()
    strength: float = field()
    mirroring: bool = field()


@dataclass(frozen=True, eq=False)
class Result:
    """Outcome of one run.

    Args:
        labels: uint8 (K, J, I) on the grid of the input; 0 background, else the label values of the model's manifest.
        probabilities: float16 (classes, K, J, I), background first, without temperature; None unless asked for.
        model: the model that ran.
        parameters: the settings used, defaults filled in.
        timings: seconds by step; ``total``, and ``forward`` for the network alone.
        device: torch name of the device that did the work, ``cpu``, ``cuda:0``, ``mps``.
        device_reason: why that device, one sentence.
        precision: number format of the network, ``float32``, ``bfloat16`` or ``float16``.
        events: sentences about what had to be changed on the way, such as a smaller batch.
        confidence: how sure the network was of each structure and slice, before the clean-up.
        confidence_map: uint8 (K, J, I), probability of the network's label of each voxel in percent, after the model's
            temperature and before the clean-up, background included; None unless asked for.
        removed: by label value, how many voxels in other parts the clean-up took away; empty where the model has none.
        warnings: sentences about slices that the clean-up emptied, whose voxels are not in ``removed``.
        margins: see `margins.Margins`; None unless asked for.
    """

    labels: np.ndarray
    probabilities: np.ndarray | None
    model: Model
    parameters: Resolved
    timings: dict[str, float]
    device: str
    device_reason: str
    precision: str
    events: tuple[str, ...] = ()
    confidence: Confidence = field(default_factory=Confidence.unknown)
    confidence_map: np.ndarray | None = None
    removed: Mapping[int, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    margins: Margins | None = None
