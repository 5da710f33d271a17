"""Pseudonymous IDs that replace names and paths in all output of a run with ``--anonymous``.

Messages here never quote those of other modules or libraries, because these contain paths, descriptions and
headers. An ID derives only from the bytes of the input, so that the same input has the same ID
in every run and folder; only someone who has the file can identify it.
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
from ..notices import Notice
from .hashes import input_hash

_LETTERS = 16  # length of an ID

_REASONS = (
    (GeometryError, "has a shape, spacing or direction that cannot be used"),
    (InputError, "cannot be read or used"),
    (ModelError, "has a model that cannot be used"),
    (OutputError, "cannot be written: results may exist already, or the folder may be full or read-only"),
    (DINSegmentError, "could not be computed"),
    (MemoryError, "needs more memory than is free"),
    ((OSError, Unusable), "cannot be read or used"),
)

_NOTICES = {
    "input": "The image was read with a warning: run without --anonymous to see it.",
    "identity": "The images differ in patient name or study: run without --anonymous to see how.",
}
"""Texts of the kinds of notices whose own texts quote paths, descriptions and headers."""


def hide(found: Iterable[Found | Refused]) -> list[Found | Refused]:
    """Return cases with IDs and without user columns; name rejected inputs by their search order (``refused-1``).

    Inputs with identical bytes get the suffixes ``-2``, ``-3`` in search order.
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
    """Return the rest of a sentence that begins with an ID; ``error`` is None if the cause is unknown."""
    text = next((text for kind, text in _REASONS if isinstance(error, kind)), "failed unexpectedly")
    return f"{text}; use --dry-run, or omit --anonymous, to see the reason."


def hidden_image(image: io.Image, name: str) -> io.Image:
    """Return an image with another name, keeping only the bytes of a NIfTI header that describe the grid.

    Notices that may quote names say only that there is a warning.
    """
    header = nifti.grid_alone(image.nifti_header) if image.nifti_header else None
    notices = dict.fromkeys(_hidden_notice(notice) for notice in image.notices)
    return replace(image, name=name, nifti_header=header, notices=tuple(notices))


def run_name(cases: Sequence[str]) -> str:
    """Name a run for the browser's storage by its cases instead of its folder."""
    return hashlib.sha256("\n".join(sorted(cases)).encode()).hexdigest()[:_LETTERS]


def _hidden_notice(notice: Notice) -> Notice:
    return Notice(notice.kind, _NOTICES[notice.kind]) if notice.kind in _NOTICES else notice


def _name(item: Found) -> str:
    files = io.files_of(item.path, item.series, item.frame, item.files or None, item.reading)
    letters = input_hash(files)[:_LETTERS]
    return letters if item.frame is None else f"{letters}-frame{item.frame}"
