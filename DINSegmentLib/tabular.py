"""Tables as CSV and as aligned text."""

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import astuple, fields
from typing import Any


def csv_text(columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """Return a header line and a line for each row; None and ``nan`` become empty cells."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(("" if isinstance(one, float) and math.isnan(one) else one for one in row) for row in rows)
    return text.getvalue()


def csv_of(kind: type, rows: Iterable[Any]) -> str:
    """Return `csv_text` of dataclass instances of type ``kind``, with a column for each field."""
    return csv_text((field.name for field in fields(kind)), map(astuple, rows))


def align(lines: Sequence[Sequence[str]], text_columns: int = 1) -> str:
    """Align columns to equal width: the first `text_columns` to the left, the numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column < text_columns else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
