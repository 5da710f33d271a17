"""Agreement of cardiac function between predicted and reference labels, over cases with ED and ES."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from ..model import LEFT_VENTRICLE, RIGHT_VENTRICLE, Model, label_of
from ..tabular import align, csv_of
from .cases import PHASES, Case
from .figures import new_figure, png, rgb
from .metrics import StructureScore

FIGURES = {"edv_ml": "EDV ml", "esv_ml": "ESV ml", "ef_percent": "EF points"}
_LIMIT = 1.96  # standard deviations that contain 95% of a normal distribution


@dataclass(frozen=True)
class Pair:
    """One ventricle of one subject, reference and prediction; `nan` if one of the labels was not found.

    Args:
        edv_ml, esv_ml: volume of all voxels with the label at ED and ES.
        ef_percent: ejection fraction.
    """

    subject: str
    structure: str
    edv_ml_truth: float
    esv_ml_truth: float
    ef_percent_truth: float
    edv_ml: float
    esv_ml: float
    ef_percent: float


@dataclass(frozen=True)
class Limits:
    """Agreement of one measurement of one ventricle: prediction minus reference.

    Args:
        figure: one of `FIGURES`.
        count: number of subjects with a value.
        bias: mean difference.
        sd: sample standard deviation of the difference; `nan` for fewer than two subjects.
        low, high: 95% limits of agreement, bias -/+ 1.96 SD (Bland and Altman, Lancet 1986, 307-310).
    """

    structure: str
    figure: str
    count: int
    bias: float
    sd: float
    low: float
    high: float


class Agreement:
    """Collects cases, and pairs those of one subject whose names end in _ED and _ES; of several examinations of a
    subject, those whose names are equal except for that and, as in ACDC, the number after _frame.
    """

    def __init__(self, model: Model) -> None:
        found = (label_of(model, code) for code in (LEFT_VENTRICLE, RIGHT_VENTRICLE))
        self._labels = [label for label in found if label is not None]
        self._volumes: dict[str, dict[str, np.ndarray]] = {}  # subject, case: (reference, prediction), ventricle, ml
        self.nominal = False

    def add(self, case: Case, prediction: np.ndarray, scores: Sequence[StructureScore]) -> None:
        """Add a case; `prediction` has label values (K, J, I)."""
        phase = case.name[-3:]
        if phase not in PHASES:
            return
        counts = [
            [np.count_nonzero(array == label.value) for label in self._labels] for array in (case.label, prediction)
        ]
        of_subject = self._volumes.setdefault(case.subject or case.name[:-3], {})
        of_subject[case.name] = np.array(counts) * case.geometry.voxel_volume / 1000
        self.nominal |= case.nominal

    @property
    def pairs(self) -> list[Pair]:
        """Return each ventricle of each examination with both phases, sorted by ventricle."""
        found = []
        for place, label in enumerate(self._labels):
            for examination, volumes in self._examinations():
                if len(volumes) == len(PHASES):
                    ed, es = (volumes[phase][:, place] for phase in PHASES)
                    (truth, ours) = (_figures(*both) for both in zip(ed.tolist(), es.tolist(), strict=True))
                    found.append(Pair(examination, label.name, *truth, *ours))
        return found

    def _examinations(self) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
        """Yield each examination's name and volumes by phase."""
        for subject, volumes in self._volumes.items():
            if len({name[-3:] for name in volumes}) == len(volumes):
                yield subject, {name[-3:]: of_both for name, of_both in volumes.items()}
                continue
            found: dict[str, dict[str, np.ndarray]] = {}
            for name, of_both in volumes.items():
                found.setdefault(re.sub(r"_frame\d+", "", name[:-3]), {})[name[-3:]] = of_both
            yield from found.items()

    def picture(self) -> bytes:
        """PNG: Bland-Altman plot of the ejection fraction, a panel for each ventricle."""
        pairs, agreed = self.pairs, {(one.structure, one.figure): one for one in limits(self.pairs)}
        figure = new_figure(5 * len(self._labels), 3.8)
        panels = figure.subplots(1, len(self._labels), sharey=True, squeeze=False)[0]
        for axes, label in zip(panels, self._labels, strict=True):
            own = [pair for pair in pairs if pair.structure == label.name]
            means = [(pair.ef_percent + pair.ef_percent_truth) / 2 for pair in own]
            differences = [pair.ef_percent - pair.ef_percent_truth for pair in own]
            axes.scatter(means, differences, color=rgb(label), edgecolors="0.3", linewidths=0.5, zorder=3)
            one = agreed[label.name, "ef_percent"]
            for value, style in ((one.bias, "-"), (one.low, "--"), (one.high, "--")):
                if not math.isnan(value):
                    axes.axhline(value, color="0.3", linestyle=style, linewidth=1)
                    axes.text(
                        1.01, value, f"{value:+.1f}", transform=axes.get_yaxis_transform(), fontsize=8, va="center"
                    )
            axes.axhline(0, color="0.8", linewidth=0.8, zorder=0)
            axes.set(title=f"{label.name}, ejection fraction", xlabel="mean of prediction and reference, %")
            axes.spines[["top", "right"]].set_visible(False)
        panels[0].set_ylabel("prediction - reference, percentage points")
        return png(figure)


def limits(pairs: Sequence[Pair]) -> list[Limits]:
    """Bias and limits of agreement by ventricle and measurement; pairs without a value are omitted."""
    found = []
    for structure in dict.fromkeys(pair.structure for pair in pairs):
        own = [pair for pair in pairs if pair.structure == structure]
        for figure in FIGURES:
            differences = np.array([getattr(pair, figure) - getattr(pair, f"{figure}_truth") for pair in own])
            differences = differences[~np.isnan(differences)]
            bias = float(differences.mean()) if len(differences) else math.nan
            sd = float(differences.std(ddof=1)) if len(differences) > 1 else math.nan
            found.append(Limits(structure, figure, len(differences), bias, sd, bias - _LIMIT * sd, bias + _LIMIT * sd))
    return found


def csv_text(pairs: Sequence[Pair]) -> str:
    """Return CSV with a row for each subject and ventricle; missing values are empty."""
    return csv_of(Pair, pairs)


def json_content(agreement: Agreement) -> dict[str, object]:
    """Return the limits, and whether volumes are nominal."""
    return {"nominal_spacing": agreement.nominal, "agreement": [asdict(one) for one in limits(agreement.pairs)]}


def format_table(agreement: Agreement) -> str:
    """Format as aligned plain text: a row for each ventricle and measurement, with a footer."""
    lines = [("prediction - reference", "value", "subjects", "bias", "SD", "95% limits of agreement")]
    for one in limits(agreement.pairs):
        bounds = "-" if math.isnan(one.sd) else f"{one.low:+.1f} to {one.high:+.1f}"
        bias, sd = ("-" if math.isnan(value) else f"{value:.1f}" for value in (one.bias, one.sd))
        lines.append((one.structure, FIGURES[one.figure], str(one.count), bias, sd, bounds))
    footer = (
        "Function over pairs of ED and ES. EF in percentage points. A subject without a ventricle in one of the four "
    )
    footer += "label maps is left out."
    footer += " Volumes are nominal (no measured spacing); EF is not." if agreement.nominal else ""
    return f"{align(lines, text_columns=2)}\n\n{footer}"


def _figures(edv: float, esv: float) -> tuple[float, float, float]:
    """EDV, ESV and EF; `nan` if a ventricle was not found, because its volume is not a measurement of 0."""
    if not edv or not esv:
        return edv or math.nan, esv or math.nan, math.nan
    return edv, esv, 100 * (1 - esv / edv)
