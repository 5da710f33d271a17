"""DICOMDIR, the index of the files on a medium (PS3.3, annex F)."""

import warnings
from pathlib import Path

import pydicom
from pydicom.filereader import read_file_meta_info
from pydicom.uid import MediaStorageDirectoryStorage

from ...errors import InputError


def is_directory(path: Path) -> bool:
    """Whether a DICOM file is a DICOMDIR."""
    try:
        return read_file_meta_info(path).get("MediaStorageSOPClassUID") == MediaStorageDirectoryStorage
    except Exception:  # pydicom raises many exception types for damaged bytes
        return False


def listed_files(path: Path) -> tuple[list[Path], int]:
    """Return the existing files that a DICOMDIR lists, and how many are missing.

    Raises:
        InputError: the DICOMDIR is damaged, or lists a file outside its folder.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            records = pydicom.dcmread(path).get("DirectoryRecordSequence") or ()
            names = [record.get("ReferencedFileID") for record in records]
    except Exception as error:
        raise InputError(f"{path.name} is a damaged DICOMDIR: name the folder instead.") from error
    base = path.parent.resolve()
    found, missing = [], 0
    for name in filter(None, names):
        parts = [name] if isinstance(name, str) else list(name)
        file = _existing(path.parent, [str(part) for part in parts])
        if file is None:
            missing += 1
        elif not file.resolve().is_relative_to(base):
            raise InputError(f"{path.name} lists a file outside of its folder: name the folder instead.")
        else:
            found.append(file)
    return found, missing


def _existing(folder: Path, parts: list[str]) -> Path | None:
    """Find a file below a folder by its listed name or, as on copied media, that name in lower case."""
    for lower in (False, True):
        file = folder.joinpath(*(part.lower() if lower else part for part in parts))
        if file.is_file():
            return file
    return None
