"""One kind of notice, wherever it comes from: the volume, the run, the labels, the function of the heart.

Panel, terminal, record, tables and report show the same notices. Text may be translated, see `messages`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .messages import from_json, to_json

KINDS = (
    # how the files of a volume were read, and whose they are, see `io`
    "input", "identity",
    # the volume is unlike those that the model was trained with, see `checks.fit`
    "modality", "range", "slices", "thickness", "pixel", "view", "enhancement",
    # labels were edited after the run, see `batch.revision`
    "edited",
    # the run was changed on the way, or the clean-up removed labels, see `engine`
    "device", "base",
    # a structure, see `measure.flags`
    "missing", "volume", "parts", "border", "confidence", "contrast",
    # cardiac function, see `measure.function`, its wall, see `measure.regional`, and a person, see `io.person`
    "function", "wall", "person",
    # a slice with low confidence, see `measure.slices_to_review`
    "review",
)  # fmt: skip


class Severity(StrEnum):
    """How much a notice matters."""

    NOTE = "note"  # good to know
    WARNING = "warning"  # look at it
    PROBLEM = "problem"  # the result may not be usable


_PROBLEMS, _NOTES = {"modality", "contrast", "missing", "volume"}, {"device", "person"}


@dataclass(frozen=True)
class Notice:
    """One thing that a person should know or check.

    Args:
        kind: one of `KINDS`.
        text: one or two sentences for people.
        structure: its name; None: the whole case.
        slice: index from 0 along ``axis`` of the stored volume; None: no single slice.
        axis: array axis across the slices, 0, 1 or 2 for K, J or I.
        frame: of a cine, counted from 0; None: no single frame.
        expected_errors: voxels of the slice that are expected to have a wrong label.
    """

    kind: str
    text: str
    structure: str | None = None
    slice: int | None = None
    axis: int | None = None
    frame: int | None = None
    expected_errors: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind of notice: {self.kind}")

    def __str__(self) -> str:
        return self.text

    @property
    def severity(self) -> Severity:
        """By its kind."""
        if self.kind in _PROBLEMS:
            return Severity.PROBLEM
        return Severity.NOTE if self.kind in _NOTES else Severity.WARNING

    def as_dict(self) -> dict[str, Any]:
        """For a record: plain English, every field, numbers rounded to what a person reads."""
        errors = None if self.expected_errors is None else round(self.expected_errors, 1)
        return {**vars(self), "text": str(self.text), "expected_errors": errors}

    def to_json(self) -> dict[str, Any]:
        """For another process, with a text that can still be translated."""
        return {**vars(self), "text": to_json(self.text)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Notice":
        """The way back from `to_json`, and from `as_dict`."""
        return cls(**{**values, "text": from_json(values["text"])})
