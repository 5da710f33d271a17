"""Patient identity from DICOM headers, tolerant of different spellings."""

import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from .files import Slice
from .header import Attributes

Identity = tuple[str, ...]
"""Equal for images of one patient; empty if the headers do not identify the patient."""


def plain(text: object) -> str:
    """Normalize differences between entries of the same text: case, carets, blanks, encoding of accents."""
    letters = unicodedata.normalize("NFKC", str(text or "")).casefold()
    return " ".join("".join(" " if letter in "^=,\0" else letter for letter in letters).split())


def identities(slices: Sequence[Slice]) -> list[Identity]:
    """Return each image's identity: patient ID with its issuer, or without an ID, name and date of birth.

    In one series and folder, images without an identity get that of the only patient there; an empty
    identity differs from those of other folders.
    """
    found = [_identity(item.header) for item in slices]
    series = [(str(item.header.get("SeriesInstanceUID") or ""), item.path.parent) for item in slices]
    there: dict[tuple, set[Identity]] = defaultdict(set)
    for place, one in zip(series, found, strict=True):
        if any(one):
            there[place].add(one)
    result = []
    for place, one in zip(series, found, strict=True):
        known = there.get(place, set())
        if not any(one):
            one = next(iter(known)) if len(known) == 1 else ("folder", str(place[1]))
        result.append(one)
    return result


def spellings(slices: Sequence[Slice]) -> list[str]:
    """Return the distinct spellings of the name among images of one patient."""
    names = {plain(name): str(name) for item in slices if (name := item.header.get("PatientName"))}
    return sorted(names.values())


def shown(identity: Identity) -> str:
    """Format an identity for a message, such as ``patient 4711`` or ``folder A``."""
    if identity[0] == "folder":
        return f"folder {Path(identity[1]).name}"
    return " ".join(("patient", *filter(None, identity[1:])))


def _identity(header: Attributes) -> Identity:
    if number := plain(header.get("PatientID")):
        return "ID", number, plain(header.get("IssuerOfPatientID"))
    name, born = plain(header.get("PatientName")), plain(header.get("PatientBirthDate"))
    return ("name", name, born) if name else ()
