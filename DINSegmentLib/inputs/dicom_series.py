"""DICOM files of a folder tree to cases, one for each image series."""

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..io.image import case_name
from ..isolation import attempt
from . import study
from .candidates import Candidate, Found, Refused, is_utf8, shown

if TYPE_CHECKING:
    from ..io.dicom.files import Scan
    from ..io.dicom.stacks import Stack


def find_series(
    scan: "Scan | None", broken: Mapping[Path, str], root: Path, series: str | None, frame: int | None,
    auto: bool = False, keep: bool = False,
) -> list[Candidate | Refused]:  # fmt: skip
    """Find the image series among DICOM files, and what is skipped.

    An unreadable file may belong to any series of its folder, which would be segmented without it. So all of them
    are rejected, or only its own if the file still names it.

    Args:
        scan: headers of the files; None if there are no DICOM files.
        broken: files that should be DICOM, and why they are not, in a sentence.
        root: folder that the user named.
        series: number, description or UID; use only such series.
        frame: frame of each series, counted from 1.
        auto: choose a model for each, and omit those without a certain choice, see `study`.
        keep: with ``auto``, keep those too, without a model.
    """
    found: list[Candidate | Refused] = [Refused(path, why) for path, why in broken.items()]
    if scan is None:
        return found
    from ..io.dicom import enhanced, grouping, kinds, stacks

    damaged = [*scan.damaged, *((path, None) for path in broken)]
    found += [
        Refused(path, f"{shown(path)} is a damaged DICOM file: copy or export it again.") for path, _ in scan.damaged
    ]
    slices = []
    for item in scan.slices:
        try:
            slices += enhanced.expand([item], shown(item.path.parent.name))
        except InputError as error:
            found.append(Refused(item.path, str(error)))
    groups = grouping.stacks_of(slices)
    meant = stacks.choose(groups, series) if series is not None else [one for one in groups if not one.kind]
    unmeant = [] if series is not None else [one for one in groups if one.kind]
    found += _grouped(
        [(path, f"not an image ({kind})") for path, kind in scan.others]
        + [(path, "a copy of another image") for path, _ in scan.copies]
        + [(item.path, kinds.LEFT_OUT[one.kind]) for one in unmeant for item in one.slices]
    )
    if not meant and series is not None and groups:
        listing = "; ".join(shown(str(one)) for one in groups)
        reason = f'{shown(root)} has no series "{series}" ({listing}): choose one with --series.'
        found.append(Refused(root, reason))
    for one in meant:
        case = attempt(partial(_case, one, damaged, scan.sizes, root, frame), f"A series in {shown(root)}")
        tried = case.value or Refused(root, case.fault.text if case.fault else "")
        found.append(_for_a_model(tried, one, series, keep) if auto else tried)
    return found


def _for_a_model(item: Candidate | Refused, stack: "Stack", series: str | None, keep: bool) -> Candidate | Refused:
    """Add the model that suits a series; a series that the user selected is never omitted."""
    told = study.verdict(stack)
    number = stack.number or "without number"
    name = f'The series {number} "{shown(stack.description)}"'
    if isinstance(item, Refused):  # unsuitable for every model is not a fault
        is_wanted = told.model is not None or told.uncertain
        return replace(item, expected=item.expected or not is_wanted)
    model = told.model or (study.of_modality(stack) if series is not None else None)
    if model is not None or keep:
        return replace(item, found=replace(item.found, model=model, why=told.why))
    if told.uncertain:
        reason = f"{name} is left out ({told.why}): use --series to segment it."
    else:
        reason = f"{name} is left out: {told.why}."
    return Refused(item.found.path, reason, expected=True)


def dicom_file(path: Path, root: Path, frame: int | None) -> Candidate | Refused:
    """Return a DICOM file named by the user as a case, if it holds several frames."""
    from ..io.dicom import files as dicom_files

    scan = dicom_files.scan([path])
    if any(not one.is_multi_frame for one in scan.slices):
        return Refused(path, f"{shown(path)} is a single DICOM file: use the folder with the whole series.")
    found = find_series(scan, {}, root, None, frame)
    one = only_series([item for item in found if isinstance(item, Candidate)] or found, path)
    if isinstance(one, Refused):
        return one
    return replace(one, found=replace(one.found, path=path, case=case_name(path), series=None))


def _case(
    stack: "Stack",
    damaged: Sequence[tuple[Path, str | None]],
    sizes: Mapping[Path, int],
    root: Path,
    frame: int | None,
) -> Candidate | Refused:
    files = tuple(dict.fromkeys(one.path for one in stack.slices))
    folders = {path.parent for path in files}
    folder = Path(os.path.commonpath(folders))
    part = f" ({shown(stack.part)})" if stack.part else ""
    number = stack.number or "without number"
    name = f'The series {number} "{shown(stack.description)}"{part} in {shown(folder)}'
    missing = [path for path, uid in damaged if (uid in stack.uids if uid else path.parent in folders)]
    if missing:
        return Refused(folder, f"{name} may lack {shown(missing[0].name)}, which is damaged: export the series again.")
    if nameless := next((path for path in files if not is_utf8(path)), None):
        return Refused(folder, f"{name} has a file whose name is not UTF-8 ({shown(nameless.name)}): rename it.")
    if any(one.is_multi_frame for one in stack.slices):
        return Refused(folder, f"{name} is a multi-frame DICOM file: convert it to NIfTI or NRRD first.")
    if len(stack.slices) < 2:
        reason = f"{name} is a single image: provide the whole series, or remove the file."
        return Refused(folder, reason, expected=not stack.notices)
    details = tuple(filter(None, (stack.number, stack.description, stack.part, f"frame{frame}" if frame else None)))
    size = sum(sizes[path] for path in files)
    return Candidate(
        Found(folder, case_name(folder), size, stack.choice, frame, files=files, notices=stack.notices), root, details
    )


def only_series(found: Sequence[Candidate | Refused], folder: Path) -> Candidate | Refused:
    """Return the only series of a folder in a table's line, or why there is none.

    Returns:
        the case, or the rejection that explains best why there is none.
    """
    cases = [one for one in found if isinstance(one, Candidate)]
    if len(cases) == 1:
        return cases[0]
    if cases:
        listing = "; ".join(shown(" ".join(one.details) or str(one.found.series)) for one in cases)
        return Refused(
            folder, f"{shown(folder)} holds {len(cases)} DICOM series ({listing}): choose one in the column series."
        )
    reason = f"{shown(folder)} is a folder without DICOM images: name a volume file, or a folder with one series."
    return found[-1] if found else Refused(folder, reason)


def _grouped(passed_over: Sequence[tuple[Path, str]]) -> list[Refused]:
    """Merge the many files of a folder that are skipped for the same reason into one entry."""
    groups = defaultdict(list)
    for path, what in passed_over:
        groups[path.parent, what].append(path)
    lines = []
    for (folder, what), paths in groups.items():
        others = "" if len(paths) == 1 else f", like {len(paths) - 1} more in its folder"
        reason = f"{shown(paths[0])} is {what}{others}: skipped."
        lines.append(Refused(paths[0] if len(paths) == 1 else folder, reason, expected=True))
    return lines
