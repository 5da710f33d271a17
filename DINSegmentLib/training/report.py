"""Report of an evaluation: means with their uncertainty, as a table, CSV and JSON text."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from .. import tabular
from .metrics import METRICS, OUTCOMES, StructureScore

if TYPE_CHECKING:
    from ..model import Label

FEW_SUBJECTS = 8  # with fewer, a mean is not meaningful: the table shows each case, and there are no intervals
RESAMPLES = 10_000
SEED = 1
_HEADINGS = {
    "dice": "Dice",
    "nsd_voxel": "S.Dice 1vox",
    "nsd": "NSD",
    "hd95_mm": "HD95 mm",
    "hd95_voxels": "HD95 vox",
    "assd_mm": "ASSD mm",
    "dice_family": "Dice fam.",
    "hd95_family": "HD95 fam.",
}
_OURS = ("dice", "nsd_voxel", "nsd", "hd95_mm", "hd95_voxels", "assd_mm")
_WITH_INTERVAL = ("dice", "nsd_voxel")  # in the table; JSON has intervals for all metrics
_BOTH_RULES = ("dice", "dice_family", "hd95_voxels", "hd95_family")


@dataclass(frozen=True)
class Row:
    """One structure of one case, and the case's subject."""

    case: str
    subject: str
    score: StructureScore


@dataclass(frozen=True)
class Summary:
    """Summary of one structure over all cases, or of all structures.

    Args:
        outcomes: number of cases for each of `metrics.OUTCOMES`.
        mean, spread: for each of `metrics.METRICS`; `spread` is the sample standard deviation over cases.
            Cases without a value are ignored; `nan` if too few remain.
        interval: 95% confidence interval (low, high) of each mean; empty with fewer than `FEW_SUBJECTS` subjects,
            `nan` if fewer of them have a value.
    """

    name: str
    outcomes: dict[str, int]
    mean: dict[str, float]
    spread: dict[str, float]
    interval: dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Report:
    """Results of an evaluation.

    Args:
        rows: all cases and structures.
        structures: a summary over cases for each structure.
        overall: mean of the structures' means; spread over cases of their means over structures.
        tolerance: tolerance of the normalized surface Dice in mm.
        nominal: whether the spacing of a case, and so values in mm, are nominal.
    """

    rows: tuple[Row, ...]
    structures: tuple[Summary, ...]
    overall: Summary
    tolerance: float
    nominal: bool

    @property
    def cases(self) -> tuple[str, ...]:
        """Names of the cases, in the order of evaluation."""
        return tuple(dict.fromkeys(row.case for row in self.rows))

    @property
    def subjects(self) -> tuple[str, ...]:
        """Names of the subjects, in the order of evaluation."""
        return tuple(dict.fromkeys(row.subject for row in self.rows))


def summarise(rows: Sequence[Row], labels: Sequence[Label], tolerance: float, nominal: bool) -> Report:
    """Compute means, spreads and intervals from the rows of at least one case."""
    intervals = _intervals(rows, labels)
    structures = tuple(_summary(label, rows, intervals[n]) for n, label in enumerate(labels))
    return Report(tuple(rows), structures, _overall(structures, rows, intervals[-1]), tolerance, nominal)


def format_table(report: Report) -> str:
    """Format as aligned plain-text tables with the rules in the footer; with few subjects also each case's values."""
    parts = []
    if len(report.subjects) < FEW_SUBJECTS:
        lines = [("case", "structure", *(_HEADINGS[metric] for metric in METRICS), "outcome")]
        for row in report.rows:
            values = (_cell(metric, getattr(row.score, metric)) for metric in METRICS)
            lines.append((row.case, row.score.name, *values, row.score.outcome))
        parts.append(tabular.align(lines, text_columns=2))
    summaries = (*report.structures, report.overall)
    parts.append(tabular.align([_headings(report), *(_values(summary) for summary in summaries)], text_columns=1))
    lines = [("two conventions", "Dice", "Dice fam.", "HD95 vox", "HD95 fam.", *OUTCOMES)]
    for summary in summaries:
        means = (_cell(metric, summary.mean[metric]) for metric in _BOTH_RULES)
        lines.append((summary.name, *means, *(str(summary.outcomes[outcome]) for outcome in OUTCOMES)))
    parts.append(tabular.align(lines, text_columns=1))
    return "\n\n".join((*parts, "\n".join(_rules(report))))


