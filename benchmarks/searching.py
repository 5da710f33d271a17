"""Time to find the cases among many DICOM files, compared with reading their headers once with pydicom."""

import gc
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from DINSegmentLib.errors import InputError
from DINSegmentLib.inputs.candidates import Found
from DINSegmentLib.inputs.search import find

SLICES, FRAMES = 10, 20  # of a study with one series per slice
_ROUNDS = 3
_SAME = {  # a typical scanner header, without sequences and private elements
    "SpecificCharacterSet": "ISO_IR 100", "ImageType": ["ORIGINAL", "PRIMARY", "M", "ND"],
    "SOPClassUID": MRImageStorage, "StudyDate": "20200101", "SeriesDate": "20200101", "AcquisitionDate": "20200101",
    "ContentDate": "20200101", "StudyTime": "101010", "SeriesTime": "101010", "AcquisitionTime": "101010.12",
    "ContentTime": "101010", "AccessionNumber": "1", "Modality": "MR", "Manufacturer": "M", "InstitutionName": "I",
    "ReferringPhysicianName": "R^P", "StationName": "S", "StudyDescription": "Heart", "SeriesDescription": "cine_sax",
    "ManufacturerModelName": "M", "PatientBirthDate": "19600101", "PatientSex": "M", "PatientAge": "060Y",
    "PatientSize": "1.8", "PatientWeight": "80", "BodyPartExamined": "HEART", "ScanningSequence": "GR",
    "SequenceVariant": "SK", "MRAcquisitionType": "2D", "SequenceName": "tfi2d1", "SliceThickness": "8",
    "RepetitionTime": "30", "EchoTime": "1.5", "NumberOfAverages": "1", "ImagingFrequency": "63.6",
    "ImagedNucleus": "1H", "EchoNumbers": "1", "MagneticFieldStrength": "1.5", "SpacingBetweenSlices": "10",
    "NumberOfPhaseEncodingSteps": "150", "EchoTrainLength": "1", "PercentSampling": "80",
    "PercentPhaseFieldOfView": "80", "PixelBandwidth": "900", "DeviceSerialNumber": "1", "SoftwareVersions": "1",
    "ProtocolName": "cine_sax", "NominalInterval": "900", "CardiacNumberOfImages": "20", "TransmitCoilName": "Body",
    "AcquisitionMatrix": [0, 192, 150, 0], "InPlanePhaseEncodingDirection": "ROW", "FlipAngle": "60", "SAR": "1.1",
    "PatientPosition": "HFS", "StudyID": "1", "AcquisitionNumber": "1", "FrameOfReferenceUID": "1.2.5",
    "ImageOrientationPatient": ["1", "0", "0", "0", "1", "0"], "SamplesPerPixel": 1,
    "PhotometricInterpretation": "MONOCHROME2", "Rows": 16, "Columns": 16, "PixelSpacing": ["1.4", "1.4"],
    "BitsAllocated": 16, "BitsStored": 12, "HighBit": 11, "PixelRepresentation": 0, "WindowCenter": "100",
    "WindowWidth": "200", "PixelData": np.zeros((16, 16), np.uint16).tobytes(),
}  # fmt: skip


def find_cases(files: int) -> list[dict[str, Any]]:
    """Find the cines among DICOM files, 200 per study; after a warm-up, three times.

    Returns:
        a record with medians in CPU seconds, which are least affected by other programs: ``read_seconds`` for
        pydicom to read the headers, ``convert_seconds`` to also convert all values, ``find_seconds``; ``ratio``
        of find to read; ``files`` and ``cases``.

    Raises:
        InputError: there are no files to find.
    """
    if files < 2:
        raise InputError(f"{files} files are too few to measure with: use --files 2 or more.")
    with tempfile.TemporaryDirectory() as folder:
        paths = write_studies(Path(folder), files)

        def cases() -> int:
            return sum(isinstance(item, Found) for item in find([Path(folder)]))

        found = cases()
        rounds = [
            (_time(lambda: _read(paths)), _time(lambda: _convert(paths)), _time(cases))
            for _ in range(_ROUNDS)
        ]  # fmt: skip
    read, convert, search = (statistics.median(column) for column in zip(*rounds, strict=True))
    return [
        {
            "name": "search", "files": files, "cases": found, "read_seconds": read, "convert_seconds": convert,
            "find_seconds": search, "ratio": search / read, "repeats": _ROUNDS,
        }
    ]  # fmt: skip


def format_search(records: list[dict[str, Any]]) -> str:
    """Format a sentence for each record."""
    return "\n".join(
        f"{one['cases']} cases among {one['files']} DICOM files found in {one['find_seconds']:.2f} s of the processor: "
        f"{one['ratio']:.2f} times as long as pydicom reads their headers ({one['read_seconds']:.2f} s), "
        f"{one['find_seconds'] / one['convert_seconds']:.2f} times with all values converted "
        f"({one['convert_seconds']:.2f} s)."
        for one in records
    )


def write_studies(folder: Path, files: int) -> list[Path]:
    """Write cines of small images, each in its own folder."""
    paths = []
    for number in range(files):
        study, image = divmod(number, SLICES * FRAMES)
        k, t = divmod(image, FRAMES)
        data = Dataset()
        own = {
            "SOPInstanceUID": generate_uid(), "StudyInstanceUID": f"1.2.3.{study}", "PatientID": f"P{study}",
            "SeriesInstanceUID": f"1.2.3.{study}.{k}", "PatientName": f"A^B{study}", "SeriesNumber": 5 + k,
            "InstanceNumber": t + 1, "TriggerTime": f"{30 * t}", "SliceLocation": f"{10 * k}",
            "ImagePositionPatient": ["0", "0", f"{10 * k}"],
        }  # fmt: skip
        for name, value in {**_SAME, **own}.items():
            setattr(data, name, value)
        data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        path = folder / f"study{study}" / f"{k:02d}_{t:02d}.dcm"
        path.parent.mkdir(exist_ok=True)
        data.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def _read(paths: Iterable[Path]) -> None:
    for path in paths:
        pydicom.dcmread(path, stop_before_pixels=True)


def _convert(paths: Iterable[Path]) -> None:
    for path in paths:
        list(pydicom.dcmread(path, stop_before_pixels=True))


def _time(work: Callable[[], object]) -> float:
    gc.collect()
    started = time.process_time()
    work()
    return time.process_time() - started
