"""Probabilities of every class and voxel, which the product sums up and does not keep."""

from dataclasses import dataclass

import numpy as np

from DINSegmentLib.engine.parameters import Parameters
from DINSegmentLib.engine.resampling import to_native_grid
from DINSegmentLib.engine.segmenter import Run, Segmenter
from DINSegmentLib.geometry import Geometry


class _Kept(Run):
    """A run that keeps the softmax of each slice's scores at the volume's own resolution."""

    def take(self, place: tuple[int, int], scores) -> None:
        found = to_native_grid(scores, self.shape[1:])[0].softmax(dim=0)
        if not hasattr(self, "found"):
            self.found = np.zeros((len(found), *self.labels[0].shape))
        for target, values in zip(self.found, found.cpu().numpy(), strict=True):
            self.orient.to_model(target)[place[1]] = values
        super().take(place, scores)


@dataclass(frozen=True)
class Known:
    """Labels (K, J, I), and float64 probabilities (classes, K, J, I), background first."""

    labels: np.ndarray
    probabilities: np.ndarray


def probabilities(segmenter: Segmenter, volume: np.ndarray, geometry: Geometry, parameters=None) -> Known:
    """Of a volume, without clean-up and temperature."""
    run = _Kept(segmenter, [volume], geometry, (parameters or Parameters()).resolved(segmenter.model))
    run.over_all_slices(lambda done, total: None, lambda: False)
    return Known(run.labels[0], run.found)
