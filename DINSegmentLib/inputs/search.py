"""Search for cases in files, folders, tables and DICOM trees named by the user; reads no voxels.

In a folder, these are skipped silently, because they are clearly not inputs:

- hidden files and folders (their names begin with a dot), and the output folder;
- results of DINSegment: ``*.seg.nrrd``, and files that a record ``NAME.json`` in their folder lists as its outputs;
- DICOMDIR files, and files with neither a volume's suffix nor the DICOM mark: texts, tables, pictures, archives,
  and data files of a ``.nhdr`` or ``.mhd``.

All other files that cannot be cases are rejected with a reason. A file named by the user is never skipped.
"""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from .. import bounded
from ..io.image import AS_STORED, DICOM_SUFFIXES, Reading, begins_like_dicom, has_dicom_mark, image_suffix
from ..isolation import attempt
from ..notices import Notice
from . import archives, study
from . import table as input_table
from .candidates import Candidate, Found, Refused, shown
from .dicom_series import find_series, only_series
from .files import cannot_open, fault, is_ours, label_map_of, unusable, volume_file
from .names import name_cases

if TYPE_CHECKING:
    from ..io.dicom.files import Scan


@dataclass(frozen=True)
class _Search:
    """Settings of a search, the same for all inputs; ``output`` is the real path of the output folder, or empty."""

    pattern: str | None
    recursive: bool
    output: str
    series: str | None
    frame: int | None
    auto: bool
    keep: bool
    unpack: ExitStack | None


class _DicomFiles:
    """The DICOM files of a folder tree; each is opened once.

    Attributes:
        scan: result of reading their headers; None if there are none.
        broken: files that should be DICOM, and why they are not, in a sentence.
    """

    def __init__(self) -> None:
        self.scan: Scan | None = None
        self.broken: dict[Path, str] = {}

    def look(self, path: Path) -> None:
        """Add a regular file by its first bytes and its header."""
        try:
            with bounded.open_file(path) as file:
                start = file.read(132)
                if begins_like_dicom(start):
                    self._take(path, file)
                else:
                    what = "not a DICOM file, although its name says so" if start else "an empty file"
                    self.broken[path] = f"{shown(path)} is {what}: copy or export it again."
        except OSError:
            self.broken[path] = fault(path) or cannot_open(path)
        except bounded.Unusable:  # a pipe or device, which a search ignores
            pass

    def _take(self, path: Path, file: BinaryIO) -> None:
        if self.scan is None:
            from ..io.dicom.files import Scan  # pydicom takes 0.25 s to import

            self.scan = Scan()
        file.seek(0)
        self.scan.look(path, file)

    def keep_likely(self) -> None:
        """Drop broken files, except those with a DICOM suffix or a name like that of neighboring slices."""
        slices = {_numberless(path) for path in self.scan.sizes} if self.scan and self.broken else set()
        self.broken = {
            path: why
            for path, why in self.broken.items()
            if path.suffix.lower() in DICOM_SUFFIXES or _numberless(path) in slices
        }


def find(
    inputs: Sequence[Path], pattern: str | None = None, recursive: bool = True, output: Path | None = None,
    series: str | None = None, frame: int | None = None, reading: Reading = AS_STORED,
    auto: bool = False, unpack: ExitStack | None = None, keep: bool = False,
) -> list[Found | Refused]:  # fmt: skip
    """Find the cases of several inputs in order: files of a folder by name, then its DICOM series.

    Args:
        inputs: volume files, folders with volume files and DICOM series, archives of them, DICOMDIR files,
            tables (see `table.read_table`).
        pattern: files to use in folders, such as ``*.nii.gz`` or ``*/anat/*``; matched with the name or the path
            below the folder, also for DICOM files.
        recursive: whether to search subfolders.
        output: output folder, which is never searched.
        series: number, description or UID: use only such DICOM series; lines of a table may name others.
        frame: frame of each case; lines of a table may name others.
        reading: settings for each case.
        auto: choose a model for each case, and omit cases without a certain choice, see `study`.
        unpack: keeps unpacked archives until it is closed; None to reject archives.
        keep: with ``auto``, keep those too, as cases without a model whose ``why`` has the reason.
    """
    search = _Search(pattern, recursive, os.path.realpath(output) if output else "", series, frame, auto, keep, unpack)
    items: list[Candidate | Refused] = []
    for path in map(Path, inputs):
        found = attempt(partial(_input, path, search), shown(path))
        items += [Refused(path, found.fault.text)] if found.fault else found.value or []
    items = _once([_for_a_model(item, keep) if auto else item for item in items])
    names = iter(name_cases([item for item in items if isinstance(item, Candidate)], output))
    cases = [next(names) if isinstance(item, Candidate) else item for item in items]
    return [replace(item, reading=reading) if isinstance(item, Found) else item for item in cases]


