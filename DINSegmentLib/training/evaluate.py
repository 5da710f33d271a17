"""Evaluation of a segmentation function on cases with known truth: report, table, CSV and JSON; knows no network."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError, OutputError
from ..geometry import Geometry
from .cases import Case
from .metrics import METRICS, NSD_TOLERANCE_MM, OUTCOMES, StructureScore, score

if TYPE_CHECKING:
    from ..models import Label

_FEW_CASES = 8  # below this number a mean says little: the table shows every case
_HEADINGS = ("Dice", "HD95 mm", "HD95 vox", "ASSD mm", "NSD", "Dice fam.", "HD95 fam.")
_DECIMALS = (3, 2, 2, 2, 3, 3, 2)  # in the order of METRICS


@dataclass(frozen=True)
class Row:
    """One structure of one case."""

    case: str
    score: StructureScore


@dataclass(frozen=True)
class Summary:
    """One structure over all cases, or all structures.

    Args:
        outcomes: number of cases for each of `metrics.OUTCOMES`.
        mean, spread: for each of `metrics.METRICS`; `spread` is the sample standard deviation over cases.
            Cases without a value are left out; `nan` where too few are left.
    """

    name: str
    outcomes: dict[str, int]
    mean: dict[str, float]
    spread: dict[str, float]


@dataclass(frozen=True)
class Report:
    """What an evaluation found.

    Args:
        rows: every case and structure.
        structures: one summary for each structure, over cases.
        overall: mean of the structures' means; spread of the cases' means over their structures.
        tolerance: of the normalised surface Dice, in mm.
        nominal: the spacing of at least one case is nominal, so figures in mm are.
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


def evaluate(
    segment: Callable[[np.ndarray, Geometry], np.ndarray],
    cases: Iterable[Case],
    labels: Sequence[Label],
    output: Path | None = None,
    *,
    tolerance: float = NSD_TOLERANCE_MM,
    run: Mapping[str, object] | None = None,
    progress: Callable[[int, str], None] | None = None,
) -> Report:
    """Segment every case and score it against its truth.

    Args:
        segment: (K, J, I) float32 image and its geometry in, label values of the same shape out.
        cases: cases with truth; only the one at work is kept.
        labels: structures to score.
        output: folder for `evaluation.csv` (a row for each case and structure) and `evaluation.json`; made if missing.
        tolerance: of the normalised surface Dice, in mm.
        run: what was evaluated (model, weight hash, split, ...), copied into the JSON file.
        progress: called after each case with the number done and the case's name.

    Raises:
        InputError: there is no case, or a truth holds a label value that is none of `labels`.
        OutputError: `output` cannot be written.
    """
    if output is not None:
        _make_folder(Path(output))
    rows: list[Row] = []
    nominal = False
    for done, case in enumerate(cases, start=1):
        _check_labels(case, labels)
        prediction = segment(case.image, case.geometry)
        rows += [
            Row(case.name, found) for found in score(prediction, case.label, case.geometry.spacing, labels, tolerance)
        ]
        nominal |= case.nominal
        if progress is not None:
            progress(done, case.name)
    if not rows:
        raise InputError("There is no case to evaluate: choose a data folder and split that hold some.")
    structures = tuple(_summary(label, rows) for label in labels)
    report = Report(tuple(rows), structures, _overall(structures, rows), tolerance, nominal)
    if output is not None:
        _write(Path(output) / "evaluation.csv", _csv_text(report))
        _write(Path(output) / "evaluation.json", _json_text(report, run or {}))
    return report


def format_table(report: Report) -> str:
    """Aligned plain-text table with its rules in the footer; with few cases also each case's values."""
    parts = []
    if len(report.cases) < _FEW_CASES:
        lines = [("case", "structure", *_HEADINGS, "outcome")]
        for row in report.rows:
            lines.append((row.case, row.score.name, *_cells(asdict(row.score)), row.score.outcome))
        parts.append(_align(lines, text_columns=2))
    lines = [("structure", *_HEADINGS, *OUTCOMES)]
    for summary in (*report.structures, report.overall):
        cells = (
            f"{mean} ({spread})" for mean, spread in zip(_cells(summary.mean), _cells(summary.spread), strict=True)
        )
        lines.append((summary.name, *cells, *(str(summary.outcomes[outcome]) for outcome in OUTCOMES)))
    parts.append(_align(lines, text_columns=1))
    return "\n\n".join((*parts, "\n".join(_rules(report))))


