"""`dinsegment function`: `dinsegment segment` for one cine and a cardiac model."""

from argparse import Namespace

from ...console import Console
from ...errors import InputError, ModelError
from ...model import find_model
from .segment import segment


def function(options: Namespace, console: Console) -> int:
    """Run `segment` for a single cine."""
    from ... import io
    from ...batch.cine_results import is_of_heart

    model, (path,) = find_model(options.model), options.inputs
    if not is_of_heart(model):
        raise ModelError(f"The model {model.id} does not label the left ventricle: choose a cardiac model.")
    if path.is_file() and options.series is None and io.count_frames(path) == 1:
        raise InputError(f"{path} has a single frame and is not a cine: use dinsegment segment.")
    return segment(options, console)
