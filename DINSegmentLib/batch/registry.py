"""Every file that a run may write, before it writes any: no two of one name, and none that belongs to another run."""

import hashlib
import os
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import bounded
from ..errors import OutputError
from ..inputs.candidates import shown
from ..model import Label
from ..pictures import thumbnails
from .case import Case
from .format_table import of_cine

STATISTICS, FUNCTION, SUMMARY, PAGE = "statistics.csv", "function.csv", "summary.json", "report.html"
SEGMENTS = "segments.csv"  # of the left ventricle's wall
PARQUET = "statistics.parquet"  # where pyarrow is installed
_MOST_FRAMES = 99  # of a cine, whose files are reckoned with
TABLES = (
    STATISTICS,
    PARQUET,
    FUNCTION,
    SEGMENTS,
    PAGE,
    SUMMARY,
)  # of a run; the summary last, which holds the hashes of the others


def key(name: str) -> str:
    """The same for names that are one on a file system that knows no large and small letters, as of Windows, macOS."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


class Names:
    """Which case has which file.

    Args:
        many: whether the run writes tables and a page, too.
    """

    def __init__(self, many: bool) -> None:
        self._many = many
        self._owners = {key(name): "the run's tables" for name in (*TABLES, thumbnails.FOLDER)} if many else {}

    def reserve(self, case: Case, labels: Sequence[Label]) -> None:
        """Take all names that the case may need, those of a cine included.

        Raises:
            OutputError: one of them is another case's; none was taken.
        """
        cine = of_cine(case, labels, _MOST_FRAMES)
        names = [path.name for path in dict.fromkeys((*case.paths, *cine.paths))]
        if self._many:
            names.append(os.fspath(thumbnails.picture_path(Path(), case.name)))
        for name in names:
            if owner := self._owners.get(key(name)):
                raise OutputError(
                    f"{case.name}: {shown(name)} is also a file of {owner}: rename the input, or choose another output."
                )
        self._owners.update(dict.fromkeys(map(key, names), case.name))


def check_tables(folder: Path, asked: Mapping[str, Any], cases: Collection[str]) -> None:
    """Refuse tables that would be lost: of the user, or of a run whose results are not all in this one.

    Args:
        asked: parameters of the run, as in its summary.
        cases: names of all its cases.

    Raises:
        OutputError: tables are there which are not an earlier state of this run's.
    """
    there = [name for name in TABLES if os.path.lexists(folder / name)]
    if there and not _is_earlier(folder, there, asked, cases):
        names, verb = ", ".join(there), "exist" if len(there) > 1 else "exists"
        raise OutputError(
            f"{names} {verb} already in {folder} and would be replaced by tables of other cases: add --overwrite, or "
            "choose another output."
        )


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of each table in a folder but the summary, which holds them."""
    return {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in TABLES
        if name != SUMMARY and (folder / name).is_file()
    }


def _is_earlier(folder: Path, there: Collection[str], asked: Mapping[str, Any], cases: Collection[str]) -> bool:
    try:
        summary = bounded.read_json(folder / SUMMARY, 256 * bounded.MB)
        kept = {one["case"] for one in summary["inputs"] if one["outputs"]}
        return (
            summary["parameters"] == dict(asked)
            and kept <= set(cases)
            and all(summary["tables"][name] == found for name, found in hashes(folder).items())
            and SUMMARY in there
        )
    except Exception:  # whatever it is, it is not a summary of DINSegment
        return False
