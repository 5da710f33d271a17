"""Small files in each format, written by other libraries."""

from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

AFFINE = np.array([[-1.5, 0.0, 0.0, 10.0], [0.0, -1.25, 0.0, 20.0], [0.0, 0.0, 8.0, 30.0], [0.0, 0.0, 0.0, 1.0]])


@pytest.fixture
def voxels() -> np.ndarray:
    """(K, J, I), no two slices alike, no symmetry."""
    return np.random.default_rng(0).integers(-500, 1500, (6, 20, 24)).astype(np.int16)


@pytest.fixture
def write_volume(tmp_path: Path, voxels: np.ndarray) -> Callable[..., Path]:
    """Write ``voxels`` (or another array) as the file type that the name says; returns the path."""

    def write(name: str, array: np.ndarray | None = None, compress: bool = False) -> Path:
        array = voxels if array is None else array
        path = tmp_path / name
        if ".nii" in name.lower():
            nibabel.save(nibabel.Nifti1Image(array.T, AFFINE), path)
            return path
        image = sitk.GetImageFromArray(array)
        image.SetSpacing((1.5, 1.25, 8.0))
        image.SetOrigin((-10.0, -20.0, 30.0))
        sitk.WriteImage(image, str(path), compress)
        return path

    return write


@pytest.fixture
def write_series(tmp_path: Path, voxels: np.ndarray) -> Callable[..., Path]:
    """Write ``voxels`` as a DICOM series whose file names and instance numbers say nothing about the order."""

    def write(
        folder: str = "series",
        orientation: tuple[float, ...] = (1, 0, 0, 0, 1, 0),
        number: int = 1,
        description: str = "cine sax",
        change: Callable[[int, FileDataset], None] | None = None,
        prefix: str = "IM",
        uid: str | None = None,
    ) -> Path:
        (tmp_path / folder).mkdir(exist_ok=True)
        row, column = np.array(orientation, dtype=float).reshape(2, 3)
        normal = np.cross(row, column)
        uid = generate_uid() if uid is None else uid
        names = np.random.default_rng(1).permutation(len(voxels))
        for k, pixels in enumerate(voxels):
            position = np.array([-10.0, -20.0, 30.0]) + 8.0 * k * normal
            path = tmp_path / folder / f"{prefix}{names[k]:04d}"
            data = _slice(path, pixels, uid, number, description)
            data.ImageOrientationPatient = [f"{v:.12g}"[:16] for v in orientation]
            data.ImagePositionPatient = [f"{v:.10f}"[:16] for v in position]
            data.InstanceNumber = int(names[k])
            if change:
                change(k, data)
            data.save_as(path, enforce_file_format=True)
        return tmp_path / folder

    return write


def _slice(path: Path, pixels: np.ndarray, uid: str, number: int, description: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = pydicom.dataset.FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    data.SeriesInstanceUID, data.SeriesNumber, data.SeriesDescription = uid, number, description
    data.Modality = "MR"
    data.Rows, data.Columns = pixels.shape
    data.PixelSpacing = ["1.25", "1.5"]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
    data.PixelData = pixels.tobytes()
    return data
