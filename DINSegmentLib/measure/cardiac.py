"""Cardiac measurements: names, units, and values derived from heart rate and body surface area."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from statistics import median
from typing import Any

from ..errors import InputError
from ..messages import Sentence as _
from ..notices import Notice

HEART_RATES, HEIGHTS, WEIGHTS = (20, 300), (30, 250), (1, 400)
"""Accepted range in beats per minute, cm and kg; a value outside suggests a wrong unit."""

MANY = 10
"""Frames of a cine that shows the course of a beat; cines with fewer may be a selection, such as ED and ES."""

_COARSEST = 200.0
"""ms between frames; a cine has 20 to 60 ms, a real-time cine up to 100."""

Range = tuple[float, float]


@dataclass(frozen=True)
class Ventricle:
    """Measurements of one ventricle; None if a value is unknown or would be unreliable.

    Args:
        edv_ml, esv_ml: volume at end-diastole and end-systole, which the left ventricle defines for both ventricles.
        sv_ml: stroke volume, EDV - ESV.
        ef_percent: ejection fraction, stroke volume as a percentage of EDV.
        edv_range_ml, esv_range_ml: (lowest, highest) with one basal slice fewer and one more: without the most
            basal slice of the ventricle, and with that slice counted twice.
        ef_range_percent: lowest and highest ejection fraction with one slice fewer or more in one of the two frames.
    """

    edv_ml: float | None = None
    esv_ml: float | None = None
    sv_ml: float | None = None
    ef_percent: float | None = None
    edv_range_ml: Range | None = None
    esv_range_ml: Range | None = None
    ef_range_percent: Range | None = None


@dataclass(frozen=True)
class CardiacFunction:
    """Cardiac function from the labels of a cine; None if a value is unknown or would be unreliable.

    Args:
        lv_ml, rv_ml, myocardium_ml: volume within the stack in each frame; None if the structure was not found.
        times_ms: time of each frame after the R wave or the first frame, as the input gives it; None if unknown.
        ed_frame, es_frame: frames, counted from 0, with the largest and the smallest left ventricle.
        lv, rv: measurements of the ventricles.
        mass_g: mass of the left ventricle's myocardium at `mass_frame`, with 1.05 g/ml.
        mass_frame: end-diastole, or the only frame.
        heart_rate: beats per minute, as entered.
        cardiac_output_l_min: stroke volume of the left ventricle times heart rate, in L/min.
        bsa_m2: body surface area, sqrt(height in cm x weight in kg / 3600) (Mosteller, N Engl J Med 317, 1987,
            1098).
        notices: what is missing, and which values are not reported because of it.
    """

    lv_ml: tuple[float | None, ...]
    rv_ml: tuple[float | None, ...]
    myocardium_ml: tuple[float | None, ...]
    times_ms: tuple[float, ...] | None
    ed_frame: int | None
    es_frame: int | None
    lv: Ventricle
    rv: Ventricle
    mass_g: float | None
    mass_frame: int | None
    heart_rate: float | None
    cardiac_output_l_min: float | None
    bsa_m2: float | None
    notices: tuple[Notice, ...]

    @property
    def indexed(self) -> dict[str, float | None] | None:
        """Volumes, mass and output per square meter of body surface area; None if the area is unknown."""
        if self.bsa_m2 is None:
            return None
        values = {
            "lv_edv_ml_m2": self.lv.edv_ml, "lv_esv_ml_m2": self.lv.esv_ml, "lv_sv_ml_m2": self.lv.sv_ml,
            "rv_edv_ml_m2": self.rv.edv_ml, "rv_esv_ml_m2": self.rv.esv_ml, "rv_sv_ml_m2": self.rv.sv_ml,
            "mass_g_m2": self.mass_g, "cardiac_index_l_min_m2": self.cardiac_output_l_min,
        }  # fmt: skip
        return {name: None if value is None else value / self.bsa_m2 for name, value in values.items()}

    def ejection_fractions(self) -> list[dict[str, Any]]:
        """Rows of `rows` with the ejection fractions of the left and right ventricle."""
        return [
            _row(_("{side} ejection fraction", side=side), one.ef_percent, "%", one.ef_range_percent)
            for side, one in (("LV", self.lv), ("RV", self.rv))
        ]

    def sizes(self) -> list[dict[str, Any]]:
        """Rows of `rows` that can be indexed, with ``indexed``: the value per square meter, or None."""
        found = []
        for side, one in (("LV", self.lv), ("RV", self.rv)):
            found += [
                _row(_("{side} EDV", side=side), one.edv_ml, "ml", one.edv_range_ml),
                _row(_("{side} ESV", side=side), one.esv_ml, "ml", one.esv_range_ml),
                _row(_("{side} stroke volume", side=side), one.sv_ml, "ml"),
            ]
        found += [_row(_("LV mass"), self.mass_g, "g"), _row(_("Cardiac output"), self.cardiac_output_l_min, "L/min")]
        indexed = [None] * len(found) if self.indexed is None else self.indexed.values()
        return [{**row, "indexed": value} for row, value in zip(found, indexed, strict=True)]

    def rows(self) -> list[dict[str, Any]]:
        """Measurements as rows of ``quantity``, ``value``, ``unit``, ``low``, ``high`` (see `Ventricle`)."""
        sizes, (left, right) = self.sizes(), self.ejection_fractions()
        plain = [{name: one[name] for name in left} for one in sizes]
        found = [*plain[:3], left, *plain[3:6], right, *plain[6:]]
        if self.indexed is not None:
            found.append(_row(_("Body surface (Mosteller)"), self.bsa_m2, "m2"))
            found += [
                _row(_("{name}, indexed", name=one["quantity"]), one["indexed"], f"{one['unit']}/m2") for one in sizes
            ]
        return found

    def curve(self) -> list[dict[str, float | None]]:
        """Volumes as rows, one for each frame, counted from 1."""
        times = self.times_ms or [None] * len(self.lv_ml)
        names = "frame", "time_ms", "lv_ml", "rv_ml", "myocardium_ml"
        frames = range(1, 1 + len(self.lv_ml))
        volumes = self.lv_ml, self.rv_ml, self.myocardium_ml
        return [dict(zip(names, row, strict=True)) for row in zip(frames, times, *volumes, strict=True)]

    def as_dict(self) -> dict[str, Any]:
        """Convert for JSON: keys contain the units; frames are counted from 0."""
        return {**asdict(self), "notices": [one.as_dict() for one in self.notices], "indexed": self.indexed}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "CardiacFunction":
        """Restore from `as_dict`, also after JSON, which turns tuples into lists."""
        made = ("lv", "rv", "indexed", "notices")
        plain = {name: _tuple(value) for name, value in values.items() if name not in made}
        lv, rv = (Ventricle(**{name: _tuple(one) for name, one in values[side].items()}) for side in ("lv", "rv"))
        return cls(**plain, lv=lv, rv=rv, notices=tuple(Notice.from_json(one) for one in values["notices"]))

    def for_person(
        self, heart_rate: float | None = None, height_cm: float | None = None, weight_kg: float | None = None
    ) -> "CardiacFunction":
        """Return a copy with cardiac output and body surface area added, and with a notice if frame times are wrong.

        They are if the frames of a cine are more than `_COARSEST` or a third of a heartbeat apart.

        Args:
            heart_rate: beats per minute.
            height_cm, weight_kg: both are needed for the body surface area.

        Raises:
            InputError: a value is out of range.
        """
        check_person(heart_rate, height_cm, weight_kg)
        notices, stroke = self.notices, self.lv.sv_ml
        apart = _too_far_apart(self.times_ms or (), heart_rate)
        if apart and apart not in notices:
            notices = (*notices, apart)
        if (height_cm is None) != (weight_kg is None):
            notices = (*notices, Notice("person", _("Indexed values need both height and weight.")))
        return replace(
            self,
            heart_rate=heart_rate,
            cardiac_output_l_min=None if stroke is None or heart_rate is None else stroke * heart_rate / 1000,
            bsa_m2=math.sqrt(height_cm * weight_kg / 3600) if height_cm and weight_kg else None,
            notices=notices,
        )


def _too_far_apart(times: Sequence[float], heart_rate: float | None) -> Notice | None:
    """Return what to check if frame times in ms cannot be those of a heartbeat, from four frames on."""
    if len(times) < 4:
        return None
    step = median(after - before for before, after in pairwise(times))
    if (len(times) < MANY or step <= _COARSEST) and (heart_rate is None or 3 * step <= 60_000 / heart_rate):
        return None
    return Notice(
        "function", _("The frames are {step:.0f} ms apart, too far for a heartbeat: check their times.", step=step)
    )


def check_person(heart_rate: float | None, height_cm: float | None, weight_kg: float | None) -> None:
    """Raise InputError for a heart rate in beats per minute, height or weight outside the accepted range."""
    _check_number(_("heart rate"), heart_rate, HEART_RATES, _("beats per minute"))
    _check_number(_("height"), height_cm, HEIGHTS, "cm")
    _check_number(_("weight"), weight_kg, WEIGHTS, "kg")


def _check_number(name: str, value: float | None, bounds: tuple[float, float], unit: str) -> None:
    low, high = bounds
    if value is not None and not low <= value <= high:
        raise InputError(
            _(
                "A {name} of {value:g} {unit} is out of range: enter {low} to {high} {unit}.",
                name=name,
                value=value,
                unit=unit,
                low=low,
                high=high,
            )
        )


def _row(quantity: str, value: float | None, unit: str, bounds: Range | None = None) -> dict[str, Any]:
    low, high = bounds or (None, None)
    return {"quantity": quantity, "value": value, "unit": unit, "low": low, "high": high}


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
