"""Type of image in a DICOM header: magnitude or phase, time in the cycle, and types not meant for segmentation."""

import math
import re
from collections.abc import Hashable

from .files import Slice
from .header import Attributes

_GE_BLOCK, _GE_COMPONENTS = "GEMS_PARM_01", ("", "phase", "real", "imaginary")
_COMPONENTS = {
    "M": "", "MAGNITUDE": "", "M_PCA": "", "M_FFE": "",  # before PCA: Philips labels both parts of flow images with it
    "P": "phase", "PHASE": "phase", "PHASE MAP": "phase", "PHASE_MAP": "phase", "VELOCITY": "phase", "V": "phase",
    "VELOCITY MAP": "phase", "VELOCITY_MAP": "phase", "PCA": "phase", "R": "real", "REAL": "real",
    "I": "imaginary", "IMAGINARY": "imaginary",
}  # fmt: skip
LEFT_OUT = {
    "localizer": "a localizer, used to plan other series",
    "phase": "a phase image, which shows velocities and no anatomy",
    "real": "the real part of a complex image",
    "imaginary": "the imaginary part of a complex image",
    "screen capture": "a secondary capture without a position in the patient",
}
"""Types of images that are not meant for segmentation, and their names in messages."""

TIMES = ("TriggerTime", "TemporalPositionIdentifier")
"""Attributes with an image's time in a cine, the more exact one first."""

_PLANNING = re.compile(r"\b(locali[sz]ers?|scouts?|topograms?|surviews?|survey|scanogram)\b", re.IGNORECASE)
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def kind(item: Slice) -> str:
    """Return the key of `LEFT_OUT` for an image not meant for segmentation; empty for others."""
    header = item.header
    types = [word.upper() for word in _words(header, "ImageType")]
    if "LOCALIZER" in types or _PLANNING.search(str(header.get("SeriesDescription") or "").replace("_", " ")):
        return "localizer"
    if header.get("Modality") == "MR":
        words = [str(header.get("ComplexImageComponent") or "").upper(), *types[2:]]
        if found := next((_COMPONENTS[word] for word in words if word in _COMPONENTS), "") or _by_ge(header):
            return found
    if str(header.get("SOPClassUID") or "").startswith(_SECONDARY_CAPTURE):
        placed = header.get("ImagePositionPatient") and header.get("ImageOrientationPatient")
        if not placed or int(header.get("SamplesPerPixel") or 1) > 1:
            return "screen capture"
    return ""


def _by_ge(header: Attributes) -> str:
    stored = header.get("GEComponent")
    if stored is None or str(header.get("GEBlock") or "").strip() != _GE_BLOCK:
        return ""
    part = int.from_bytes(stored[:2], "little") if isinstance(stored, bytes) else stored
    return dict(enumerate(_GE_COMPONENTS)).get(part, "")


def moment(item: Slice) -> Hashable:
    """Return what identifies an image's time in a cine; equal for all images if nothing does."""
    times = (number(item.header, tag) for tag in TIMES)
    return tuple(None if time is None else round(time, 3) for time in times)


def value(header: Attributes, tag: str) -> Hashable:
    """Normalize a value for comparison: numbers as numbers, text without case, None if empty."""
    words = _words(header, tag)
    if not any(words):
        return None
    numbers = [_number(word) for word in words]
    found = [word.upper() if one is None else one for word, one in zip(words, numbers, strict=True)]
    return found[0] if len(found) == 1 else "\\".join(map(str, found))


def number(header: Attributes, tag: str) -> float | None:
    """Return a single finite number, or None."""
    words = _words(header, tag)
    return _number(words[0]) if len(words) == 1 else None


def _words(header: Attributes, tag: str) -> list[str]:
    stored = header.get(tag)
    if stored is None:
        return []
    many = not isinstance(stored, str | bytes) and hasattr(stored, "__iter__")
    return [str(one).strip() for one in (stored if many else [stored])]


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None
