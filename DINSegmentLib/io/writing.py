"""Writing of arrays on the grid of the image that they belong to."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..errors import OutputError
from ..geometry import LPS_TO_RAS
from . import nifti
from .image import Image, check_name, image_suffix


def write_labelmap(labels: np.ndarray, image: Image, path: Path, seconds: float | None = None) -> None:
    """Write a label map with the shape, voxel order and affine matrix of its image.

    Args:
        labels: (K, J, I), or (T, K, J, I) of a cine, uint8.
        image: the input, or a frame of it, which defines the grid.
        path: a ``.nii.gz`` or ``.nii`` file; an existing file is replaced.
        seconds: between frames, for a cine that was not a NIfTI file.

    Raises:
        OutputError: the file cannot be written.
        InputError: its name is not UTF-8.
    """
    _write(labels.astype(np.uint8, copy=False), image, path, seconds)


def write_volume(array: np.ndarray, image: Image, path: Path) -> None:
    """Write a float32 volume (K, J, I) on the grid of its image as NIfTI, NRRD or MetaImage, depending on the suffix.

    Raises:
        OutputError: the file cannot be written, or its suffix is not a volume format.
        InputError: its name is not UTF-8.
    """
    _write(array.astype(np.float32, copy=False), image, path)


def _write(array: np.ndarray, image: Image, path: Path, seconds: float | None = None) -> None:
    check_name(path)
    suffix = image_suffix(path)
    try:
        if suffix in (".nii.gz", ".nii"):
            nifti.write(array, image.geometry, image.nifti_header, path, seconds)
        elif suffix in (".nrrd", ".mha"):
            path.open("wb").close()  # the system's error message is better than the library's
            sitk.WriteImage(_on_grid(array, image), str(path), True)
        else:
            raise OutputError(f"{path.name} is not the name of a volume file: use .nii.gz, .nrrd or .mha.")
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or "the disk may be full"
        raise OutputError(
            f"{path} cannot be written ({reason}): check the folder and the space on the disk."
        ) from error


def _on_grid(array: np.ndarray, image: Image) -> sitk.Image:
    result = sitk.GetImageFromArray(array)
    to_lps = LPS_TO_RAS[:3, :3]
    result.SetOrigin((to_lps @ image.geometry.ijk_to_ras[:3, 3]).tolist())
    result.SetDirection((to_lps @ image.geometry.directions).ravel().tolist())
    result.SetSpacing(image.geometry.spacing.tolist())
    return result
