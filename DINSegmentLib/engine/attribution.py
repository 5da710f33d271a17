"""Where the labels rest on the enhanced image, and where on the original."""

from collections.abc import Callable

import numpy as np
from torch import Tensor

from ..checks.volume import check_array
from ..errors import ModelError
from ..geometry import Geometry
from ..messages import Sentence as _
from .parameters import Parameters
from .resampling import to_native_grid
from .segmenter import Progress, Run, Segmenter


def attribution_map(
    segmenter: Segmenter,
    volume: np.ndarray,
    geometry: Geometry,
    parameters: Parameters | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    name: str = "The volume",
) -> np.ndarray:
    """Which direction of the DIFMs gives a voxel its label.

    A DIFM adds two directions: the original's query asks the enhanced image, and the enhanced image's asks the
    original. With one of them silenced, see `DIN.forward_directions`, the network is asked again. At every voxel,

        attribution = p(label | enhanced image's direction alone) - p(label | original's direction alone)

    of the label that wins with both, before any clean-up. So

    - +1: the enhanced image's direction suffices for the label, and the original's gives it no chance;
    - -1: the other way round;
    - 0: each alone would give the label as likely as the other; neither decided.

    A direction whose image's features are the same everywhere contributes nothing: the other one then has the
    probability of the whole network, and the attribution its sign. Two branches of equal weights that see equal images
    give 0 everywhere. It says which direction the network relied on, not whether the label is right.

    Args:
        segmenter: stays warm.
        volume, geometry, parameters, progress, cancelled, name: as in `Segmenter.segment`; probabilities are not kept.

    Returns:
        float32 (K, J, I), in [-1, 1], on the grid of the input.

    Raises:
        ModelError: the network has no DIFMs.
        InputError, GeometryError, Cancelled, OutOfMemory: as `Segmenter.segment`.
    """
    if segmenter.model.network.fusion != "difm":
        raise ModelError(
            _(
                "{model} does not use DIFM, which attribution maps require: choose another model.",
                model=segmenter.model.id,
            )
        )
    check_array(volume, geometry, name)
    run = Run(segmenter, [volume], geometry, (parameters or Parameters()).resolved(segmenter.model))
    found = np.zeros(volume.shape, np.float32)
    oriented = run.orient.to_model(found)

    def take(place: tuple[int, int], scores: Tensor) -> None:
        _frame, index = place
        both, original, enhanced = to_native_grid(scores[0], oriented.shape[1:]).softmax(dim=1)
        label = both.max(dim=0, keepdim=True).indices
        oriented[index] = (enhanced.gather(0, label) - original.gather(0, label))[0].cpu().numpy()

    run.over_slices(segmenter.directions, take, progress, cancelled)
    return found
