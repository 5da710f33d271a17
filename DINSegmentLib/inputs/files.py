"""Files as inputs: whether one can be a case, by its name, size and permissions."""

import os
import re
import stat
from contextlib import suppress
from pathlib import Path

from .. import bounded
from ..errors import DINSegmentError
from ..io.formats import SUFFIXES
from ..io.image import DICOM_SUFFIXES, case_name, has_dicom_mark, image_suffix
from .candidates import Candidate, Found, Refused, is_utf8, shown
from .dicom_series import dicom_file
from .names import check_path

_UNFINISHED = (".part", ".partial", ".filepart", ".crdownload", ".download", ".tmp")
_OTHER_VOLUMES = (".hdr", ".mgh", ".mgz", ".mnc", ".nii.bz2", ".nii.xz", ".nii.zst")
_SEGMENTATION = ".seg.nrrd"
_LABELS = re.compile(r"(?:^|[._ -])(gt|seg|segmentation|labels?|labelmap|mask|truth|annotation)\d*$", re.IGNORECASE)
_FRAME = re.compile(r"_f\d+$")  # at the end of a name: one frame of a cine


def volume_file(path: Path, root: Path, frame: int | None) -> Candidate | Refused:
    """Return a file that the user named, or that has a volume's suffix, as a candidate."""
    if why := fault(path) or unusable(path):
        return Refused(path, why)
    suffix = image_suffix(path)
    name = shown(path)
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        return Refused(path, f"{name} is not a regular file: use a volume file.")
    if not os.access(path, os.R_OK):
        return Refused(path, cannot_open(path))
    if status.st_size == 0:
        return Refused(path, f"{name} is an empty file: copy or export it again.")
    if path.name.lower().endswith(_SEGMENTATION):
        return Refused(path, f"{name} is a segmentation: use the image that it belongs to.")
    if not suffix:
        return dicom_file(path, root, frame) if has_dicom_mark(path) else Refused(path, _no_volume(path))
    details = (suffix[1:].replace(".", "-"), *([f"frame{frame}"] if frame else []))
    size = status.st_size + _size_beside(path, suffix)
    return Candidate(Found(path, case_name(path), size, frame=frame), root, details)


def fault(path: Path) -> str | None:
    """Return why a path cannot be used at all, or None."""
    if not is_utf8(path):
        return f"{shown(path)} has a name that is not UTF-8: rename it."
    if too_long := check_path(path):
        return too_long
    try:
        path.stat()
    except PermissionError:
        return cannot_open(path)
    except (OSError, ValueError) as error:
        if path.is_symlink():
            return f"{shown(path)} is a broken link: correct or remove it."
        why = (
            "does not exist" if isinstance(error, FileNotFoundError | NotADirectoryError) else f"is unusable ({error})"
        )
        return f"{shown(path)} {why}: check the path."
    return None


def unusable(path: Path) -> str | None:
    """Return why a file cannot be used, by its name alone, or None."""
    name = path.name.lower()
    if name.endswith(_UNFINISHED) and (image_suffix(path.stem) or Path(path.stem).suffix in DICOM_SUFFIXES):
        return f"{shown(path)} is an incomplete copy: copy it again."
    if name.endswith(_OTHER_VOLUMES):
        return f"{shown(path)} has a volume format that is not supported: convert it to one of {', '.join(SUFFIXES)}."
    return None


def is_ours(path: Path, names: set[str]) -> bool:
    """Whether a file is a result of DINSegment; ``names``: all files in its folder."""
    if path.name.lower().endswith(_SEGMENTATION):
        return True
    stem = case_name(path) if image_suffix(path) else path.stem
    of_cine = f"{_FRAME.sub('', stem)}.json"
    return any(_tells_of(path.parent / name, path.name) for name in (f"{stem}.json", of_cine) if name in names)


def _tells_of(record: Path, name: str) -> bool:
    """Whether a file is the record of a run that wrote a file of this name."""
    with suppress(OSError, ValueError, AttributeError, TypeError, KeyError):
        written = bounded.read_json(record)
        return "weights_sha256" in written["model"] and name in written["outputs"]
    return False


def label_map_of(path: Path, names: set[str]) -> str | None:
    """Return the image whose label map a file is by its name; empty if the image is missing, None if no label map."""
    stem = case_name(path)
    found = _LABELS.search(stem)
    if found is None:
        return None
    image = stem[: found.start()]
    return next((name for name in sorted(names) if image and image_suffix(name) and case_name(name) == image), "")


def cannot_open(path: Path) -> str:
    return f"{shown(path)} cannot be opened (permission denied): change its permissions."


def _no_volume(path: Path) -> str:
    return f"{shown(path)} is not a volume file ({', '.join(SUFFIXES)}): convert it, or use a DICOM folder."


def _size_beside(path: Path, suffix: str) -> int:
    """Size in bytes of a header's data file; 0 if the header does not name it, which reading reports."""
    if suffix not in (".nhdr", ".mhd"):
        return 0
    from ..io import metaimage, nrrd

    with suppress(OSError, DINSegmentError, ValueError):
        payload = (nrrd if suffix == ".nhdr" else metaimage).read_header(path).payload
        return sum(part.stat().st_size for part in payload.files(path) if part != path)
    return 0
