"""Attribution maps: where labels rely on the enhanced image, and where on the original."""

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
    """Map which direction of the DIFMs determines each voxel's label.

    A DIFM adds two directions: queries from the original attend to the enhanced image, and queries from the enhanced
    image attend to the original. The scores are also computed with each of them silenced, see `DIN.forward_directions`:

        attribution = p(label | enhanced image's direction alone) - p(label | original's direction alone)

    for the label predicted with both directions, before any clean-up. So

    - +1: the enhanced image's direction is sufficient for the label; the original's alone gives it probability 0;
    - -1: the reverse;
    - 0: each direction alone gives the label the same probability.

    If an image has the same features everywhere, its direction contributes nothing: the other direction alone then has
    the full network's probability and determines the sign. Two branches with equal weights and equal images
    give 0 everywhere. The map shows which direction the network relied on, not whether the label is correct.

    Args:
        segmenter: kept loaded; not changed.
        volume, geometry, parameters, progress, cancelled, name: as in `Segmenter.segment`; without map and margins.

    Returns:
        float32 (K, J, I) in [-1, 1], on the grid of the input.

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
