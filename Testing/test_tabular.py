"""Rows as CSV and as text."""

import csv
import io
import math
from dataclasses import dataclass

from DINSegmentLib.tabular import align, csv_of, csv_text


@dataclass
class Row:
    name: str
    value: float | None


def test_a_cell_without_a_value_is_empty_and_a_comma_in_a_name_moves_no_cell():
    rows = [Row("liver, left", 1.5), Row("a", None), Row("b", math.nan)]
    assert csv_of(Row, rows) == 'name,value\n"liver, left",1.5\na,\nb,\n'
    assert csv_text(("name", "value"), ((row.name, row.value) for row in rows)) == csv_of(Row, rows)
    assert list(csv.reader(io.StringIO(csv_of(Row, rows))))[1] == ["liver, left", "1.5"]


def test_table_aligns_names_left_and_figures_right():
    assert align([("structure", "ml"), ("Liver", "1500.0"), ("Gallbladder", "3.1")]) == (
        "structure        ml\nLiver        1500.0\nGallbladder     3.1"
    )
