"""`dinsegment pack`: make a model folder from a training run."""

from argparse import Namespace

from ...console import Console
from ...errors import InputError
from ...model import find_model


def pack(options: Namespace, console: Console) -> int:
    """Return 0."""
    from ...training import pack as packing

    if options.share is not None and options.average is None:
        raise InputError("--share is for an average of two sets of weights: add --average, or omit --share.")
    try:
        shifts = {name: float(shift) for name, shift in options.shift}
    except ValueError as error:
        raise InputError("--shift needs a structure and a number, as in --shift Infarct 0.5.") from error
    share = 0.5 if options.share is None else options.share
    changes = packing.Changes(options.average, share, shifts)
    if options.output is not None:
        weights = packing.pack(options.run, options.output, options.overwrite, options.bits, changes)
        what = "a complete model folder"
    elif options.overwrite:
        raise InputError("--overwrite is for a new model folder: add --output, or omit --overwrite.")
    else:
        weights = packing.update(options.run, find_model(options.model).folder, options.bits, changes)
        what = "the manifest has its new checksum"
    size = weights.stat().st_size
    console.event("done", f"{weights}: {size} bytes; {what}.", weights=str(weights), bytes=size)
    return 0
