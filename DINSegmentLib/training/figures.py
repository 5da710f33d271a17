"""Pictures of an evaluation: the spread over cases, and where the worst cases go wrong; PNG by matplotlib."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine.preprocessing import normalization
from ..model import Label, Model
from ..model.orientation import orientation
from .cases import Case
from .metrics import StructureScore
from .report import Report, mean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WORST = 3
_SLICES = 4
_ROOM = 0.3  # shown around the structures, in sizes of the box that holds them all
# as radiologists look: rows run to the back or down, columns to the patient's left
_ROWS, _COLUMNS = "PI", "LP"


@dataclass(frozen=True)
class _Panel:
    """One slice: its number in the file, counted from 1, and (H, W) grey values in [0, 1], truth and prediction."""

    number: int
    image: np.ndarray
    truth: np.ndarray
    prediction: np.ndarray


@dataclass(frozen=True)
class _Bad:
    case: str
    dice: float
    aspect: float  # height of a pixel by its width
    panels: tuple[_Panel, ...]


class WorstCases:
    """The three cases with the lowest mean Dice over structures; of each, only the slices that are drawn are kept."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._found: list[_Bad] = []

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the cases, the worst first."""
        return tuple(bad.case for bad in self._found)

    def add(self, case: Case, prediction: np.ndarray, scores: Sequence[StructureScore]) -> None:
        """Look at one case; `prediction` holds label values (K, J, I). One without any value is left out."""
        dice = mean([found.dice for found in scores])
        if math.isnan(dice) or (len(self._found) == WORST and dice >= self._found[-1].dice):
            return
        self._found.append(_bad(case, prediction, dice, self._model))
        self._found = sorted(self._found, key=lambda bad: bad.dice)[:WORST]

    def picture(self) -> bytes:
        """PNG: a row for each case, with the four slices of the most disagreement; empty when no case had a value."""
        figure = new_figure(2.6 * _SLICES, 2.9 * max(1, len(self._found)) + 0.6)
        grid = figure.subplots(max(1, len(self._found)), _SLICES, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for row, bad in zip(grid, self._found, strict=False):
            row[0].set_title(f"{bad.case}   Dice {bad.dice:.3f}", loc="left", fontsize=10, pad=18)
            for axes, panel in zip(row, bad.panels, strict=False):
                self._draw(axes, panel, bad.aspect)
        self._legend(figure)
        return png(figure)

    def _draw(self, axes: Any, panel: _Panel, aspect: float) -> None:
        axes.imshow(panel.image, cmap="gray", vmin=0, vmax=1, aspect=aspect)
        axes.text(0, 1.01, f"slice {panel.number}", transform=axes.transAxes, fontsize=8, va="bottom")
        for label in self._model.labels:
            _contour(axes, panel.prediction == label.value, rgb(label), "solid", 1.6)
        for label in self._model.labels:
            _contour(axes, panel.truth == label.value, (1, 1, 1), (0, (3, 3)), 0.9)

    def _legend(self, figure: Figure) -> None:
        from matplotlib.lines import Line2D

        lines = [Line2D([], [], color="white", linestyle=(0, (3, 3)), linewidth=1.2, label="truth")]
        lines += [
            Line2D([], [], color=rgb(label), label=label.name if n else f"prediction: {label.name}")
            for n, label in enumerate(self._model.labels)
        ]
        figure.legend(
            handles=lines, loc="outside lower center", ncols=5, fontsize=8, facecolor="0.25", labelcolor="white"
        )


def boxplots(report: Report, labels: Sequence[Label]) -> bytes:
    """PNG: Dice and surface Dice (1 voxel) of each structure; every case is a dot over its box."""
    figure = new_figure(10, 1.6 + 0.45 * len(labels))
    panels = figure.subplots(1, 2, sharey=True)
    random = np.random.default_rng(0)
    for axes, metric, title in zip(panels, ("dice", "nsd_voxel"), ("Dice", "Surface Dice (1 voxel)"), strict=True):
        for place, label in enumerate(labels):
            values = np.array([getattr(row.score, metric) for row in report.rows if row.score.value == label.value])
            values = values[~np.isnan(values)]
            if not len(values):
                continue
            axes.boxplot(
                values, positions=[place], orientation="horizontal", widths=0.6, showfliers=False, manage_ticks=False,
                medianprops={"color": "0.2"}, boxprops={"color": "0.5"}, whiskerprops={"color": "0.5"},
                capprops={"color": "0.5"},
            )  # fmt: skip
            heights = place + random.uniform(-0.2, 0.2, len(values))
            axes.scatter(values, heights, s=14, color=rgb(label), edgecolors="0.3", linewidths=0.4, zorder=3)
        axes.set(title=title, xlim=(None, 1.005), yticks=range(len(labels)), ylim=(len(labels) - 0.5, -0.5))
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="x", alpha=0.3)
    panels[0].set_yticklabels([label.name for label in labels])
    return png(figure)


def new_figure(width: float, height: float) -> Figure:
    """Figure of a size in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=120, layout="constrained")


def png(figure: Figure) -> bytes:
    """The figure as a PNG file; needs no screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    data = io.BytesIO()
    FigureCanvasAgg(figure).print_png(data)
    return data.getvalue()


def rgb(label: Label) -> tuple[float, float, float]:
    """Colour of a structure, (r, g, b) in [0, 1]."""
    red, green, blue = (channel / 255 for channel in label.color)
    return red, green, blue


def _bad(case: Case, prediction: np.ndarray, dice: float, model: Model) -> _Bad:
    orient = orientation(case.geometry, replace(model.axes, rows=_ROWS, columns=_COLUMNS))
    image, truth, prediction = (orient.to_model(array) for array in (case.image, case.label, prediction))
    normalize = normalization(case.image, model.intensity)
    held = np.any((truth > 0) | (prediction > 0), axis=0)
    field = _extent(np.any(held, axis=1)), _extent(np.any(held, axis=0))
    wrong = np.count_nonzero(truth != prediction, axis=(1, 2))
    chosen = np.argsort(-wrong, kind="stable")[:_SLICES].tolist()
    numbers = {index: len(truth) - index if orient.flipped[0] else index + 1 for index in chosen}
    panels = tuple(
        _Panel(number, normalize(image[index][field]), truth[index][field].copy(), prediction[index][field].copy())
        for index, number in sorted(numbers.items(), key=lambda item: item[1])
    )
    return _Bad(case.name, dice, orient.spacing[1] / orient.spacing[2], panels)


def _extent(held: np.ndarray) -> slice:
    where = np.flatnonzero(held)
    if not len(where):
        return slice(0, len(held))
    first, last = where[0], where[-1] + 1
    room = max(2, round(_ROOM * (last - first)))
    return slice(max(0, first - room), min(len(held), last + room))


def _contour(axes: Any, mask: np.ndarray, color: tuple[float, float, float], style: Any, width: float) -> None:
    if mask.any() and not mask.all():
        axes.contour(mask.astype(np.float32), [0.5], colors=[color], linestyles=[style], linewidths=width)
