"""A training case as NIfTI files, for tests that segment what they also score."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from DINSegmentLib.geometry import LPS_TO_RAS
from DINSegmentLib.training.cases import Case


def write_nifti(case: Case, folder: Path) -> tuple[Path, Path]:
    """Image and label, `NAME.nii.gz` and `NAME_label.nii.gz`, in a folder that is made."""
    folder.mkdir(parents=True, exist_ok=True)
    to_lps = LPS_TO_RAS[:3, :3]
    paths = folder / f"{case.name}.nii.gz", folder / f"{case.name}_label.nii.gz"
    for array, path in zip((case.image, case.label), paths, strict=True):
        image = sitk.GetImageFromArray(np.ascontiguousarray(array))
        image.SetSpacing(case.geometry.spacing.tolist())
        image.SetOrigin((to_lps @ case.geometry.ijk_to_ras[:3, 3]).tolist())
        image.SetDirection((to_lps @ case.geometry.directions).ravel().tolist())
        sitk.WriteImage(image, str(path))
    return paths
