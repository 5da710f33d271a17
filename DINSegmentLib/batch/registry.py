"""Registry of all files that a run may write, to detect duplicate names and files of other runs before writing."""

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
PARQUET = "statistics.parquet"  # written if pyarrow is installed
_MOST_FRAMES = 99  # of a cine whose file names are reserved
TABLES = (
    STATISTICS,
    PARQUET,
    FUNCTION,
    SEGMENTS,
    PAGE,
    SUMMARY,
)  # of a run; the summary last, because it has the hashes of the others


def key(name: str) -> str:
    """Return a key that is equal for names that differ only in case, which Windows and macOS do not distinguish."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


class Names:
    """Assignment of file names to cases.

    Args:
        many: whether the run also writes tables and a review page.
    """

    def __init__(self, many: bool) -> None:
        self._many = many
        self._owners = {key(name): "the run's tables" for name in (*TABLES, thumbnails.FOLDER)} if many else {}

    def reserve(self, case: Case, labels: Sequence[Label]) -> None:
        """Reserve all names that the case may need, including those of a cine.

        Raises:
            OutputError: another case has one of the names; none was reserved.
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
    """Refuse to replace the user's tables, or tables of a run whose results are not all part of this run.

    Args:
        asked: parameters of the run, as in its summary.
        cases: names of all cases.

    Raises:
        OutputError: existing tables are not an earlier state of this run's.
    """
    there = [name for name in TABLES if os.path.lexists(folder / name)]
    if there and not _is_earlier(folder, there, asked, cases):
        names, verb = ", ".join(there), "exist" if len(there) > 1 else "exists"
        raise OutputError(
            f"{names} {verb} already in {folder} and would be replaced by tables of other cases: add --overwrite, or "
            "choose another output."
        )


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of each table in a folder except the summary, which stores them."""
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
    except Exception:  # whatever the error, it is not a summary of DINSegment
        return False
