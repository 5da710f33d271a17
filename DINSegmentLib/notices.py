"""Notices for the user about the volume, the run, the labels or cardiac function, all of one type.

Panel, terminal, record, tables and report show the same notices. Texts can be translated, see `messages`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .messages import from_json, to_json

KINDS = (
    # how the files were read, and which patient they belong to, see `io`
    "input", "identity",
    # the volume differs from the training data, see `checks.fit`
    "modality", "range", "slices", "thickness", "pixel", "view", "enhancement",
    # labels were edited after the run, see `batch.revision`
    "edited",
    # a setting was changed during the run, or the clean-up removed labels, see `engine`
    "device", "base",
    # one structure, see `measure.flags`
    "missing", "volume", "parts", "border", "confidence", "contrast",
    # cardiac function, see `measure.function`; wall, see `measure.regional`; patient data, see `io.person`
    "function", "wall", "person",
    # a slice with low confidence, see `measure.slices_to_review`
    "review",
)  # fmt: skip


class Severity(StrEnum):
    """How much a notice matters."""

    NOTE = "note"  # information only
    WARNING = "warning"  # the result should be checked
    PROBLEM = "problem"  # the result may be unusable


# kinds that depend on the labels
_OF_LABELS = {"missing", "volume", "parts", "border", "confidence", "contrast", "function", "wall", "review", "edited"}
_PROBLEMS, _NOTES = {"modality", "contrast", "missing", "volume"}, {"device", "person"}


@dataclass(frozen=True)
class Notice:
    """One finding that the user should know or check.

    Args:
        kind: one of `KINDS`.
        text: one or two sentences for the user.
        structure: name of the structure; None for the whole case.
        slice: index from 0 along ``axis`` of the stored volume; None if not about one slice.
        axis: array axis across the slices, 0, 1 or 2 for K, J or I.
        frame: frame of a cine, counted from 0; None if not about one frame.
        expected_errors: expected number of mislabeled voxels in the slice.
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
        """Severity, determined by the kind."""
        if self.kind in _PROBLEMS:
            return Severity.PROBLEM
        return Severity.NOTE if self.kind in _NOTES else Severity.WARNING

    def as_dict(self) -> dict[str, Any]:
        """Convert for a record: plain English, all fields, numbers rounded for reading."""
        errors = None if self.expected_errors is None else round(self.expected_errors, 1)
        return {**vars(self), "text": str(self.text), "expected_errors": errors}

    def to_json(self) -> dict[str, Any]:
        """Convert for another process, keeping the text translatable."""
        return {**vars(self), "text": to_json(self.text)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Notice":
        """Restore a notice from `to_json` or `as_dict`."""
        return cls(**{**values, "text": from_json(values["text"])})


def still_valid(stored: Iterable[Mapping[str, Any]]) -> list[Notice]:
    """Return those of a run's stored notices that its labels do not decide, so that they still hold after an edit."""
    return [Notice.from_json(one) for one in stored if one["kind"] not in _OF_LABELS]
