"""Results of a search for inputs: cases to be segmented, and rejected inputs with reasons."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from ..console import printable
from ..io.image import AS_STORED, Reading
from ..notices import Notice


@dataclass(frozen=True)
class Found:
    """A case to be segmented.

    Args:
        path: volume file, enhanced DICOM file, or the folder of a DICOM series.
        case: name, unique in the search and valid as a file name on all systems.
        size: size on disk in bytes, including voxels in other files than the header.
        series: UID, number or description of the DICOM series in the folder; None for a volume file.
        frame: frame counted from 1; None for the only one.
        model: ID or folder of a model for this case only; None for the run's model.
        extra: user columns of a table, copied to the results.
        files: DICOM files of the series, so that the folder need not be searched again; empty for a volume file.
        origin: path in messages and results, if not ``path``: for a case of an archive, see `archives.place_of_input`.
        notices: about how the case was found.
        reading: how to read its slices.
        why: what the image was identified as, if the model was chosen automatically, see `study`; or, if ``model`` is
            None, why no model was chosen.
    """

    path: Path
    case: str
    size: int
    series: str | None = None
    frame: int | None = None
    model: str | None = None
    extra: dict[str, str] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    origin: Path | None = None
    notices: tuple[Notice, ...] = ()
    reading: Reading = AS_STORED
    why: str = ""


@dataclass(frozen=True)
class Refused:
    """A file or folder that looks like an input but will not be segmented.

    Args:
        path: path of the file or folder, or of the table that lists it.
        reason: a sentence for the user.
        expected: whether this is not a fault of the data: a localizer, a report, a single image, or a duplicate.
    """

    path: Path
    reason: str
    expected: bool = False


@dataclass(frozen=True)
class Candidate:
    """A case without a unique name yet.

    Args:
        found: the case; ``case`` is its preferred name.
        root: folder that the user named, or of the named file; see `names.name_cases`.
        details: what distinguishes it within its folder, such as file type or series.
        place: path that its name is made from, if not that of the case: for a case of an archive, where it would be
            if the archive had been unpacked next to itself, because the temporary folder differs in each run.
    """

    found: Found
    root: Path
    details: tuple[str, ...] = ()
    place: Path | None = None


def shown(path: Path | str) -> str:
    """Format a path for messages: on one line, with special characters escaped."""
    return printable(os.fsencode(path).decode(errors="replace"))


def is_utf8(path: Path | str) -> bool:
    """Whether a path can be encoded in UTF-8; the image libraries would abort the program on others."""
    return os.fsencode(path).decode(errors="replace") == str(path)
