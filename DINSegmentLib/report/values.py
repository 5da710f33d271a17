"""Formatting of cardiac measurements."""

from collections.abc import Mapping
from typing import Any

_UNITS = {"m2": "m²", "ml/m2": "ml/m²", "g/m2": "g/m²", "L/min/m2": "L/min/m²"}
_DIGITS = {"m2": 2, "L/min": 2, "L/min/m2": 2}  # decimals; 1 for other units


def value_texts(row: Mapping[str, Any]) -> tuple[str, str]:
    """Format a row of `CardiacFunction.rows`: value with unit, and range with one basal slice fewer or more."""
    value, low, high, unit = (row[key] for key in ("value", "low", "high", "unit"))
    if value is None:
        return "not reported", ""
    shown = f"{value:.{_DIGITS.get(unit, 1)}f}{'' if unit == '%' else ' '}{_UNITS.get(unit, unit)}"
    return shown, "" if low is None or high is None else f"{low:.1f} to {high:.1f}"
