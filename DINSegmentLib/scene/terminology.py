"""The bundled list of structures (name, code, color) in Slicer's terminology."""

import slicer

from .. import resources
from ..errors import ModelError
from ..messages import Sentence as _
from ..model import TERMINOLOGY_CONTEXT, Label

_ANATOMIC_CONTEXT = "Anatomic codes - DICOM master list"
FILE_NAME = "SegmentationCategoryTypeModifier-DINSegment.term.json"


def load() -> None:
    """Make the bundled list known to Slicer, once; it holds the myocardium, which Slicer's own lists do not.

    Raises:
        ModelError: the file is missing or cannot be read.
    """
    logic = slicer.modules.terminologies.logic()
    if logic.IsTerminologyContextLoaded(TERMINOLOGY_CONTEXT):
        return
    path = resources.root() / FILE_NAME
    if not path.is_file() or logic.LoadTerminologyFromFile(str(path)) != TERMINOLOGY_CONTEXT:
        raise ModelError(_("The terminology file {path} is missing or damaged: reinstall the extension.", path=path))


def entry(label: Label) -> str:
    """The structure as Slicer serializes an entry of the bundled list."""
    codes = (label.category, label.kind, label.modifier)
    named = ("^".join((one.scheme, one.value, one.meaning)) if one else "^^" for one in codes)
    return "~".join((TERMINOLOGY_CONTEXT, *named, _ANATOMIC_CONTEXT, "^^", "^^"))
