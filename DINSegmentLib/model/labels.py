"""The structures that a model labels, with their SNOMED CT codes."""

from dataclasses import dataclass

# SNOMED CT codes of the cardiac structures, which identify them whatever names a model uses
LEFT_VENTRICLE, RIGHT_VENTRICLE, MYOCARDIUM = "87878005", "53085002", "74281007"
INFARCT = "55641003"  # of the myocardium; with a modifier, a part of the infarct such as no-reflow

TERMINOLOGY_CONTEXT = "Segmentation category and type - DINSegment"
"""Name of the bundled terminology of structures, see `scene.terminology`."""


@dataclass(frozen=True)
class Code:
    """A DICOM code: coding scheme such as SCT for SNOMED CT, value, and meaning."""

    scheme: str
    value: str
    meaning: str


ANATOMY = Code("SCT", "123037004", "Anatomical Structure")


@dataclass(frozen=True)
class Label:
    """One structure.

    Args:
        value: value of its voxels.
        name: name shown to the user.
        color: (r, g, b) in 0..255.
        kind: type of the structure.
        modifier: part or side; None for the whole structure.
        category: category of ``kind``.
        plausible_ml: smallest and largest plausible volume in ml, disease included; None if unknown.
    """

    value: int
    name: str
    color: tuple[int, int, int]
    kind: Code
    modifier: Code | None = None
    category: Code = ANATOMY
    plausible_ml: tuple[float, float] | None = None
