"""Evaluation of a segmentation function on cases with reference segmentations, and its output files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError, OutputError
from ..geometry import Geometry
from .cases import Case
from .metrics import NSD_TOLERANCE_MM, StructureScore, score
from .report import Report, Row, summarise
from .run import write

if TYPE_CHECKING:
    from ..model import Label

# files that an evaluation may write
FILES = (
    "evaluation.csv", "evaluation.json", "boxplots.png", "worst.png", "robustness.csv", "robustness.png",
    "function.csv", "function.png", "infarct.csv",
)  # fmt: skip
Seen = Callable[[Case, np.ndarray, Sequence[StructureScore]], None]


def evaluate(
    segment: Callable[[np.ndarray, Geometry], np.ndarray],
    cases: Iterable[Case],
    labels: Sequence[Label],
    *,
    tolerance: float = NSD_TOLERANCE_MM,
    seen: Sequence[Seen] = (),
    progress: Callable[[int, str], None] | None = None,
) -> Report:
    """Segment each case and score it against its reference.

    Args:
        segment: maps the image (K, J, I) and geometry of a `Case` to label values of the same shape.
        cases: cases with references; only one is kept in memory.
        labels: structures to score.
        tolerance: tolerance of the normalized surface Dice in mm.
        seen: each is called with a case, its predicted labels (K, J, I) and its scores, before `progress`.
        progress: called after each case with the number of finished cases and the case's name.

    Raises:
        InputError: there are no cases, or a reference has a value that is not in `labels`.
    """
    rows: list[Row] = []
    nominal = False
    for done, case in enumerate(cases, start=1):
        _check_labels(case, labels)
        prediction = segment(case.image, case.geometry)
        scores = score(prediction, case.label, case.geometry.spacing, labels, tolerance)
        rows += [Row(case.name, case.subject or case.name, found) for found in scores]
        nominal |= case.nominal
        for look in seen:
            look(case, prediction, scores)
        if progress is not None:
            progress(done, case.name)
    if not rows:
        raise InputError("No case to evaluate: choose a data folder and split that have some.")
    return summarise(rows, labels, tolerance, nominal)


def save(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write the files of an evaluation by name, and remove other files of an earlier one.

    Args:
        folder: created if missing.
        files: contents of some of `FILES`.

    Raises:
        OutputError: the folder cannot be written.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in FILES:  # files of another evaluation would be misleading
            if name not in files:
                (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"The folder {folder} cannot be written ({error.strerror}): choose another one.") from error
    for name, content in files.items():
        write(folder / name, content.encode() if isinstance(content, str) else content)


def _check_labels(case: Case, labels: Sequence[Label]) -> None:
    unknown = set(np.unique(case.label).tolist()) - {0} - {label.value for label in labels}
    if unknown:
        values = ", ".join(str(value) for value in sorted(unknown))
        raise InputError(f"The reference of {case.name} has label {values}, unknown to the model: use data for it.")
