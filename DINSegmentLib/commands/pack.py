"""`dinsegment pack`."""

from argparse import Namespace

from .. import models
from ..console import Console


def pack(options: Namespace, console: Console) -> int:
    """Always 0; errors are raised."""
    from ..training.pack import pack as write

    weights = write(options.run, models.find(options.model).folder)
    size = weights.stat().st_size
    console.event(
        "done", f"{weights}: {size} bytes; the manifest has its new checksum.", weights=str(weights), bytes=size
    )
    return 0
