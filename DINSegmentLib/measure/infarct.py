"""Infarct size from the labels of a late-enhancement stack."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..errors import ModelError
from ..geometry import Geometry
from ..messages import Sentence as _
from ..model import INFARCT, MYOCARDIUM, Model, labels_of
from ..model.orientation import orientation

DENSITY = 1.05
"""Density of myocardium in g/ml, the value used throughout cardiac MR."""


@dataclass(frozen=True)
class InfarctSize:
    """Size of infarct and wall within a stack; no-reflow is part of the infarct, and both are part of the wall.

    Args:
        infarct_ml, no_reflow_ml, wall_ml: volumes in ml.
        infarct_g: mass of the infarct, with 1.05 g/ml.
        share_percent: infarct as a percentage of the wall; None if there is no wall.
        slice_infarct_ml, slice_wall_ml: for each slice, in array order.
        slice_share_percent: for each slice; None if it has no wall.
        method: how infarct was distinguished from muscle, for the user: threshold methods give different sizes.
    """

    infarct_ml: float
    no_reflow_ml: float
    wall_ml: float
    infarct_g: float
    share_percent: float | None
    slice_infarct_ml: tuple[float, ...]
    slice_wall_ml: tuple[float, ...]
    slice_share_percent: tuple[float | None, ...]
    method: str = _("by network, not by a threshold of the signal (FWHM or n-SD)")

    def as_dict(self) -> dict[str, Any]:
        """Convert for JSON: keys contain the units."""
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        return {**plain, "method": str(self.method)}


def infarct_size(labels: np.ndarray, geometry: Geometry, model: Model) -> InfarctSize:
    """Measure the infarct in total and in each slice of the model's plane.

    Args:
        labels: (K, J, I) uint8 with the model's label values.
        geometry: grid of the labels.
        model: has structures with the codes of myocardium and infarct.

    Raises:
        ModelError: the model does not label infarct or myocardium.
        ValueError: labels and geometry differ in shape.
    """
    if labels.shape != geometry.shape:
        raise ValueError(f"labels {labels.shape} and geometry {geometry.shape} differ in shape")
    dead, no_reflow, wall = infarct_values(model)
    axis = orientation(geometry, model.axes).order[0]
    across = tuple({0, 1, 2} - {axis})
    infarct, unperfused, whole = (
        np.isin(labels, values).sum(axis=across) * geometry.voxel_volume / 1000 for values in (dead, no_reflow, wall)
    )
    return InfarctSize(
        infarct_ml=float(infarct.sum()),
        no_reflow_ml=float(unperfused.sum()),
        wall_ml=float(whole.sum()),
        infarct_g=float(infarct.sum() * DENSITY),
        share_percent=_share(infarct.sum(), whole.sum()),
        slice_infarct_ml=tuple(infarct.tolist()),
        slice_wall_ml=tuple(whole.tolist()),
        slice_share_percent=tuple(_share(*pair) for pair in zip(infarct, whole, strict=True)),
    )


def infarct_values(model: Model) -> tuple[list[int], list[int], list[int]]:
    """Return the label values of the infarct including no-reflow, of no-reflow, and of the whole wall.

    Raises:
        ModelError: the model does not label infarct or myocardium.
    """
    dead, healthy = ([label.value for label in labels_of(model, code)] for code in (INFARCT, MYOCARDIUM))
    if not dead or not healthy:
        raise ModelError(
            _("The model {model} does not label infarct: choose a late-enhancement model.", model=model.id)
        )
    return dead, dead[1:], healthy + dead


def _share(part: float, whole: float) -> float | None:
    return float(100 * part / whole) if whole else None
