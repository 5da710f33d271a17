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
    share = 0.5 if options.share is None else options.share
    average = None if options.average is None else packing.Average(options.average, share)
    if options.output is not None:
        weights = packing.pack(options.run, options.output, options.overwrite, options.bits, average)
        what = "a complete model folder"
    elif options.overwrite:
        raise InputError("--overwrite is for a new model folder: add --output, or omit --overwrite.")
    else:
        weights = packing.update(options.run, find_model(options.model).folder, options.bits, average)
        what = "the manifest has its new checksum"
    size = weights.stat().st_size
    console.event("done", f"{weights}: {size} bytes; {what}.", weights=str(weights), bytes=size)
    return 0
