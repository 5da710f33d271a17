"""Settings of a run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import InputError
from ..messages import Sentence as _
from ..model import Model
from ..model.enhancement import Enhancement, EnhancementChoice


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Settings of a run; None selects the model's default.

    Args:
        enhancement: how the second image is made.
        mirroring: average scores over each slice and its mirror image, which doubles the work.
        batch_size: slices per batch; by default chosen for the device.
        confidence: also return a map of the network's confidence in each voxel.
        margins: also return the margins that surfaces are drawn from, which take much less memory than probabilities.
    """

    enhancement: EnhancementChoice = EnhancementChoice()
    mirroring: bool | None = None
    batch_size: int | None = None
    confidence: bool = False
    margins: bool = False

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Parameters":
        """Read settings from a message or record in the form of `asdict`.

        Raises:
            InputError, TypeError, ValueError, AttributeError: the values are not valid settings.
        """
        return cls(**{**values, "enhancement": EnhancementChoice(**values.get("enhancement", {}))})

    def resolved(self, model: Model) -> "Resolved":
        """Return a copy with the model's defaults filled in.

        Raises:
            InputError: the batch size is below 1.
        """
        if self.batch_size is not None and self.batch_size < 1:
            raise InputError(_("A batch of {count} slices is not possible: use 1 or more.", count=self.batch_size))
        mirroring = model.mirroring if self.mirroring is None else self.mirroring
        return Resolved(
            enhancement=self.enhancement.resolved(model.enhancement.default), mirroring=mirroring,
            batch_size=self.batch_size, confidence=self.confidence, margins=self.margins,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Resolved(Parameters):
    """Parameters with the model's defaults filled in; batch size None still means the device's default."""

    enhancement: Enhancement = field()
    mirroring: bool = field()
