"""Bundled terminology of structures (name, code, color) for Slicer."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import slicer

from .. import resources
from ..errors import ModelError
from ..messages import Sentence as _
from ..model import TERMINOLOGY_CONTEXT, Label, catalogue

_ANATOMIC_CONTEXT = "Anatomic codes - DICOM master list"
FILE_NAME = "SegmentationCategoryTypeModifier-DINSegment.term.json"


def load() -> None:
    """Register the bundled terminology with Slicer once; it has the myocardium, which Slicer's terminologies lack.

    Raises:
        ModelError: the file is missing or cannot be read.
    """
    logic = slicer.modules.terminologies.logic()
    if logic.IsTerminologyContextLoaded(TERMINOLOGY_CONTEXT):
        return
    path = resources.root() / FILE_NAME
    try:
        content = _colored(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, LookupError, TypeError):
        content = {}
    with TemporaryDirectory() as folder:
        (colored := Path(folder) / FILE_NAME).write_text(json.dumps(content), encoding="utf-8")
        if not content or logic.LoadTerminologyFromFile(str(colored)) != TERMINOLOGY_CONTEXT:
            raise ModelError(
                _("The terminology file {path} is missing or damaged: reinstall the extension.", path=path)
            )


def _colored(content: dict[str, Any]) -> dict[str, Any]:
    """Add the colors of the bundled models' structures, which are only in their manifests."""
    colors = {
        (label.kind.value, label.modifier.value if label.modifier else ""): label.color
        for model in catalogue().values()
        for label in model.labels
    }
    for category in content["SegmentationCodes"]["Category"]:
        for kind in category["Type"]:
            for part in (kind, *kind.get("Modifier", ())):
                key = kind["CodeValue"], "" if part is kind else part["CodeValue"]
                if key in colors:
                    part["recommendedDisplayRGBValue"] = list(colors[key])
    return content


def entry(label: Label) -> str:
    """Return the structure as a terminology entry in Slicer's serialized form."""
    codes = (label.category, label.kind, label.modifier)
    named = ("^".join((one.scheme, one.value, one.meaning)) if one else "^^" for one in codes)
    return "~".join((TERMINOLOGY_CONTEXT, *named, _ANATOMIC_CONTEXT, "^^", "^^"))