def csv_text(report: Report) -> str:
    """Return CSV with a row for each case and structure; missing values are empty."""
    scores = (
        (row.case, row.score.value, row.score.name, row.score.outcome, *(getattr(row.score, one) for one in METRICS))
        for row in report.rows
    )
    return tabular.csv_text(("case", "value", "structure", "outcome", *METRICS), scores)


def json_text(report: Report, run: Mapping[str, object], more: Mapping[str, object] | None = None) -> str:
    """Return everything as JSON, with what was evaluated (`run`) and more entries (`more`); `null` for no value."""
    content = {
        "run": dict(run),
        "rules": _rules(report),
        "tolerance_mm": report.tolerance,
        "nominal_spacing": report.nominal,
        "bootstrap": {"subjects": len(report.subjects), "level": 0.95, "resamples": RESAMPLES, "seed": SEED},
        "overall": asdict(report.overall),
        "structures": [asdict(summary) for summary in report.structures],
        **(more or {}),
        "rows": [{"case": row.case, "subject": row.subject, **asdict(row.score)} for row in report.rows],
    }
    return json.dumps(_without_nan(content), indent=1, allow_nan=False) + "\n"


def mean(values: Sequence[float]) -> float:
    """Mean of the values that are not `nan`; `nan` if there are none."""
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan


def _spread(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.std(known, ddof=1)) if len(known) > 1 else math.nan


def _summary(label: Label, rows: Sequence[Row], interval: dict[str, tuple[float, float]]) -> Summary:
    scores = [row.score for row in rows if row.score.value == label.value]
    values = {metric: [getattr(found, metric) for found in scores] for metric in METRICS}
    return Summary(
        name=label.name,
        outcomes={outcome: sum(found.outcome == outcome for found in scores) for outcome in OUTCOMES},
        mean={metric: mean(values[metric]) for metric in METRICS},
        spread={metric: _spread(values[metric]) for metric in METRICS},
        interval=interval,
    )


def _overall(structures: Sequence[Summary], rows: Sequence[Row], interval: dict[str, tuple[float, float]]) -> Summary:
    by_case: dict[str, list[StructureScore]] = {}
    for row in rows:
        by_case.setdefault(row.case, []).append(row.score)
    spread = {}
    for metric in METRICS:
        spread[metric] = _spread([mean([getattr(found, metric) for found in scores]) for scores in by_case.values()])
    return Summary(
        name="overall",
        outcomes={outcome: sum(summary.outcomes[outcome] for summary in structures) for outcome in OUTCOMES},
        mean={metric: mean([summary.mean[metric] for summary in structures]) for metric in METRICS},
        spread=spread,
        interval=interval,
    )


