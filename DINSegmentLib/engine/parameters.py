"""What a run is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import InputError
from ..messages import Sentence as _
from ..model import Model
from ..model.enhancement import Enhancement, EnhancementChoice


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Settings of a run; None means the model's default.

    Args:
        enhancement: how the second image is made.
        mirroring: average the scores of every slice with those of its mirror image; twice the work.
        batch_size: slices a step; by default as many as suit the device.
        confidence: also return a map of the network's confidence in each voxel.
        margins: also return what `surfaces` are drawn from, which takes far less memory than all probabilities.
    """

    enhancement: EnhancementChoice = EnhancementChoice()
    mirroring: bool | None = None
    batch_size: int | None = None
    confidence: bool = False
    margins: bool = False

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Parameters":
        """Read settings from a message or record, which hold them as `asdict` does.

        Raises:
            InputError, TypeError, ValueError, AttributeError: they are not such settings.
        """
        return cls(**{**values, "enhancement": EnhancementChoice(**values.get("enhancement", {}))})

    def resolved(self, model: Model) -> "Resolved":
        """The same with the model's defaults filled in.

        Raises:
            InputError: batch size below 1.
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
    """Parameters with the model's defaults filled in; a batch size of None means the device's."""

    enhancement: Enhancement = field()
    mirroring: bool = field()
