"""The bundled heart phantom as a scanner might have written it: DICOM files of every kind, for tests of reading."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

SAMPLES = Path(__file__).parents[1] / "Resources" / "SampleData"
IMAGE = sitk.ReadImage(str(SAMPLES / "cardiac_phantom_ED.nrrd"))
ED, ES = (
    sitk.GetArrayFromImage(sitk.ReadImage(str(SAMPLES / f"cardiac_phantom_{phase}.nrrd"))) for phase in ("ED", "ES")
)
AXES = np.array(IMAGE.GetDirection()).reshape(3, 3).T
"""Unit vectors along I, J, K, LPS, one row each."""

SLICES = len(ED)


def place(k: int) -> np.ndarray:
    return np.array(IMAGE.GetOrigin()) + k * IMAGE.GetSpacing()[2] * AXES[2]


def write(path: Path, pixels: np.ndarray, position: Sequence[float], series: str, **tags: Any) -> Path:
    """One slice; ``tags`` replace what is written otherwise."""
    kind = "<i2" if pixels.min() < 0 else "<u2"
    values = {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.4", "SOPInstanceUID": generate_uid(), "StudyInstanceUID": "1.2.3",
        "SeriesInstanceUID": series, "Modality": "MR", "PatientID": "P", "SeriesDescription": "sax", "SeriesNumber": 1,
        "ImageType": ["ORIGINAL", "PRIMARY", "M"], "Rows": pixels.shape[0], "Columns": pixels.shape[1],
        "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2", "BitsAllocated": 16, "BitsStored": 16,
        "HighBit": 15, "PixelRepresentation": int(pixels.min() < 0), "PixelSpacing": ["1.4", "1.4"],
        "ImagePositionPatient": [f"{v:.6f}" for v in position],
        "ImageOrientationPatient": [f"{v:.7f}" for v in AXES[:2].ravel()], "PixelData": pixels.astype(kind).tobytes(),
    }  # fmt: skip
    data = Dataset()
    for name, value in {**values, **tags}.items():
        setattr(data, name, value)
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)
    return path


def stack(folder: Path, array: np.ndarray = ED, change: Callable[[int], dict[str, Any]] = lambda k: {}) -> Path:
    """A series of one volume; ``change`` gives tags of a slice, and ``pixels`` and ``at`` instead of its own."""
    series = generate_uid()
    for k in range(len(array)):
        tags = change(k)
        pixels, position = tags.pop("pixels", array[k]), tags.pop("at", place(k))
        write(folder / f"{k}.dcm", pixels, position, series, **{"InstanceNumber": k + 1, **tags})
    return folder


def cine(
    folder: Path, change: Callable[[int, int], dict[str, Any]] = lambda k, t: {},
    frames: Sequence[np.ndarray] = (ED, ES), prefix: str = "s", number: int = 5,
) -> Path:  # fmt: skip
    """A cine with a series for every slice; ``change`` as in `stack`."""
    for k in range(SLICES):
        series = generate_uid()
        for t, array in enumerate(frames):
            tags = {"InstanceNumber": t + 1, "TriggerTime": str(100 * t), "SeriesNumber": number + k, **change(k, t)}
            pixels, position = tags.pop("pixels", array[k]), tags.pop("at", place(k))
            write(folder / f"{prefix}{k}_{t}.dcm", pixels, position, series, **tags)
    return folder


def enhanced(path: Path, pixels: np.ndarray = ED, syntax: str = ExplicitVRLittleEndian, **tags: Any) -> Path:
    """One enhanced file of all slices."""

    def group(**values: Any) -> Dataset:
        data = Dataset()
        for name, value in values.items():
            setattr(data, name, value)
        return data

    frames = [
        group(PlanePositionSequence=DicomSequence([group(ImagePositionPatient=[float(v) for v in place(k)])]))
        for k in range(len(pixels))
    ]
    shared = group(
        PlaneOrientationSequence=DicomSequence([group(ImageOrientationPatient=[float(v) for v in AXES[:2].ravel()])]),
        PixelMeasuresSequence=DicomSequence([group(PixelSpacing=[1.4, 1.4])]),
    )
    write(
        path, pixels[0], place(0), generate_uid(),
        SOPClassUID="1.2.840.10008.5.1.4.1.1.4.1", NumberOfFrames=len(pixels),
        PerFrameFunctionalGroupsSequence=DicomSequence(frames), SharedFunctionalGroupsSequence=DicomSequence([shared]),
        PixelData=pixels.astype("<u2").tobytes(), **tags,
    )  # fmt: skip
    data = pydicom.dcmread(path)
    for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
        del data[name]
    data.file_meta.TransferSyntaxUID = syntax
    data.save_as(path)
    return path
