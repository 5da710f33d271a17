"""What a search for inputs gives: cases to be segmented, and what is refused with its reason."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from ..console import printable
from ..io.image import AS_STORED, Reading
from ..notices import Notice


@dataclass(frozen=True)
class Found:
    """A case that can be tried.

    Args:
        path: volume file, enhanced DICOM file, or the folder of a DICOM series.
        case: unique among all cases of the search, fit for a file name on every system.
        size: bytes on the disk, voxels beside a header included.
        series: UID, number or description of the DICOM series in the folder; None for a volume file.
        frame: which frame, from 1; None: the only one.
        model: ID or folder of a model for this case only; None for the run's model.
        extra: the user's own columns of a table, to be carried to the results.
        files: the DICOM files of the series, so that the folder need not be searched again; empty for a volume file.
        notices: what a user should know of how the case was found.
        reading: what to do about its slices.
        why: what it was found to be, where the model was chosen by it, see `study`; with ``model`` None, why no model
            was chosen.
    """

    path: Path
    case: str
    size: int
    series: str | None = None
    frame: int | None = None
    model: str | None = None
    extra: dict[str, str] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    notices: tuple[Notice, ...] = ()
    reading: Reading = AS_STORED
    why: str = ""


@dataclass(frozen=True)
class Refused:
    """A file or folder that looks like an input and will not be segmented.

    Args:
        path: of the file or folder, or of the table whose line is meant.
        reason: a sentence for people.
        expected: it is not a fault of the data: a localizer, a report, a single image, or something found before.
    """

    path: Path
    reason: str
    expected: bool = False


@dataclass(frozen=True)
class Candidate:
    """A case that has no unique name yet.

    Args:
        found: the case; its ``case`` is the name that it gets when no other needs it.
        root: the folder from which the user sees it.
        details: what distinguishes it within its folder, such as its kind of file or its series.
    """

    found: Found
    root: Path
    details: tuple[str, ...] = ()


def shown(path: Path | str) -> str:
    """A path as messages show it: on one line, whatever letters are in it."""
    return printable(os.fsencode(path).decode(errors="replace"))


def is_utf8(path: Path | str) -> bool:
    """Whether a name can be written in UTF-8: the image libraries would end the whole program on another."""
    return os.fsencode(path).decode(errors="replace") == str(path)
