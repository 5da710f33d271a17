"""Inspection of the images of a file or study, and the model that suits each, from their headers."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from ..checks import fit
from ..geometry import Geometry
from ..io.image import image_suffix
from ..io.probe import Glance, peek
from ..isolation import attempt
from ..model import Model, catalogue
from ..notices import Notice
from .candidates import Found, Refused, shown

SCHEMA_VERSION = 1
_KINDS = {
    ".nii.gz": "NIfTI", ".nii": "NIfTI", ".nrrd": "NRRD", ".nhdr": "NRRD", ".mha": "MetaImage", ".mhd": "MetaImage",
    "": "DICOM",
}  # fmt: skip


def inspect(found: Sequence[Found | Refused]) -> dict[str, Any]:
    """Describe each image; nothing is written.

    Args:
        found: result of `search.find` with ``auto`` and ``keep``.

    Returns:
        values for JSON:

        - ``schema``: version of this format.
        - ``images``, in order: ``name``; ``path``; ``kind`` (``DICOM``, ``NIfTI``, ``NRRD`` or ``MetaImage``);
          ``series`` and ``frame``, for the options of these names (null: not needed); ``files`` and ``bytes``
          on disk; ``modality`` (null: not in this format); ``frames``; ``shape`` (K, J, I) of a frame;
          ``spacing`` (I, J, K) in mm; ``orientation``, see `Geometry.letters`; ``oblique``, the largest angle in
          degrees between an image axis and the closest body axis; ``slices``, the axis across them (``i``, ``j`` or
          ``k``); ``ijk_to_ras`` (4, 4) in mm; ``memory_bytes`` needed for a run; ``model``, chosen by `study`
          (null: no certain choice), and ``why``; ``notices`` about the image; and ``fit``: for each model, notices
          about how the image differs from its training data, as far as the header shows.
        - ``rejected``: ``path``, ``reason`` (a sentence), ``expected`` (not a fault of the data, see `Refused`).
    """
    models = catalogue()
    images, rejected = [], []
    for item in found:
        if isinstance(item, Refused):
            rejected.append({"path": str(item.path), "reason": item.reason, "expected": item.expected})
            continue
        looked = attempt(partial(_image, item, models), shown(item.path))
        if looked.value is None:
            reason = looked.fault.text if looked.fault else ""
            rejected.append({"path": str(item.path), "reason": reason, "expected": False})
        else:
            images.append(looked.value)
    return {"schema": SCHEMA_VERSION, "images": images, "rejected": rejected}


def header_notices(glance: Glance, model: Model) -> list[Notice]:
    """Notices about how an image differs from a model's training data that can be found without voxels."""
    seen = fit.Look(glance.geometry, math.nan, math.nan, glance.modality or "")
    return [one for one in fit.notices(seen, model) if one.kind != "range"]


def format_text(inspection: dict[str, Any]) -> str:
    """Format an inspection as text: a paragraph for each image, then omitted and rejected inputs, then counts."""
    images, rejected = inspection["images"], inspection["rejected"]
    paragraphs = [_paragraph(image) for image in images]
    if rejected:
        paragraphs.append(
            "\n".join(f"{'Left out' if one['expected'] else 'Rejected'}: {one['reason']}" for one in rejected)
        )
    left_out = sum(one["expected"] for one in rejected)
    suited = sum(image["model"] is not None for image in images)
    plural = "" if len(images) == 1 else "s"
    paragraphs.append(
        f"{len(images)} image{plural}, {suited} with a suitable model; {left_out} left out, "
        f"{len(rejected) - left_out} rejected."
    )
    return "\n\n".join(paragraphs)


def _image(found: Found, models: dict[str, Model]) -> dict[str, Any]:
    glance = peek(found.path, found.series, found.frame, found.files, all_frames=True, reading=found.reading)
    geometry = glance.geometry
    return {
        "name": found.case,
        "path": str(found.path),
        "kind": _KINDS[image_suffix(found.path) if not found.files else ""],
        "series": found.series,
        "frame": found.frame,
        "files": max(1, len(found.files)),
        "bytes": found.size,
        "modality": glance.modality,
        "frames": glance.frames,
        "shape": list(geometry.shape),
        "spacing": [round(float(mm), 4) for mm in geometry.spacing],
        "orientation": geometry.letters,
        "oblique": _oblique(geometry),
        "slices": "kji"[geometry.across],
        "ijk_to_ras": geometry.ijk_to_ras.tolist(),
        "memory_bytes": glance.memory,
        "model": found.model,
        "why": found.why,
        "notices": [one.as_dict() for one in (*found.notices, *glance.notices)],
        "fit": {name: [one.as_dict() for one in header_notices(glance, model)] for name, model in models.items()},
    }


def _oblique(geometry: Geometry) -> float:
    axes = ["RLAPSI".index(letter) // 2 for letter in geometry.letters]
    along = np.abs(geometry.directions[axes, range(3)]).min()
    return round(math.degrees(math.acos(min(1.0, float(along)))), 1)


def _paragraph(image: dict[str, Any]) -> str:
    size = " x ".join(str(n) for n in reversed(image["shape"]))
    frames = f", {image['frames']} frames" if image["frames"] > 1 else ""
    spacing = " x ".join(f"{mm:.3g}" for mm in image["spacing"])
    turned = f", {image['oblique']:.0f} degrees oblique" if image["oblique"] >= 1 else ""
    kind = " ".join(filter(None, (image["kind"], image["modality"])))
    lines = [
        f"{shown(image['name'])}: {kind}",
        f"  {size} voxels{frames}, {spacing} mm, orientation {image['orientation']}{turned}, "
        f"slices along {image['slices'].upper()}",
        f"  Model: {image['model'] or 'none chosen'} ({image['why']})",
    ]
    lines += [f"  {one['text']}" for one in image["notices"]]
    for name, notices in image["fit"].items():
        if image["model"] in (name, None):
            lines += [f"  {name}: {one['text']}" for one in notices]
    return "\n".join(lines)
