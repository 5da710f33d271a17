"""Current cardiac measurements of a cine's segments, for the report and the insertion points."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import scene
from ..geometry import Geometry
from ..measure import CardiacFunction, RegionalFunction, cardiac_function, regional_function_of_cine
from ..model import Model


@dataclass(frozen=True, eq=False)
class Heart:
    """A cine with its measurements.

    Args:
        labels: labels, uint8 (T, K, J, I).
        frames: voxels (K, J, I) of each frame.
        geometry: grid of all frames in world coordinates.
        function: cardiac function.
        regional: function of the wall; None if end-diastole is unknown or the model does not label the wall.
    """

    labels: np.ndarray
    frames: Sequence[np.ndarray]
    geometry: Geometry
    function: CardiacFunction
    regional: RegionalFunction | None


def measure_heart(
    node: Any, volume_node: Any, cine: scene.Cine, model: Model, figures: Sequence[float | None] = ()
) -> Heart:
    """Measure a result, using insertion points that the user has moved.

    Args:
        node: the segmentation.
        volume_node: volume that shows the cine.
        figures: heart rate (bpm), height (cm) and weight (kg), if known.

    Raises:
        DINSegmentError: a frame is missing or cannot be read, or one of ``figures`` is out of range.
    """
    labels = scene.read_cine_labels(node, cine, model.labels)
    frames, geometry = scene.read_frames(cine)
    function = cardiac_function(labels, geometry, model, cine.times_ms, *figures)
    regional = regional_function_of_cine(labels, function, geometry, model, scene.insertion_of(node, volume_node))
    return Heart(labels, frames, geometry, function, regional)
