"""Names of cases: unique, reproducible for the same inputs, and valid as file names on all systems."""

import hashlib
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from .candidates import Candidate, Found, Refused, shown

_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f\u2028\u2029]')  # control characters and Windows' own
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_ENDING = re.compile(r"_(confidence|curve|function|why|attribution)$")  # endings added by outputs to their case's name
LONGEST_NAME = 255 - 16  # bytes of a file name, minus the longest ending of an output
LONGEST_PATH = 259 if os.name == "nt" else 4095  # limit of the system's calls
_BESIDE = 40  # bytes added by the folder for unfinished outputs and an output's ending


def name_cases(candidates: Sequence[Candidate], output: Path | None) -> list[Found | Refused]:
    """Name all candidates, in order.

    Cases with the same name, ignoring case, get as a prefix the folders below their common root; if that is not enough,
    as suffixes what distinguishes them within their folder, then a hash of path, series, frame and model.

    Args:
        output: output folder; the paths of outputs must not be too long either.
    """
    root = _common([candidate.root for candidate in candidates])
    levels = [0] * len(candidates)
    names = [_name(candidate, 0, root) for candidate in candidates]
    while True:
        keys = [unicodedata.normalize("NFC", name).casefold() for name in names]
        taken = Counter(keys)
        clashing = [
            index for index, key in enumerate(keys)
            if levels[index] < 3 and (taken[key] > 1 or _is_an_output(key, taken))
        ]  # fmt: skip
        if not clashing:
            break
        for index in clashing:
            levels[index] += 1
            names[index] = _name(candidates[index], levels[index], root)
    return [_named(one.found, name, output) for one, name in zip(candidates, _numbered(names), strict=True)]


def _is_an_output(key: str, taken: Mapping[str, int]) -> bool:
    """Whether this name collides with an output of another case of the run."""
    return bool(_ENDING.search(key)) and _ENDING.sub("", key) in taken


def _numbered(names: Sequence[str]) -> list[str]:
    """Make names unique by numbering the repeated ones."""
    seen: set[str] = set()
    result = []
    for name in names:
        given, number = name, 1
        while (key := unicodedata.normalize("NFC", given).casefold()) in seen:
            number += 1
            given = f"{name}_{number}"
        seen.add(key)
        result.append(given)
    return result


def safe(name: str) -> str:
    """Replace characters that a file system may reject; spaces inside and letters of all languages are kept."""
    name = _FORBIDDEN.sub("_", unicodedata.normalize("NFC", name)).strip(" ").rstrip(". ")
    return f"_{name}" if not name or name.startswith(".") or _RESERVED.fullmatch(name) else name


def check_path(path: Path) -> str | None:
    """Return why the system cannot open a path of this length, or None."""
    length = len(os.fsencode(os.path.abspath(path)))
    if length <= LONGEST_PATH:
        return None
    return f"{shown(path)} has a path of {length} characters, but at most {LONGEST_PATH} are possible: move it."


def _name(candidate: Candidate, level: int, root: Path | None) -> str:
    found, place = candidate.found, candidate.place or candidate.found.path
    parts = [found.case]
    if level >= 1:
        parts = [*_folders(place, root), *parts]
    if level >= 2:
        parts += candidate.details
    if level >= 3:
        whole = repr((os.path.realpath(place), found.series, found.frame, found.model, *_first_file(found)))
        parts.append(hashlib.sha256(whole.encode(errors="surrogateescape")).hexdigest()[:8])
    return safe("_".join(parts))


def _first_file(found: Found) -> tuple[str, ...]:
    """Name of the first file, which distinguishes series in one folder that have no names."""
    return (found.files[0].name,) if found.files and not found.series else ()


def _folders(place: Path, root: Path | None) -> tuple[str, ...]:
    parent = Path(os.path.abspath(place)).parent
    if root is not None and parent.is_relative_to(root):
        return parent.relative_to(root).parts
    if root is not None and root.is_relative_to(parent):  # the root itself is the DICOM folder
        return ()
    return parent.parts[1:]


def _common(roots: Sequence[Path]) -> Path | None:
    try:
        return Path(os.path.commonpath([os.path.abspath(root) for root in roots])) if roots else None
    except ValueError:  # on Windows: different drives
        return None


def _named(found: Found, name: str, output: Path | None) -> Found | Refused:
    if len(name.encode(errors="surrogateescape")) > LONGEST_NAME:
        return Refused(found.path, f"{shown(found.path)} has a name too long for the names of its results: shorten it.")
    if output is not None:
        longest = len(os.fsencode(os.path.abspath(output / name))) + _BESIDE
        if longest > LONGEST_PATH:
            reason = f"The results of {shown(found.path)} would have paths of {longest} characters"
            return Refused(found.path, f"{reason}, but at most {LONGEST_PATH} are possible: choose a shorter output.")
    return replace(found, case=name)
