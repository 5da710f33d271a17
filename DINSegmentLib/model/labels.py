"""The structures that a model labels, and their codes in SNOMED CT."""

from dataclasses import dataclass

# what a structure of the heart is, by its code in SNOMED CT, whatever a model calls it
LEFT_VENTRICLE, RIGHT_VENTRICLE, MYOCARDIUM = "87878005", "53085002", "74281007"
INFARCT = "55641003"  # of the myocardium; with a modifier a part of it, such as no-reflow

TERMINOLOGY_CONTEXT = "Segmentation category and type - DINSegment"
_ANATOMY = ("SCT", "123037004", "Anatomical Structure")
_ANATOMIC_CONTEXT = "Anatomic codes - DICOM master list"


@dataclass(frozen=True)
class Label:
    """One structure: label value, name, colour (r, g, b) in 0..255, Slicer's serialised terminology entry.

    ``plausible_ml``: least and most millilitres that a person's may have, disease included; None: not known.
    """

    value: int
    name: str
    color: tuple[int, int, int]
    terminology: str
    plausible_ml: tuple[float, float] | None = None


def terminology_entry(
    kind: tuple[str, str, str],
    modifier: tuple[str, str, str] = ("", "", ""),
    context: str = TERMINOLOGY_CONTEXT,
    category: tuple[str, str, str] = _ANATOMY,
) -> str:
    """Slicer's serialised terminology entry for a structure; codes are given as (scheme, code, meaning)."""
    category_, type_, modifier_ = ("^".join(code) for code in (category, kind, modifier))
    return f"{context}~{category_}~{type_}~{modifier_}~{_ANATOMIC_CONTEXT}~^^~^^"
