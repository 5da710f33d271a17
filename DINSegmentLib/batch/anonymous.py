"""Pseudonymous IDs in place of names and paths: what a run with ``--anonymous`` prints and writes.

A sentence here never repeats what another part of the program, or a library, says about an input: their texts quote
paths, descriptions and headers. An ID derives from the bytes of the input alone, so that the same input has the same ID
in every run, wherever it is; only those who have the file can identify it.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from .. import io
from ..bounded import Unusable
from ..errors import DINSegmentError, GeometryError, InputError, ModelError, OutputError
from ..inputs.candidates import Found, Refused
from ..io import nifti
from ..isolation import attempt
from .hashes import input_hash

_LETTERS = 16  # of an id

_REASONS = (
    (GeometryError, "has a shape, spacing or direction that cannot be used"),
    (InputError, "cannot be read or used"),
    (ModelError, "has a model that cannot be used"),
    (OutputError, "cannot be written: results may exist already, or the folder may be full or read-only"),
    (DINSegmentError, "could not be computed"),
    (MemoryError, "needs more memory than is free"),
    ((OSError, Unusable), "cannot be read or used"),
)


def hide(found: Iterable[Found | Refused]) -> list[Found | Refused]:
    """Cases by their ids and without own columns; what is refused by its place in the search (``refused-1``).

    Inputs with the same bytes are distinguished by ``-2``, ``-3`` in the order of the search.
    """
    hidden: list[Found | Refused] = []
    seen: Counter[str] = Counter()
    for item in found:
        fault: Exception = InputError()
        if isinstance(item, Found):
            named = attempt(partial(_name, item), "")
            fault = fault if named.fault is None else named.fault.error
            if (name := named.value) is not None:
                seen[name] += 1
                hidden.append(replace(item, case=name if seen[name] == 1 else f"{name}-{seen[name]}", extra={}))
                continue
        seen["refused"] += 1
        name = f"refused-{seen['refused']}"
        expected = isinstance(item, Refused) and item.expected
        why = "is not a volume to segment, skipped." if expected else reason(fault)
        hidden.append(Refused(Path(name), f"{name} {why}", expected))
    return hidden


def reason(error: BaseException | None) -> str:
    """What a sentence about an id goes on with; ``error``: None where all that is known is that it failed."""
    text = next((text for kind, text in _REASONS if isinstance(error, kind)), "failed unexpectedly")
    return f"{text}; use --dry-run, or omit --anonymous, to see the reason."


def hidden_image(image: io.Image, name: str) -> io.Image:
    """An image by another name, and with only those bytes of a NIfTI header that describe the grid."""
    header = nifti.grid_alone(image.nifti_header) if image.nifti_header else None
    notices = tuple(notice for notice in image.notices if notice.kind != "identity")
    return replace(image, name=name, nifti_header=header, notices=notices)


def run_name(cases: Sequence[str]) -> str:
    """Names a run for the browser's memory, by its cases instead of its folder."""
    return hashlib.sha256("\n".join(sorted(cases)).encode()).hexdigest()[:_LETTERS]


def _name(item: Found) -> str:
    files = io.files_of(item.path, item.series, item.frame, item.files or None, item.reading)
    letters = input_hash(files)[:_LETTERS]
    return letters if item.frame is None else f"{letters}-frame{item.frame}"
