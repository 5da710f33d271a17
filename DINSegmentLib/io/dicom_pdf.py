"""DICOM Encapsulated PDF: a report stored with the images that it describes."""

from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, EncapsulatedPDFStorage, ExplicitVRLittleEndian

from ..errors import InputError, OutputError
from ..model import Model
from .dicom_source import LONGEST_TEXT, MANUFACTURER, UTF8, Source, equipment, one_line, reference, unusable

_FROM_IMAGES = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "PatientAge", "StudyInstanceUID", "StudyDate",
    "StudyTime", "StudyID", "StudyDescription", "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip


def write_dicom_pdf(
    pdf: bytes, source: Source, model: Model, path: Path, seed: bytes, title: str, labels: np.ndarray,
    content: bytes,
) -> Dataset:  # fmt: skip
    """Write a PDF as a DICOM file and verify it by reading it back.

    The UID of the instance derives from the seed, the labels and ``content``, not from the PDF, which contains the date
    of the run.

    Args:
        pdf: content of a PDF file.
        source: slices of the study that the report describes.
        model: model that made the results.
        path: file to write; the caller removes it after an error.
        seed: as in `dicom_seg.write_dicom_seg`.
        title: title of the document.
        labels: labels of all frames that the report describes.
        content: what the report says, without dates.

    Raises:
        InputError: ``pdf`` is not a PDF, or the source has values that DICOM does not allow.
        OutputError: the written file differs from what was intended.
    """
    if not pdf.startswith(b"%PDF-"):
        raise InputError("The report is not a PDF file: create it again.")
    try:
        dataset = _build(pdf, source, model, seed, title, labels, content)
        dataset.save_as(path, enforce_file_format=True)
    except (AttributeError, KeyError, ValueError) as error:
        raise unusable(source, error) from error
    try:
        stored = pydicom.dcmread(path)
        whole = stored.EncapsulatedDocument[: stored.EncapsulatedDocumentLength]
    except Exception as error:  # whatever the error, the file is unusable
        raise OutputError(f"{path.name} cannot be read back ({one_line(error)}): check the disk.") from error
    if whole != pdf:
        raise OutputError(f"{path.name} differs from the report written: check the disk.")
    return dataset


def _build(
    pdf: bytes, source: Source, model: Model, seed: bytes, title: str, labels: np.ndarray, content: bytes
) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = EncapsulatedPDFStorage, ExplicitVRLittleEndian
    deciding = str(labels.shape).encode(), labels.tobytes(), content
    meta.MediaStorageSOPInstanceUID = UID(source.uid(seed, b"document", *deciding))
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SpecificCharacterSet = UTF8
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    for name in _FROM_IMAGES:
        if name in source.headers[0]:
            data[name] = source.headers[0][name]
    data.Modality, data.SeriesNumber, data.InstanceNumber = "DOC", source.series_number(2), 1
    data.SeriesInstanceUID = source.uid(seed, b"document series")
    data.SeriesDescription = f"{MANUFACTURER} report"
    made_by = equipment(model)
    data.Manufacturer, data.ManufacturerModelName = made_by["manufacturer"], made_by["manufacturer_model_name"]
    data.DeviceSerialNumber, data.SoftwareVersions = made_by["device_serial_number"], made_by["software_versions"]
    data.ConversionType = "WSD"
    data.ContentDate, data.ContentTime = source.content_date
    data.AcquisitionDateTime = ""
    data.BurnedInAnnotation = "YES"  # a report may name the patient
    data.SourceInstanceSequence = [reference(one) for one in source.objects]
    data.DocumentTitle = title[:LONGEST_TEXT]
    data.ConceptNameCodeSequence = [_title_code()]
    data.MIMETypeOfEncapsulatedDocument = "application/pdf"
    data.EncapsulatedDocumentLength = len(pdf)
    data.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    return data


def _title_code() -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "126000", "DCM", "Imaging Measurement Report"
    return item