def _input(path: Path, search: _Search) -> list[Candidate | Refused]:
    if why := fault(path):
        return [Refused(path, why)]
    if path.is_dir():
        return _folder(path, search) or [Refused(path, _nothing(path, search.pattern))]
    if archives.is_archive(path) and path.is_file():
        if search.unpack is None:
            return [Refused(path, f"{shown(path)} is an archive: unpack it, and use the folder.")]
        folder = search.unpack.enter_context(archives.unpacked(path))
        return [_as_of_archive(item, folder, path) for item in _input(folder, search)]
    if _is_directory(path):
        return _listed(path, search)
    if path.name.lower().endswith(input_table.SUFFIXES):
        return [_line(row, search) if isinstance(row, input_table.Row) else row for row in input_table.read_table(path)]
    if search.series is not None:
        reason = f"{shown(path)} is a file, and --series selects from a DICOM folder: omit --series."
        return [Refused(path, reason)]
    found = volume_file(path, path.parent, search.frame)
    named = isinstance(found, Candidate) and image_suffix(path) and label_map_of(path, set()) is not None
    return [_named_like_labels(found) if named and isinstance(found, Candidate) else found]


def _as_of_archive(item: Candidate | Refused, folder: Path, archive: Path) -> Candidate | Refused:
    """Replace the folder of an unpacked archive, which is another in each run, by the archive."""
    if isinstance(item, Candidate):
        root, inside = archive.parent / folder.name, item.found.path.relative_to(folder)
        return replace(item, found=replace(item.found, origin=archive / inside), root=root, place=root / inside)
    return replace(item, reason=item.reason.replace(shown(folder), shown(archive)))


def _is_directory(path: Path) -> bool:
    if image_suffix(path) or not path.is_file() or not has_dicom_mark(path):
        return False
    from ..io.dicom.directory import is_directory  # pydicom takes 0.25 s to import

    return is_directory(path)


def _listed(path: Path, search: _Search) -> list[Candidate | Refused]:
    """Find the series of the files that a DICOMDIR lists."""
    from ..io.dicom.directory import listed_files

    files, missing = listed_files(path)
    dicom = _DicomFiles()
    for file in files:
        dicom.look(file)
    items = find_series(dicom.scan, dicom.broken, path.parent, search.series, search.frame, search.auto, search.keep)
    if missing:
        reason = f"{shown(path)} lists {missing} files that do not exist: copy the whole medium, or use the folder."
        return [Refused(path, reason)]
    return items or [Refused(path, f"{shown(path)} lists no images: use the folder.")]


def _for_a_model(item: Candidate | Refused, keep: bool) -> Candidate | Refused:
    """Add the model that suits a volume file."""
    if isinstance(item, Refused) or item.found.model is not None or item.found.files:
        return item
    path = item.found.path
    told = attempt(partial(study.file_verdict, path, item.found.frame), shown(path))
    if told.value is None:
        return Refused(path, told.fault.text if told.fault else "")
    if told.value.model is None and not keep:
        reason = f"{shown(path)} is left out ({told.value.why}): choose a model with --model to segment it."
        return Refused(path, reason, expected=True)
    return replace(item, found=replace(item.found, model=told.value.model, why=told.value.why))


def _line(row: input_table.Row, search: _Search) -> Candidate | Refused:
    found = attempt(partial(_row, row, search), f"{row.where}: {shown(row.path)}")
    return found.value or Refused(row.path, found.fault.text if found.fault else "")


def _row(row: input_table.Row, search: _Search) -> Candidate | Refused:
    path, series, frame = row.path, row.series or search.series, row.frame or search.frame
    if why := fault(path):
        return Refused(path, f"{row.where}: {why}")
    if path.is_dir():
        found = only_series(_folder(path, replace(search, pattern=None, series=series, frame=frame), True), path)
    elif row.series is not None:
        return Refused(path, f"{row.where}: {shown(path)} is a file, and series is for DICOM folders: leave it empty.")
    else:
        found = volume_file(path, path.parent, frame)
    if isinstance(found, Refused):
        return Refused(found.path, f"{row.where}: {found.reason}")
    own_name, details = found.found.case, found.details
    if row.case:
        details = (own_name, *details)
    if row.model:
        details = (*details, Path(row.model).name)
    case = replace(found.found, case=row.case or own_name, model=row.model, extra=row.extra)
    return Candidate(case, found.root, details)


