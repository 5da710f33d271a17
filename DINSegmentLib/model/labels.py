"""The structures that a model labels, and their codes in SNOMED CT."""

from dataclasses import dataclass

# what a structure of the heart is, by its code in SNOMED CT, whatever a model calls it
LEFT_VENTRICLE, RIGHT_VENTRICLE, MYOCARDIUM = "87878005", "53085002", "74281007"
INFARCT = "55641003"  # of the myocardium; with a modifier a part of it, such as no-reflow

TERMINOLOGY_CONTEXT = "Segmentation category and type - DINSegment"
"""Name of the bundled list of structures, see `scene.terminology`."""


@dataclass(frozen=True)
class Code:
    """A concept as DICOM names it: coding scheme, such as SCT for SNOMED CT, value in it, and meaning for people."""

    scheme: str
    value: str
    meaning: str


ANATOMY = Code("SCT", "123037004", "Anatomical Structure")


@dataclass(frozen=True)
class Label:
    """One structure.

    Args:
        value: of its voxels.
        name: for people.
        color: (r, g, b) in 0..255.
        kind: what it is.
        modifier: which part or side; None: the whole, or there is only one.
        category: of ``kind``.
        plausible_ml: least and most milliliters that a person's may have, disease included; None: not known.
    """

    value: int
    name: str
    color: tuple[int, int, int]
    kind: Code
    modifier: Code | None = None
    category: Code = ANATOMY
    plausible_ml: tuple[float, float] | None = None
