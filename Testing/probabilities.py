"""Probabilities of all classes and voxels, which the product sums up and does not keep."""

from dataclasses import dataclass

import numpy as np

from DINSegmentLib.engine.accumulators import Labels
from DINSegmentLib.engine.parameters import Parameters
from DINSegmentLib.engine.resampling import to_native_grid
from DINSegmentLib.engine.segmenter import Run, Segmenter
from DINSegmentLib.geometry import Geometry


@dataclass(frozen=True)
class Known:
    """Labels (K, J, I), and float64 probabilities (classes, K, J, I), background first."""

    labels: np.ndarray
    probabilities: np.ndarray


def probabilities(segmenter: Segmenter, volume: np.ndarray, geometry: Geometry, parameters=None) -> Known:
    """Of a volume, without clean-up and temperature."""
    run = Run(segmenter, [volume], geometry, (parameters or Parameters()).resolved(segmenter.model))
    labels = Labels(segmenter.model, run.parameters, run.orient, 1, volume.shape)
    found = np.zeros((segmenter.model.network.classes, *volume.shape))

    def take(place: tuple[int, int], scores) -> None:
        native = to_native_grid(scores, run.orient.to_model(volume).shape[1:])[0].softmax(dim=0)
        for target, values in zip(found, native.cpu().numpy(), strict=True):
            run.orient.to_model(target)[place[1]] = values
        labels.take(place, scores)

    run.over_slices(segmenter.scores, take)
    return Known(labels.labels[0], found)
