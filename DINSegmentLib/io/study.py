"""Patient and study of a DICOM image."""

from collections.abc import Sequence
from pathlib import Path

from ..messages import Sentence as _
from .image import has_dicom_mark

_TAGS = {
    "PatientName": _("Patient"), "PatientID": _("Patient ID"), "PatientBirthDate": _("Born"), "PatientSex": _("Sex"),
    "StudyDate": _("Study date"), "StudyDescription": _("Study"), "AccessionNumber": _("Accession number"),
    "SeriesNumber": _("Series number"), "SeriesDescription": _("Series"), "Manufacturer": _("Scanner"),
}  # fmt: skip
_DATES = ("PatientBirthDate", "StudyDate")
_LONGEST = 80  # characters


def study_of(files: Sequence[Path]) -> list[tuple[str, str]]:
    """Return names and values from the first DICOM file; empty if it is not DICOM or has none of them."""
    if not files or not files[0].is_file() or not has_dicom_mark(files[0]):
        return []
    import pydicom
    from pydicom.errors import InvalidDicomError

    try:
        header = pydicom.dcmread(files[0], stop_before_pixels=True, specific_tags=["SpecificCharacterSet", *_TAGS])
        found = [(tag, " ".join(str(header.get(tag, "") or "").replace("^", " ").split())) for tag in _TAGS]
    except (InvalidDicomError, OSError, ValueError, AttributeError, KeyError, TypeError):
        return []
    return [(_TAGS[tag], (_date(text) if tag in _DATES else text)[:_LONGEST]) for tag, text in found if text]


def place_of(files: Sequence[Path]) -> tuple[str, str, str] | None:
    """Return patient ID, study and frame of reference of the first file; None unless all three are present.

    Raises:
        OSError, InvalidDicomError: the file cannot be read.
    """
    if not files or not has_dicom_mark(files[0]):
        return None
    import pydicom

    tags = ["PatientID", "StudyInstanceUID", "FrameOfReferenceUID"]
    header = pydicom.dcmread(files[0], stop_before_pixels=True, specific_tags=tags)
    patient, study, frame = (str(header.get(tag) or "") for tag in tags)
    return (patient, study, frame) if patient and study and frame else None


def _date(text: str) -> str:
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if len(text) == 8 and text.isdecimal() else text
