"""Small input files, and descriptions of search results, for tests of the search for cases."""

from pathlib import Path

import nibabel
import numpy as np
import pydicom
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from DINSegmentLib.inputs.search import Found, Refused


def volume(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(np.arange(60, dtype=np.int16).reshape(5, 4, 3), np.eye(4)), path)
    return path


def image(path: Path, series: str, k: int, kind: str = CTImageStorage, **tags) -> Path:
    """One slice of 2 x 2 pixels at k mm."""
    meta = pydicom.dataset.FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = kind, ExplicitVRLittleEndian
    meta.MediaStorageSOPInstanceUID = generate_uid()
    data = pydicom.dataset.FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    values = {
        "SOPInstanceUID": meta.MediaStorageSOPInstanceUID, "SeriesInstanceUID": series, "SeriesNumber": 1,
        "SeriesDescription": "thorax", "Modality": "CT", "Rows": 2, "Columns": 2, "PixelSpacing": [1, 1],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "ImagePositionPatient": [0, 0, k], "InstanceNumber": k,
        "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2", "BitsAllocated": 16, "BitsStored": 16,
        "HighBit": 15, "PixelRepresentation": 0, "PixelData": bytes([k] * 8),
    }  # fmt: skip
    for tag, value in {**values, **tags}.items():
        setattr(data, tag, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)
    return path


def series(folder: Path, uid: str | None = None, count: int = 4, prefix: str = "IM", **tags) -> Path:
    uid = generate_uid() if uid is None else uid
    for k in range(count):
        image(folder / f"{prefix}{k:03d}", uid, k, **tags)
    return folder


def without_mark(folder: Path, suffix: str = ".dcm", preamble: bool = False, implicit: bool = True) -> Path:
    """Rewrite a folder's DICOM files without meta header and, in general, without preamble."""
    for path in list(folder.iterdir()):
        data = pydicom.dcmread(path)
        del data.file_meta
        if not preamble:
            data.preamble = None
        pydicom.dcmwrite(path, data, implicit_vr=implicit, little_endian=True)
        path.rename(path.with_suffix(suffix))
    return folder


def cases(items) -> dict[str, Found]:
    return {item.case: item for item in items if isinstance(item, Found)}


def reasons(items) -> dict[str, str]:
    """Reason by file name; every one is one sentence on one line."""
    refused = [item for item in items if isinstance(item, Refused)]
    for item in refused:
        assert item.reason.endswith(".") and ": " in item.reason and item.reason.isprintable(), item.reason
    return {item.path.name: item.reason for item in refused}
