"""Figures of an evaluation: the spread over cases, and the errors of the worst cases; PNG."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from ..engine.preprocessing import normalization
from ..model import Label, Model
from ..model.orientation import orientation
from ..pictures.overlay import outlined, overlay
from ..pictures.sheet import Entry, tiles, write
from ..pictures.slices import COLUMNS, ROWS
from ..pictures.thumbnails import TILE, square
from .cases import Case
from .metrics import StructureScore
from .report import Report, mean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WORST = 3
_SLICES = 4


@dataclass(frozen=True)
class _Bad:
    """A case, its mean Dice, and images of its slices by their number in the file, counted from 1."""

    case: str
    dice: float
    pictures: dict[int, Image.Image]


class WorstCases:
    """The three cases with the lowest mean Dice over structures; only the slices to draw are kept."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._found: list[_Bad] = []

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the cases, worst first."""
        return tuple(bad.case for bad in self._found)

    def add(self, case: Case, prediction: np.ndarray, scores: Sequence[StructureScore]) -> None:
        """Add a case, unless it has no Dice; `prediction` has label values (K, J, I)."""
        dice = mean([found.dice for found in scores])
        if math.isnan(dice) or (len(self._found) == WORST and dice >= self._found[-1].dice):
            return
        self._found.append(_bad(case, prediction, dice, self._model))
        self._found = sorted(self._found, key=lambda bad: bad.dice)[:WORST]

    def picture(self) -> bytes:
        """PNG: a row for each case, with the four slices of largest disagreement; without cases only the legend.

        Structures are those of the prediction, in their colors; the reference is a dashed white outline.
        """
        rows = [(f"{bad.case}   Dice {bad.dice:.3f}", list(bad.pictures.values())) for bad in self._found]
        legend = [Entry(label.value, label.color, label.name, "prediction") for label in self._model.labels]
        rows = rows or [("No case has a Dice.", [Image.new("RGB", (TILE, TILE))])]
        data = io.BytesIO()
        tiles(rows, [*legend, Entry("", (255, 255, 255), "Truth", "dashed")]).save(data, "PNG")
        return data.getvalue()


def boxplots(report: Report, labels: Sequence[Label]) -> bytes:
    """PNG: Dice and surface Dice (1 voxel) of each structure, with a dot for each case over its box."""
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
    """Create a figure; width and height in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=120, layout="constrained")


def png(figure: Figure) -> bytes:
    """Render the figure as PNG without a display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    data = io.BytesIO()
    FigureCanvasAgg(figure).print_png(data)
    return data.getvalue()


def rgb(label: Label) -> tuple[float, float, float]:
    """Color of a structure, (r, g, b) in [0, 1]."""
    red, green, blue = (channel / 255 for channel in label.color)
    return red, green, blue


def _bad(case: Case, prediction: np.ndarray, dice: float, model: Model) -> _Bad:
    orient = orientation(case.geometry, replace(model.axes, rows=ROWS, columns=COLUMNS))
    image, truth, prediction = (orient.to_model(array) for array in (case.image, case.label, prediction))
    normalize = normalization(case.image, model.intensity)
    field, size = square(np.any((truth > 0) | (prediction > 0), axis=0), np.array(orient.spacing[1:]))
    wrong = np.count_nonzero(truth != prediction, axis=(1, 2))
    chosen = np.argsort(-wrong, kind="stable")[:_SLICES].tolist()
    numbers = {len(truth) - index if orient.flipped[0] else index + 1: index for index in chosen}
    pictures = {}
    for number, index in sorted(numbers.items()):
        drawn = overlay(normalize(image[index][field]), prediction[index][field], size, model.labels)
        pictures[number] = Image.new("RGB", (TILE, TILE))
        pictures[number].paste(outlined(drawn, truth[index][field]), ((TILE - size[0]) // 2, (TILE - size[1]) // 2))
        write(ImageDraw.Draw(pictures[number]), (6, 6), f"slice {number}", 13, "lt")
    return _Bad(case.name, dice, pictures)
