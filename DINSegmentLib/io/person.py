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


@dataclass(frozen=True)
class Person:
    """Heart rate in beats per minute, height in cm, weight in kg; None if unknown.

    ``notices`` are about values out of range, which are ignored.
    """

    heart_rate: float | None = None
    height: float | None = None
    weight: float | None = None
    notices: tuple[Notice, ...] = ()


def person_of(headers: Sequence["Attributes"]) -> Person:
    """Return the medians over the headers of a series, because the heart rate differs between slices.

    The rate is Heart Rate (0018,1088) or, without it, from Nominal Interval (0018,1062), the mean time between R
    waves in ms. Height and weight are Patient's Size (0010,1020) in m and Weight (0010,1030) in kg.
    Trigger times give no rate, because the frames may not cover the whole cardiac cycle.
    """
    notices: list[Notice] = []
    rate = _sound(_numbers(headers, "HeartRate"), HEART_RATES, _("heart rate"), notices)
    if rate is None:
        intervals = _numbers(headers, "NominalInterval")
        rates = [60000 / interval if interval else math.nan for interval in intervals]
        rate = _sound(rates, HEART_RATES, _("time between heart beats"), notices)
    height = _sound([100 * size for size in _numbers(headers, "PatientSize")], HEIGHTS, _("height"), notices)
    weight = _sound(_numbers(headers, "PatientWeight"), WEIGHTS, _("weight"), notices)
    return Person(rate, height, weight, tuple(notices))


def _sound(values: Sequence[float], bounds: tuple[float, float], what: str, notices: list[Notice]) -> float | None:
    """Median of the values within bounds; None, with a notice, if all values are outside."""
    sound = [value for value in values if bounds[0] <= value <= bounds[1]]
    if values and not sound:
        text = _("The {what} in the DICOM header is out of range and was ignored.", what=what)
        notices.append(Notice("person", text))
    return round(median(sound), 3) if sound else None


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
