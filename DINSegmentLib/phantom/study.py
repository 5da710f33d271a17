"""The phantom as a DICOM study: a cine, and late enhancement of the same patient in the same frame of reference."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from ..geometry import LPS_TO_RAS, Geometry
from .heart import Scar
from .sample import CYCLE_SECONDS, writable, write_whole
from .scan import CardiacPhantom

CINE, LATE = "cine", "late"
"""Folders of the series in the study's folder."""


def write_study(
    folder: str | Path, frames: int = 25, shape: tuple[int, int, int] = CardiacPhantom.shape, late: bool = True
) -> list[Path]:
    """Write a study with a file for each slice and frame; the same arguments give the same UIDs.

    Args:
        folder: created if missing; the series are in ``cine`` and ``late``.
        frames: number of frames of the cycle.
        shape: (K, J, I) of each frame.
        late: also write late enhancement of a phantom with a scar of known volume.

    Raises:
        OutputError: a file cannot be written.
    """
    folder = Path(folder)
    healthy = CardiacPhantom(shape=shape)
    cine = (healthy.frame(frame / frames)[0] for frame in range(frames))
    written = write_series(folder / CINE, cine, healthy.geometry, 1, "cine_sax", CYCLE_SECONDS * 1000 / frames)
    if late:
        scarred = CardiacPhantom(shape=shape, scar=Scar())
        written += write_series(folder / LATE, [scarred.frame(0.0)[0]], scarred.geometry, 2, "LGE_PSIR_sax")
    return written


def write_series(
    folder: Path, volumes: Iterable[np.ndarray], geometry: Geometry, number: int, description: str,
    step_ms: float | None = None, **tags: Any,
) -> list[Path]:  # fmt: skip
    """Write volumes (K, J, I) on one grid as a series of the phantom's study.

    Args:
        number: number of the series.
        description: description of the series.
        step_ms: time between frames; None if the series is not a cine.
        tags: attributes by keyword that replace the default ones.

    Raises:
        OutputError: a file cannot be written.
    """
    folder = writable(folder)
    to_patient = LPS_TO_RAS @ geometry.ijk_to_ras
    axes = (LPS_TO_RAS[:3, :3] @ geometry.directions).T  # of columns, rows and slices
    common = {
        "SOPClassUID": MRImageStorage, "StudyInstanceUID": _uid("study"), "FrameOfReferenceUID": _uid("frame"),
        "SeriesInstanceUID": _uid("series", number), "SeriesNumber": number, "SeriesDescription": description,
        "Modality": "MR", "PatientID": "PHANTOM", "PatientName": "Phantom^Cardiac", "StudyDate": "20261123",
        "StudyDescription": "Synthetic heart", "ImageType": ["ORIGINAL", "PRIMARY", "M"],
        "PixelSpacing": [f"{mm:.6f}" for mm in geometry.spacing[1::-1]], "SliceThickness": "8",
        "ImageOrientationPatient": [f"{value:.9f}" for value in axes[:2].ravel()],
        "Rows": geometry.shape[1], "Columns": geometry.shape[2], "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2", "BitsAllocated": 16, "BitsStored": 16, "HighBit": 15,
        "PixelRepresentation": 1,
    }  # fmt: skip
    written: list[Path] = []
    for frame, volume in enumerate(volumes):
        for k, pixels in enumerate(volume):
            position = (to_patient @ (0, 0, k, 1))[:3]
            own: dict[str, Any] = {
                "SOPInstanceUID": _uid("image", number, frame, k), "InstanceNumber": len(written) + 1,
                "ImagePositionPatient": [f"{value:.6f}" for value in position],
                "PixelData": np.ascontiguousarray(pixels, "<i2").tobytes(),
            }  # fmt: skip
            if step_ms is not None:
                own["TriggerTime"] = f"{frame * step_ms:.3f}"
            path = folder / f"frame{frame + 1:02d}_slice{k + 1:02d}.dcm"
            written.append(write_whole(_file({**common, **own, **tags}).save_as, path))
    return written


def _file(values: dict[str, Any]) -> pydicom.FileDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = values["SOPClassUID"], values["SOPInstanceUID"]
    data = Dataset()
    for name, value in values.items():
        setattr(data, name, value)
    return pydicom.FileDataset("", data, preamble=b"\0" * 128, file_meta=meta)


def _uid(*what: object) -> str:
    return generate_uid(entropy_srcs=["DINSegment phantom", *map(str, what)])
