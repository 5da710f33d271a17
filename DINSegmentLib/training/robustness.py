"""Robustness to image quality: scores of a model in all conditions of `degradation`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from ..geometry import Geometry
from ..model import Model
from ..tabular import align, csv_of
from .cases import Case
from .degradation import CLEAN, LEVELS, conditions, degrade
from .figures import new_figure, png, rgb
from .metrics import StructureScore, score
from .report import mean

_OVERALL = "overall"


@dataclass(frozen=True)
class ConditionScore:
    """Scores of one structure of one case in one condition; `nan` if the rule of `metrics` gives no value."""

    kind: str
    level: int
    case: str
    value: int
    structure: str
    outcome: str
    dice: float
    nsd_voxel: float


@dataclass(frozen=True)
class ConditionMean:
    """One structure in one condition: mean over cases; "overall" is the mean of the structures' means."""

    kind: str
    level: int
    structure: str
    dice: float
    nsd_voxel: float


class Robustness:
    """Segments each case in all conditions and collects the scores."""

    def __init__(self, model: Model, segment: Callable[[np.ndarray, Geometry], np.ndarray]) -> None:
        self._model, self._segment = model, segment
        self._rows: list[ConditionScore] = []

    @property
    def rows(self) -> list[ConditionScore]:
        """Rows in the order of `conditions`, then of cases and structures as added."""
        order = {condition: place for place, condition in enumerate(conditions())}
        return sorted(self._rows, key=lambda row: order[row.kind, row.level])

    def add(self, case: Case, prediction: np.ndarray, scores: Sequence[StructureScore]) -> None:
        """Add the scores of the clean image, and segment the case (labels (K, J, I)) in all other conditions."""
        for kind, level in conditions():
            found = scores
            if (kind, level) != CLEAN:
                labels = self._segment(degrade(case, self._model, kind, level), case.geometry)
                found = score(labels, case.label, case.geometry.spacing, self._model.labels)
            self._rows += [
                ConditionScore(kind, level, case.name, one.value, one.name, one.outcome, one.dice, one.nsd_voxel)
                for one in found
            ]


def means(rows: Sequence[ConditionScore]) -> list[ConditionMean]:
    """Means over cases, by condition and structure in the order of `rows`, with "overall" after each condition."""
    found = []
    for kind, level in dict.fromkeys((row.kind, row.level) for row in rows):
        here = [row for row in rows if (row.kind, row.level) == (kind, level)]
        structures = []
        for name in dict.fromkeys(row.structure for row in here):
            own = [row for row in here if row.structure == name]
            values = (mean([row.dice for row in own]), mean([row.nsd_voxel for row in own]))
            structures.append(ConditionMean(kind, level, name, *values))
        values = (mean([one.dice for one in structures]), mean([one.nsd_voxel for one in structures]))
        found += [*structures, ConditionMean(kind, level, _OVERALL, *values)]
    return found


def csv_text(rows: Sequence[ConditionScore]) -> str:
    """Return CSV with a row for each condition, case and structure; missing values are empty."""
    return csv_of(ConditionScore, rows)


def json_content(rows: Sequence[ConditionScore]) -> dict[str, object]:
    """Return the strength of each level, and the means."""
    return {"levels": LEVELS, "means": [asdict(one) for one in means(rows)]}


def format_table(rows: Sequence[ConditionScore]) -> str:
    """Format as aligned plain text: a row for each condition, Dice / surface Dice of each structure, with a footer."""
    found = means(rows)
    names = list(dict.fromkeys(one.structure for one in found))
    shorten = len(names) > 5  # otherwise wider than a terminal: show only overall, the rest is in the files
    shown = [_OVERALL] if shorten else names
    lines = [["condition", *shown]]
    for kind, level in dict.fromkeys((one.kind, one.level) for one in found):
        here = {one.structure: one for one in found if (one.kind, one.level) == (kind, level)}
        title = kind if (kind, level) == CLEAN else f"{kind} {level} ({LEVELS[kind][level - 1]:g})"
        cells = (f"{_cell(here[name].dice)} / {_cell(here[name].nsd_voxel)}" for name in shown)
        lines.append([title, *cells])
    footer = "Dice / surface Dice (1 voxel): mean over cases; overall: mean of the structures' means. "
    footer += "noise: SD, share of the range; blur: SD in pixels; contrast: exponent. "
    footer += "Structures: see robustness.csv." if shorten else ""
    return align(lines, text_columns=1) + "\n\n" + footer.rstrip()


def picture(rows: Sequence[ConditionScore], model: Model) -> bytes:
    """PNG: Dice against level (0 is clean); a panel for each kind, a line for each structure and their mean."""
    dice = {(one.kind, one.level, one.structure): one.dice for one in means(rows)}
    figure = new_figure(10, 3.8)
    panels = figure.subplots(1, len(LEVELS), sharey=True)
    for axes, (kind, strengths) in zip(panels, LEVELS.items(), strict=True):
        steps = [CLEAN, *((kind, level) for level in range(1, len(strengths) + 1))]
        levels = range(len(steps))
        for label in model.labels:
            values = [dice[*step, label.name] for step in steps]
            axes.plot(levels, values, color=rgb(label), marker="o", markersize=3, linewidth=1.3, label=label.name)
        values = [dice[*step, _OVERALL] for step in steps]
        axes.plot(levels, values, color="0.2", marker="o", markersize=4, linewidth=2.4, label="mean")
        ticks = ["clean", *(f"{level}\n({strength:g})" for level, strength in enumerate(strengths, start=1))]
        axes.set(title=kind, xlabel="level (strength)", xticks=levels, xticklabels=ticks, ylim=(None, 1.0))
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("Dice")
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=5, fontsize=8, frameon=False)
    return png(figure)


def _cell(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"