def _intervals(rows: Sequence[Row], labels: Sequence[Label]) -> list[dict[str, tuple[float, float]]]:
    """Percentile bootstrap of each structure's mean and, last, of the mean of these means.

    Subjects are resampled, not cases, because volumes of one heart are similar. A resample is shared by all means.
    """
    names = list(dict.fromkeys(row.subject for row in rows))
    if len(names) < FEW_SUBJECTS:
        return [{}] * (len(labels) + 1)
    place = {label.value: n for n, label in enumerate(labels)}
    sums = np.zeros((len(names), len(labels), len(METRICS)))
    counts = np.zeros_like(sums)
    for row in rows:
        values = np.array([getattr(row.score, metric) for metric in METRICS])
        where = names.index(row.subject), place[row.score.value]
        sums[where] += np.nan_to_num(values)
        counts[where] += ~np.isnan(values)
    drawn = np.random.default_rng(SEED).multinomial(len(names), np.full(len(names), 1 / len(names)), RESAMPLES)
    means = _ratio(np.tensordot(drawn, sums, 1), np.tensordot(drawn, counts, 1))  # (resample, structure, metric)
    overall = _ratio(np.nan_to_num(means).sum(axis=1), (~np.isnan(means)).sum(axis=1))
    means = np.concatenate((means, overall[:, None]), axis=1)
    known = np.concatenate((counts > 0, (counts > 0).any(axis=1, keepdims=True)), axis=1).sum(axis=0)
    return [
        {metric: _percentiles(means[:, n, m], known[n, m]) for m, metric in enumerate(METRICS)}
        for n in range(len(labels) + 1)
    ]


def _ratio(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)


def _percentiles(means: np.ndarray, known: int) -> tuple[float, float]:
    if known < FEW_SUBJECTS:
        return math.nan, math.nan
    low, high = np.nanpercentile(means, (2.5, 97.5))
    return float(low), float(high)


def _headings(report: Report) -> list[str]:
    cells = ["structure"]
    for metric in _OURS:
        cells.append(f"NSD {report.tolerance:g}mm" if metric == "nsd" else _HEADINGS[metric])
        if report.overall.interval and metric in _WITH_INTERVAL:
            cells.append("95% CI")
    return cells


def _values(summary: Summary) -> list[str]:
    cells = [summary.name]
    for metric in _OURS:
        cells.append(f"{_cell(metric, summary.mean[metric])} ({_cell(metric, summary.spread[metric])})")
        if summary.interval and metric in _WITH_INTERVAL:
            low, high = (_cell(metric, limit) for limit in summary.interval[metric])
            cells.append(low if low == "-" else f"{low}-{high}")
    return cells


def _cell(metric: str, value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:.2f}" if metric.startswith(("hd95", "assd")) else f"{value:.3f}"


def _rules(report: Report) -> list[str]:
    count = len(report.subjects)
    total = sum(report.overall.outcomes.values())
    empty = total - report.overall.outcomes["scored"]
    dice = report.overall.outcomes["spurious"] + report.overall.outcomes["absent"]
    rules = [
        "Mean (SD over cases). Overall: mean of the structures' means (SD of the cases' means).",
        f"95% CI of the mean: percentile bootstrap over the {count} subjects (not cases), {RESAMPLES:,} resamples, "
        f"seed {SEED}."
        if report.overall.interval
        else f"No confidence interval: {count} subject{'s are' if count != 1 else ' is'} too few, "
        f"from {FEW_SUBJECTS} on there is one.",
        f"Dice, S.Dice and NSD from 0 to 1. S.Dice 1vox: surface Dice, tolerance 1 voxel (spacing 1). NSD: the same at "
        f"{report.tolerance:g} mm. HD95 vox: spacing 1.",
        "Empty in reference and prediction (absent): no value. Empty in one of them (missed: the prediction, spurious: "
        "the reference): Dice, S.Dice and NSD 0, no distance.",
        "fam.: the TransUNet family's convention, for its published tables only. Spurious: Dice 1, HD95 0. Absent or "
        "missed: Dice 0, HD95 0.",
        "HD95 fam.: one percentile of both directions, in voxels. HD95 vox: the greater of the two directed ones.",
        f"The rules for empty structures differ here in {empty} of {total} case-structures (Dice in {dice}).",
    ]
    if report.nominal:
        rules.append("The data carry no measured spacing: values in mm, and NSD, are nominal; S.Dice 1vox is not.")
    return rules


def _without_nan(content: object) -> object:
    """Replace each `nan` by `null`, because JSON has no `nan`."""
    if isinstance(content, Mapping):
        return {key: _without_nan(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_without_nan(value) for value in content]
    return None if isinstance(content, float) and math.isnan(content) else content
