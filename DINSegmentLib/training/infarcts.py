"""Agreement of infarcts between predicted and reference labels: Dice of wall and infarct, and volumes."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..measure import dice
from ..measure.infarct import infarct_size, infarct_values
from ..model import INFARCT, Model, labels_of
from ..tabular import align, csv_of
from .cases import Case
from .metrics import StructureScore
from .report import mean


@dataclass(frozen=True)
class InfarctCase:
    """One case; Dice is `nan` if reference and prediction are both empty.

    Args:
        wall_dice: Dice of healthy muscle, infarct and no-reflow together.
        infarct_dice: Dice of infarct and no-reflow together.
        infarct_ml_truth, infarct_ml: volume of infarct and no-reflow, reference and predicted.
        share_truth, share: the same as a percentage of the wall; `nan` if there is no wall.
    """

    case: str
    wall_dice: float
    infarct_dice: float
    infarct_ml_truth: float
    infarct_ml: float
    share_truth: float
    share: float


class Infarcts:
    """Collects cases; stays empty if the model does not label infarct."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._told = bool(labels_of(model, INFARCT))
        self.cases: list[InfarctCase] = []
        self.nominal = False

    def add(self, case: Case, prediction: np.ndarray, scores: Sequence[StructureScore]) -> None:
        """Add a case; `prediction` has label values (K, J, I)."""
        if not self._told:
            return
        dead, _, wall = infarct_values(self._model)
        truth, ours = (infarct_size(labels, case.geometry, self._model) for labels in (case.label, prediction))
        of_wall, of_infarct = (
            dice(np.isin(prediction, values), np.isin(case.label, values)) for values in (wall, dead)
        )
        true_share, share = (math.nan if one.share_percent is None else one.share_percent for one in (truth, ours))
        volumes = truth.infarct_ml, ours.infarct_ml
        self.cases.append(InfarctCase(case.name, of_wall, of_infarct, *volumes, true_share, share))
        self.nominal |= case.nominal

    @property
    def summary(self) -> dict[str, float]:
        """Return means, and the median predicted volume in cases without infarct; `nan` if there are none."""
        with_infarct = [one for one in self.cases if one.infarct_ml_truth > 0]
        without = [one.infarct_ml for one in self.cases if one.infarct_ml_truth == 0]
        return {
            "wall_dice": mean([one.wall_dice for one in self.cases]),
            "infarct_dice": mean([one.infarct_dice for one in self.cases]),
            "infarct_dice_where_there_is_one": mean([one.infarct_dice for one in with_infarct]),
            "bias_ml": mean([one.infarct_ml - one.infarct_ml_truth for one in with_infarct]),
            "bias_share_points": mean([one.share - one.share_truth for one in with_infarct]),
            "median_ml_without_infarct": float(np.median(without)) if without else math.nan,
        }


def format_table(found: Infarcts) -> str:
    """Format as aligned plain text with the rules in the footer."""
    summary = found.summary
    count = sum(one.infarct_ml_truth > 0 for one in found.cases)
    lines = [
        ("infarct", "mean", "cases"),
        ("Dice of the whole wall", _cell(summary["wall_dice"], 3), len(found.cases)),
        ("Dice of infarct with no-reflow", _cell(summary["infarct_dice"], 3), len(found.cases)),
        ("  where the reference has one", _cell(summary["infarct_dice_where_there_is_one"], 3), count),
        ("Infarct ml, prediction minus reference", _cell(summary["bias_ml"], 1, "+"), count),
        ("Share of the wall, percentage points", _cell(summary["bias_share_points"], 1, "+"), count),
        (
            "Median ml where the reference has none",
            _cell(summary["median_ml_without_infarct"], 1),
            len(found.cases) - count,
        ),
    ]
    rules = [
        "Infarct includes no-reflow; the wall includes both and healthy muscle. Found where the reference has none: "
        "Dice 0. In neither reference nor prediction: no value.",
    ]
    if found.nominal:
        rules.append("The data carry no measured spacing: milliliters are nominal; shares are not.")
    return "\n".join([align([tuple(map(str, line)) for line in lines], text_columns=1), "", *rules])


def csv_text(cases: Sequence[InfarctCase]) -> str:
    """Return CSV with a row for each case; missing values are empty."""
    return csv_of(InfarctCase, cases)


def json_content(found: Infarcts) -> dict[str, Any]:
    """Return values for the evaluation's JSON, which writes `nan` as `null`."""
    return {"summary": found.summary, "nominal_spacing": found.nominal, "cases": [asdict(one) for one in found.cases]}


def _cell(value: float, digits: int, sign: str = "") -> str:
    return "-" if math.isnan(value) else f"{value:{sign}.{digits}f}"
