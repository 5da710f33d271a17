"""Position of a volume's voxels in the patient: shape, IJK-to-RAS matrix, and values derived from them."""

from dataclasses import dataclass
from itertools import permutations

import numpy as np

from .errors import GeometryError
from .messages import Sentence as _

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""From the LPS axes of DICOM and ITK to RAS; its own inverse. Shared: do not modify."""


CUBIC = 1.2
"""If no axis has voxels longer by more than this factor, voxel size does not reveal the slice axis."""


@dataclass(frozen=True, eq=False)
class Geometry:
    """Grid of a volume.

    Args:
        shape: number of voxels along (K, J, I), the axes of the numpy array.
        ijk_to_ras: (4, 4) float64, maps voxel indices (i, j, k, 1) to RAS+ millimeters.
        slice_axis: array axis along which slices were acquired, 0 for K; None if unknown, see `across`.

    Raises:
        GeometryError: the matrix is not finite, not affine or singular, or a spacing is 0.
    """

    shape: tuple[int, int, int]
    ijk_to_ras: np.ndarray
    slice_axis: int | None = None

    def __post_init__(self) -> None:
        matrix = np.array(self.ijk_to_ras, dtype=np.float64)
        object.__setattr__(self, "ijk_to_ras", matrix)
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
            raise GeometryError(_("The volume's IJK-to-RAS matrix is not finite: check the file's header."))
        if (matrix[3] != (0, 0, 0, 1)).any():
            raise GeometryError(
                _("The volume's IJK-to-RAS matrix is not affine: harden its transform, or load it again.")
            )
        if (self.spacing <= 0).any():
            raise GeometryError(_("The volume has a voxel spacing of zero: check the file's header."))
        if abs(np.linalg.det(matrix[:3, :3] / self.spacing)) < 1e-3:
            raise GeometryError(_("The volume's direction matrix is singular: check the file's header."))

    @property
    def spacing(self) -> np.ndarray:
        """Voxel size in mm along (I, J, K)."""
        return np.linalg.norm(self.ijk_to_ras[:3, :3], axis=0)

    @property
    def directions(self) -> np.ndarray:
        """(3, 3) unit vectors in RAS, one column for each of I, J, K."""
        return self.ijk_to_ras[:3, :3] / self.spacing

    @property
    def across(self) -> int:
        """Array axis across the slices: as acquired if known, otherwise the one with the largest voxels.

        If no axis stands out by more than `CUBIC`, it is K, the axis along which files are stacked.
        """
        if self.slice_axis is not None:
            return self.slice_axis
        spacing = self.spacing[::-1]
        *_, second, largest = np.sort(spacing)
        return int(np.argmax(spacing)) if largest > CUBIC * second else 0

    @property
    def letters(self) -> str:
        """Directions in which I, J and K increase, such as ``LPS``: for each the nearest body axis, without repeats."""
        directions = self.directions
        order = max(permutations(range(3)), key=lambda axes: float(np.abs(directions[axes, range(3)]).sum()))
        return "".join(("RAS" if directions[axis, n] > 0 else "LPI")[axis] for n, axis in enumerate(order))

    @property
    def voxel_volume(self) -> float:
        """Volume of one voxel in mm^3, also for a sheared grid."""
        return float(abs(np.linalg.det(self.ijk_to_ras[:3, :3])))