def _folder(folder: Path, search: _Search, only_dicom: bool = False) -> list[Candidate | Refused]:
    items: list[Candidate | Refused] = []
    dicom = _DicomFiles()

    def sort(path: Path, names: set[str]) -> None:
        if image_suffix(path):
            if not only_dicom and not is_ours(path, names):
                items.append(_volume_in_folder(path, folder, names, search.frame))
        elif (why := unusable(path)) is not None:
            items.append(Refused(path, why))
        elif not is_ours(path, names):
            dicom.look(path)

    for files in _walk(folder, search, items):
        names = {path.name for path in files}
        for path in files:
            if search.pattern is None or _matches(path, folder, search.pattern):
                if wrong := attempt(partial(sort, path, names), shown(path)).fault:
                    items.append(Refused(path, wrong.text))
    dicom.keep_likely()
    return items + find_series(dicom.scan, dicom.broken, folder, search.series, search.frame, search.auto, search.keep)


def _volume_in_folder(path: Path, folder: Path, names: set[str], frame: int | None) -> Candidate | Refused:
    image = label_map_of(path, names)
    if image:
        reason = f"{shown(path)} is named like the label map of {shown(image)}: name it as an input to segment it."
        return Refused(path, reason, expected=True)
    found = volume_file(path, folder, frame)
    return found if image is None or isinstance(found, Refused) else _named_like_labels(found)


def _named_like_labels(item: Candidate) -> Candidate:
    text = f"{shown(item.found.path.name)} is named like a label map: check that it is an image."
    return replace(item, found=replace(item.found, notices=(*item.found.notices, Notice("input", text))))


def _numberless(path: Path) -> tuple[Path, str]:
    return path.parent, re.sub(r"\d+", "0", path.name)


def _walk(top: Path, search: _Search, items: list[Candidate | Refused]) -> Iterator[list[Path]]:
    """Yield the visible files of each folder, by name; each folder once, even with links."""
    seen: dict[str, Path] = {}
    waiting: list[tuple[Path, tuple[str, ...]]] = [(top, ())]
    while waiting:
        folder, above = waiting.pop()
        real = os.path.realpath(folder)
        if real == search.output and folder != top:
            continue
        if real in seen:
            kind = "leads back to a folder above it" if real in above else f"is the same folder as {shown(seen[real])}"
            items.append(Refused(folder, f"{shown(folder)} {kind}: skipped.", expected=True))
            continue
        seen[real] = folder
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            items.append(Refused(folder, cannot_open(folder)))
            continue
        files: list[Path] = []
        folders: list[Path] = []
        for entry in entries:
            if not entry.name.startswith("."):
                (folders if _is_folder(entry) else files).append(folder / entry.name)
        yield files
        if search.recursive:
            waiting += [(path, (*above, real)) for path in reversed(folders)]


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a circular link
        return False


def _matches(path: Path, folder: Path, pattern: str) -> bool:
    return fnmatchcase(path.name, pattern) or fnmatchcase(path.relative_to(folder).as_posix(), pattern)


def _nothing(folder: Path, pattern: str | None) -> str:
    wanted = f' that "{pattern}" matches' if pattern else ""
    return f"{shown(folder)} contains no volume file and no DICOM series{wanted} (except results): check the path."


def _once(items: list[Candidate | Refused]) -> list[Candidate | Refused]:
    """Reject cases that are already in the list."""
    seen: dict[tuple, Found] = {}
    kept: list[Candidate | Refused] = []
    for item in items:
        if isinstance(item, Candidate):
            found = item.found
            place = found.files[0] if found.files else found.path
            key = (os.path.realpath(place), found.series, found.frame, found.model)
            first = seen.setdefault(key, found)
            if first is not found:
                other = "" if first.path == found.path else f" as {shown(first.path)}"
                item = Refused(
                    found.path, f"{shown(found.path)} is in the list twice{other}: segmented once.", expected=True
                )
        kept.append(item)
    return kept
