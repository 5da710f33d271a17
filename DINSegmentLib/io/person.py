"""Patient data in DICOM headers that cardiac function uses."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from ..measure.cardiac import HEART_RATES, HEIGHTS, WEIGHTS
from ..messages import Sentence as _
from ..notices import Notice

if TYPE_CHECKING:
    from .dicom.header import Attributes


_ROUNDING = 0.01  # heights and weights whose relative difference is smaller agree


@dataclass(frozen=True)
class Person:
    """Heart rate in beats per minute, height in cm, weight in kg; None if unknown.

    ``notices`` are about values that are out of range or contradict each other, which are ignored.
    """

    heart_rate: float | None = None
    height: float | None = None
    weight: float | None = None
    notices: tuple[Notice, ...] = ()


def person_of(headers: Sequence["Attributes"]) -> Person:
    """Return the patient data of a series; of the heart rate the median, because it differs between slices.

    The rate is Heart Rate (0018,1088) or, without it, from Nominal Interval (0018,1062), the mean time between R
    waves in ms. Height and weight are Patient's Size (0010,1020) in m and Weight (0010,1030) in kg, which do not
    differ between slices: contradicting values are ignored.
    Trigger times give no rate, because the frames may not cover the whole cardiac cycle.
    """
    intervals = _numbers(headers, "NominalInterval")
    rates = [60000 / interval if interval else math.nan for interval in intervals]
    rate, ignored = _sound(_numbers(headers, "HeartRate"), HEART_RATES, _("heart rate"))
    if rate is None:
        rate, other = _sound(rates, HEART_RATES, _("time between heart beats"))
        ignored = (*ignored, *other) if rate is None else ()
    height, no_height = _agreed([100 * size for size in _numbers(headers, "PatientSize")], HEIGHTS, _("height"))
    weight, no_weight = _agreed(_numbers(headers, "PatientWeight"), WEIGHTS, _("weight"))
    return Person(rate, height, weight, (*ignored, *no_height, *no_weight))


def _sound(values: Sequence[float], bounds: tuple[float, float], what: str) -> tuple[float | None, tuple[Notice, ...]]:
    """Median of the values within bounds; None if all values are outside, with a notice."""
    sound = [value for value in values if bounds[0] <= value <= bounds[1]]
    if sound:
        return round(median(sound), 3), ()
    text = _("The {what} in the DICOM header is out of range and was ignored.", what=what)
    return None, (Notice("person", text),) if values else ()


def _agreed(values: Sequence[float], bounds: tuple[float, float], what: str) -> tuple[float | None, tuple[Notice, ...]]:
    """Do the same for a value that all headers should share; None if they contradict each other, with a notice."""
    sound = [value for value in values if bounds[0] <= value <= bounds[1]]
    if sound and max(sound) > (1 + _ROUNDING) * min(sound):
        text = _("The {what} differs between the DICOM headers of the series and was ignored.", what=what)
        return None, (Notice("person", text),)
    return _sound(values, bounds, what)


def _numbers(headers: Sequence["Attributes"], tag: str) -> list[float]:
    """Return the values of a tag; NaN if a value is not a number."""
    found = []
    for header in headers:
        stored = header.get(tag)
        if text := str("" if stored is None else stored).strip("\0 "):
            try:
                found.append(float(text))
            except ValueError:
                found.append(math.nan)
    return found
