"""A cine as scanners store it, a series for every slice, and what a search makes of its folder."""

from pathlib import Path

import numpy as np
from input_files import image

from DINSegmentLib.inputs import search
from DINSegmentLib.inputs.candidates import Found, Refused
from DINSegmentLib.io import read_cine

AXES = np.array([[0.8, 0.6, 0.0], [0.0, 0.0, -1.0]])
NORMAL = np.cross(*AXES)
MR = "1.2.840.10008.5.1.4.1.1.4"
SLICES = 5


def cine(
    folder: Path, change=lambda k, t: {}, frames: int = 3, slices: int = SLICES, first: int = 10, prefix: str = ""
):
    """A short-axis cine of an oblique plane, a series for every slice, with values 1 + frame + 10 * slice."""
    for k in range(slices):
        for t in range(frames):
            tags = {
                "Modality": "MR", "SOPClassUID": MR, "PatientID": "P", "StudyInstanceUID": "1.2",
                "SeriesNumber": first + k, "SeriesDescription": "cine sax", "ImageType": ["ORIGINAL", "PRIMARY", "M"],
                "TriggerTime": 40 * t, "InstanceNumber": t + 1,
                "ImageOrientationPatient": [f"{v:.7f}" for v in AXES.ravel()],
                "ImagePositionPatient": [f"{v:.4f}" for v in 10 * k * NORMAL],
                "PixelData": bytes([1 + t + 10 * k, 0] * 4),
            }  # fmt: skip
            tags.update(change(k, t))
            if angle := tags.pop("angle", 0):
                turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
                tags["ImageOrientationPatient"] = [f"{v:.7f}" for v in (AXES @ turn.T).ravel()]
                tags["ImagePositionPatient"] = [f"{v:.4f}" for v in turn @ (10 * k * NORMAL)]
            uid = tags.pop("uid", f"1.2.{first + k}")
            image(folder / f"{prefix}{k:02d}_{t}", uid, k, MR, **tags)
    return folder


def found(folder: Path) -> list[Found]:
    return [item for item in search.find([folder]) if isinstance(item, Found)]


def reasons(folder: Path) -> str:
    return " ".join(item.reason for item in search.find([folder]) if isinstance(item, Refused))


def assert_one_cine(folder: Path, frames: int = 3, slices: int = SLICES) -> None:
    (one,) = found(folder)
    array = read_cine(one.path, one.series, one.files).array
    np.testing.assert_array_equal(array[:, :, 0, 0], 1 + np.arange(frames)[:, None] + 10 * np.arange(slices)[None, :])
