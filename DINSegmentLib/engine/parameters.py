"""What a run is asked for."""

from dataclasses import dataclass, field

from ..errors import InputError
from ..messages import Sentence as _
from ..model import Model
from ..model.enhancement import check


@dataclass(frozen=True)
class Parameters:
    """Settings of a run; None stands for the model's default.

    Args:
        enhancement: ``log``, ``gamma``, ``clahe`` or ``none``.
        strength: of the enhancement, in [0, 2].
        mirroring: average the scores of every slice with those of its mirror image; twice the work.
        batch_size: slices a step; by default as many as suit the device.
        confidence: also return a map of how sure the network is of each voxel.
        margins: also return what `surfaces` are drawn from, which takes far less memory than all probabilities.
    """

    enhancement: str | None = None
    strength: float | None = None
    mirroring: bool | None = None
    batch_size: int | None = None
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
        return Resolved(method, strength, mirroring, self.batch_size, self.confidence, self.margins)


@dataclass(frozen=True)
class Resolved(Parameters):
    """Parameters with the model's defaults filled in; a batch size of None stands for the device's."""

    enhancement: str = field()
    strength: float = field()
    mirroring: bool = field()
