"""Tables of cases: a CSV file with a line for each case."""

import csv
import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .. import bounded
from .candidates import Refused, shown

SUFFIXES = (".csv", ".tsv")
_LARGEST = 64 * bounded.MB
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_NONE = "\x1f"  # delimiter for a table with one column, whose paths may contain commas
_OWN = ("path", "case", "model", "series", "frame")


@dataclass(frozen=True)
class Row:
    """A line of a table: ``where`` names it in messages; None stands for an empty or missing cell."""

    where: str
    path: Path
    case: str | None
    model: str | None
    series: str | None
    frame: int | None
    extra: dict[str, str]


def read_table(path: Path) -> Iterator[Row | Refused]:
    """Yield the lines of a table in order; invalid lines are rejected with their line number.

    Encoding: UTF-8, with or without byte order mark, or UTF-16 with one, as in Excel's "Unicode text". The delimiter is
    ``,``, ``;`` or a tab, as used in the first line or declared by a line ``sep=;`` before it. The column ``path`` is
    required; ``case``, ``model``, ``series`` and ``frame`` are optional; all others are user columns. These names are
    case-insensitive. Paths are relative to the table, ``~`` is the home folder, and backslashes are folder separators
    unless a file has such a name. Empty lines and columns without a name are skipped; missing cells at the end of a
    line are empty.
    """
    name = shown(path)
    try:
        content = bounded.read_bytes(path, _LARGEST)
        text = content.decode("utf-16" if content.startswith(_UTF_16) else "utf-8-sig")
    except OSError as error:
        yield Refused(path, f"{name} cannot be opened ({error.strerror}): check the file and its permissions.")
        return
    except UnicodeDecodeError:
        yield Refused(path, f"{name} is not UTF-8 text: save it as CSV UTF-8.")
        return
    except bounded.Unusable as error:
        yield Refused(path, f"{name} {error}: save it as CSV UTF-8.")
        return
    lines = _lines(text)
    first, header = next(lines, (1, []))
    columns = header if isinstance(header, list) else []
    names = [column.lower() if column.lower() in _OWN else column for column in map(str.strip, columns)]
    if "path" not in names:
        yield Refused(path, f'Line {first} of {name} has no column "path": add it there.')
        return
    named = [column for column in names if column]
    if twice := next((column for column in named if named.count(column) > 1), None):
        yield Refused(path, f'Line {first} of {name} has two columns "{shown(twice)}": rename one.')
        return
    for number, cells in lines:
        where = f"Line {number} of {name}"
        if isinstance(cells, str):
            yield Refused(path, f"{where} cannot be read ({cells}): correct its quotation marks.")
        elif any(cell.strip() for cell in cells[len(names) :]):
            yield Refused(path, f"{where} has {len(cells)} cells, but line {first} has {len(names)}: correct the line.")
        elif any(cell.strip() for cell in cells):
            yield _row(path, where, dict(zip(names, [*cells, *[""] * len(names)], strict=False)))


def _row(table: Path, where: str, cells: dict[str, str]) -> Row | Refused:
    own = {column: cells.get(column, "").strip() or None for column in _OWN}
    extra = {column: value for column, value in cells.items() if column and column not in _OWN}
    if own["path"] is None:
        return Refused(table, f"{where} has no path: enter a volume file or a DICOM folder.")
    frame = own["frame"]
    if "\0" in own["path"]:
        return Refused(table, f"{where} has an invalid path: correct it.")
    frame = re.sub(r"[.,]0+$", "", frame) if frame else frame  # "1.0" from a spreadsheet or data frame
    if frame is not None and not (frame.isascii() and frame.isdigit() and len(frame) < 10 and int(frame) > 0):
        return Refused(
            table.parent / own["path"], f'{where} has "{shown(frame)}" as frame: use a whole number, 1 or more.'
        )
    path = _place(table, own["path"])
    return Row(where, path, own["case"], own["model"], own["series"], int(frame) if frame else None, extra)


def _place(table: Path, text: str) -> Path:
    path = table.parent / (os.path.expanduser(text) if text.startswith("~") else text)
    if "\\" in text and os.sep == "/" and not os.path.lexists(path):
        return _place(table, text.replace("\\", "/"))
    return path


def _lines(text: str) -> Iterator[tuple[int, list[str] | str]]:
    """Yield the first line number of each record, and its cells or, as text, why it cannot be read."""
    first, _, rest = text.partition("\n")
    before = 0
    if said := re.fullmatch(r"\"?sep=(.)\"?[,;\t]*\r?", first, re.IGNORECASE):  # for Excel
        text, before, delimiter = rest, 1, said[1]
    else:
        delimiter = max(",;\t", key=first.count)  # in case of a tie, the comma
        if delimiter not in first:
            delimiter = _NONE
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        number = before + reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield number, str(error)
            continue
        yield number, cells
