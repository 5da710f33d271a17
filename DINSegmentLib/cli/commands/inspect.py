"""`dinsegment inspect`: describe images and the model that suits each."""

from argparse import Namespace
from contextlib import ExitStack

from ...console import Console
from ...io import Reading


def inspect(options: Namespace, console: Console) -> int:
    """Return 0 if all images can be segmented, 1 if some were rejected, 2 if none can be."""
    from ...inputs import inspection, search

    with ExitStack() as unpacked:
        with console.stage("Searching for images"):
            found = search.find(
                options.inputs, options.pattern, options.recursive, series=options.series, frame=options.frame,
                reading=Reading(options.slices, options.resample), auto=True, unpack=unpacked, keep=True,
            )  # fmt: skip
        with console.stage("Reading the headers"):
            described = inspection.inspect(found)
    console.event("inspection", inspection.format_text(described), **described)
    if not described["images"]:
        return 2
    return int(any(not one["expected"] for one in described["rejected"]))
