"""Images to volume nodes, and segmentation nodes to files, through Slicer's storage."""

from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, OutputError
from ..io import header, nrrd
from ..io.image import Image
from ..messages import Sentence as _
from .boot import boot, quiet


def add_volume(image: Image) -> Any:
    """Add an image to ``slicer.mrmlScene`` as a ``vtkMRMLScalarVolumeNode``; its voxels are copied once.

    `slicer.util.addVolumeFromArray` would import all of VTK and compute a gray window, which takes half a second and is
    not needed without views.
    """
    boot()
    import slicer
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkCommonDataModel import vtkImageData
    from vtkmodules.vtkCommonMath import vtkMatrix4x4

    array = image.array
    if array.dtype.itemsize == 8:  # Slicer's volumes do not support 64-bit integers
        array = array.astype(np.float64, copy=False)
    voxels = vtkImageData()
    voxels.SetDimensions(array.shape[::-1])
    voxels.GetPointData().SetScalars(numpy_to_vtk(array.ravel(), deep=True))
    matrix = vtkMatrix4x4()
    matrix.DeepCopy(image.geometry.ijk_to_ras.ravel().tolist())
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", image.name)
    node.SetIJKToRASMatrix(matrix)
    node.SetAndObserveImageData(voxels)
    return node


def save_segmentation(node: Any, path: Path) -> None:
    """Write a segmentation node, compressed and over the full extent of its reference volume.

    Args:
        node: ``vtkMRMLSegmentationNode`` of `slicer.mrmlScene`.
        path: ends with ``.seg.nrrd``; an existing file is replaced.

    Raises:
        OutputError: the file cannot be written.
    """
    if node.GetStorageNode() is None:
        node.AddDefaultStorageNode()
    storage = node.GetStorageNode()
    storage.SetCropToMinimumExtent(False)  # the same shape as the volume, for readers that ignore offsets
    storage.SetUseCompression(True)
    storage.SetFileName(str(path.absolute()))  # relative names would refer to the scene's folder
    try:
        path.open("wb").close()  # the system's error message is better than the library's
        with quiet():
            written = storage.WriteData(node)
        if not written:
            raise OutputError(_("{path} cannot be written: check the folder and the space on the disk.", path=path))
        header.check_payload(nrrd.read_header(path).payload, path.name)  # the library does not notice a full disk
    except (OSError, InputError) as error:
        reason = getattr(error, "strerror", None) or "it was truncated"
        raise OutputError(
            _(
                "{path} cannot be written ({reason}): check the folder and the space on the disk.",
                path=path,
                reason=reason,
            )
        ) from error
