"""Whose images they are: patients distinguished by what DICOM headers say, spelled one way or another."""

import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from .files import Slice
from .header import Attributes

Identity = tuple[str, ...]
"""Equal for images of one patient; empty where the headers say nothing of whom."""


def plain(text: object) -> str:
    """A text without what differs between two entries of the same: case, carets, blanks, ways to write an accent."""
    letters = unicodedata.normalize("NFKC", str(text or "")).casefold()
    return " ".join("".join(" " if letter in "^=,\0" else letter for letter in letters).split())


def identities(slices: Sequence[Slice]) -> list[Identity]:
    """Of every image: the ID with its issuer; without an ID, the name and the date of birth.

    Images of one series and one folder, some of which have no identity, are those of the only patient there; an empty
    identity is like none of another folder.
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
    """The different names, as they are written, among images of one patient."""
    names = {plain(name): str(name) for item in slices if (name := item.header.get("PatientName"))}
    return sorted(names.values())


def shown(identity: Identity) -> str:
    """An identity for a message, such as ``patient 4711`` or ``folder A``."""
    if identity[0] == "folder":
        return f"folder {Path(identity[1]).name}"
    return " ".join(("patient", *filter(None, identity[1:])))


def _identity(header: Attributes) -> Identity:
    if number := plain(header.get("PatientID")):
        return "ID", number, plain(header.get("IssuerOfPatientID"))
    name, born = plain(header.get("PatientName")), plain(header.get("PatientBirthDate"))
    return ("name", name, born) if name else ()