def _check_labels(case: Case, labels: Sequence[Label]) -> None:
    unknown = set(np.unique(case.label).tolist()) - {0} - {label.value for label in labels}
    if unknown:
        values = ", ".join(str(value) for value in sorted(unknown))
        raise InputError(f"The truth of {case.name} has label {values}, unknown to the model: choose data for it.")


def _summary(label: Label, rows: Sequence[Row]) -> Summary:
    scores = [row.score for row in rows if row.score.value == label.value]
    values = {metric: [getattr(found, metric) for found in scores] for metric in METRICS}
    return Summary(
        name=label.name,
        outcomes={outcome: sum(found.outcome == outcome for found in scores) for outcome in OUTCOMES},
        mean={metric: _mean(values[metric]) for metric in METRICS},
        spread={metric: _spread(values[metric]) for metric in METRICS},
    )


def _overall(structures: Sequence[Summary], rows: Sequence[Row]) -> Summary:
    by_case: dict[str, list[StructureScore]] = {}
    for row in rows:
        by_case.setdefault(row.case, []).append(row.score)
    spread = {}
    for metric in METRICS:
        spread[metric] = _spread([_mean([getattr(found, metric) for found in scores]) for scores in by_case.values()])
    return Summary(
        name="overall",
        outcomes={outcome: sum(summary.outcomes[outcome] for summary in structures) for outcome in OUTCOMES},
        mean={metric: _mean([summary.mean[metric] for summary in structures]) for metric in METRICS},
        spread=spread,
    )


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan


def _spread(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.std(known, ddof=1)) if len(known) > 1 else math.nan


def _cells(values: Mapping[str, float]) -> list[str]:
    return [
        "-" if math.isnan(values[metric]) else f"{values[metric]:.{decimals}f}"
        for metric, decimals in zip(METRICS, _DECIMALS, strict=True)
    ]


def _align(lines: Sequence[Sequence[str]], text_columns: int) -> str:
    """Columns of equal width: the first `text_columns` to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column < text_columns else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _rules(report: Report) -> list[str]:
    rules = [
        "Mean (SD over cases). Overall: mean of the structures' means (SD of the cases' means).",
        f"Dice and NSD from 0 to 1; NSD at {report.tolerance:g} mm; HD95 also in voxels (spacing 1).",
        "Empty in truth and prediction (absent): no value. Empty in one (missed: in the prediction, spurious: in the "
        "truth): Dice 0, NSD 0, no distance.",
        "fam.: TransUNet family's rule, for comparison with its tables: spurious = Dice 1, HD95 0; absent or missed = "
        "Dice 0, HD95 0; HD95 in voxels.",
    ]
    if report.nominal:
        rules.append("The data carry no measured spacing: figures in mm, and NSD, are nominal.")
    return rules


def _csv_text(report: Report) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("case", "value", "structure", "outcome", *METRICS))
    for row in report.rows:
        values = [getattr(row.score, metric) for metric in METRICS]
        figures = ["" if math.isnan(value) else value for value in values]
        writer.writerow((row.case, row.score.value, row.score.name, row.score.outcome, *figures))
    return text.getvalue()


def _json_text(report: Report, run: Mapping[str, object]) -> str:
    content = {
        "run": dict(run),
        "rules": _rules(report),
        "tolerance_mm": report.tolerance,
        "nominal_spacing": report.nominal,
        "overall": asdict(report.overall),
        "structures": [asdict(summary) for summary in report.structures],
        "rows": [{"case": row.case, **asdict(row.score)} for row in report.rows],
    }
    return json.dumps(_without_nan(content), indent=1, allow_nan=False) + "\n"


def _without_nan(content: object) -> object:
    """`null` for every `nan`, which JSON does not know."""
    if isinstance(content, dict):
        return {key: _without_nan(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_without_nan(value) for value in content]
    return None if isinstance(content, float) and math.isnan(content) else content


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder {folder} cannot be made ({error.strerror}): choose another one.") from error
    if not os.access(folder, os.W_OK):  # known before the hours of work, not after
        raise OutputError(f"The folder {folder} is read-only: choose another one.")


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".part-{path.name}")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror}): choose another folder.") from error
    finally:
        partial.unlink(missing_ok=True)
