"""A CT of the phantom's abdomen, in Hounsfield units: for trying the panel, not for measuring accuracy."""

import numpy as np

from ..geometry import Geometry
from .signal import Tissue, smooth_field
from .torso import tissues

SHAPE, SPACING = (56, 180, 240), (1.6, 1.6, 4.0)  # (K, J, I), and mm along (I, J, K)
_FIRST = np.array([191.2, 138.0, -228.0])  # RAS mm of voxel 0: right, anterior, inferior
_NOISE, _SMOOTH = 9.0, 1.2  # HU, and its correlation in mm

# with contrast agent in the portal venous phase: rounded textbook values
_HOUNSFIELD = {
    Tissue.AIR: -1000, Tissue.SKIN: 30, Tissue.FAT: -100, Tissue.MUSCLE: 60, Tissue.BONE: 750, Tissue.MARROW: 220,
    Tissue.LUNG: -840, Tissue.LIVER: 112, Tissue.SPLEEN: 125, Tissue.KIDNEY: 185, Tissue.STOMACH: 35,
    Tissue.MYOCARDIUM: 110, Tissue.ARTERIAL_BLOOD: 165, Tissue.VENOUS_BLOOD: 160, Tissue.FLUID: 10, Tissue.SCAR: 80,
}  # fmt: skip
# ellipsoids that the chest phantom omits, drawn over everything else: center and radii in RAS mm, HU
_PANCREAS = ((-22.0, 18.0, -118.0), (58.0, 11.0, 13.0), 95.0)
_GALLBLADDER = ((52.0, 52.0, -140.0), (14.0, 17.0, 27.0), 12.0)


def abdomen(seed: int = 0) -> tuple[np.ndarray, Geometry]:
    """Generate the volume.

    Args:
        seed: seed of noise, vessels and bowel.

    Returns:
        (K, J, I) int16 in Hounsfield units, and its grid: axial slices from inferior, rows from anterior.
    """
    matrix = np.diag([-SPACING[0], -SPACING[1], SPACING[2], 1.0])
    matrix[:3, 3] = _FIRST
    z, y, x = np.meshgrid(
        *(_FIRST[axis] + matrix[axis, axis] * np.arange(SHAPE[2 - axis]) for axis in (2, 1, 0)), indexing="ij"
    )
    rng = np.random.RandomState([seed, 2])
    bowel, vessels, noise = (smooth_field(rng, SHAPE, SPACING[::-1], length) for length in (9.0, 3.0, _SMOOTH))
    table = np.array([_HOUNSFIELD[tissue] for tissue in Tissue], np.float64)
    volume = table[tissues(x, y, z, bowel, vessels)]
    for center, radii, value in (_PANCREAS, _GALLBLADDER):
        squares = (((a - c) / r) ** 2 for a, c, r in zip((x, y, z), center, radii, strict=True))
        volume[sum(squares) < 1] = value
    return np.rint(volume + _NOISE * noise).clip(-1024, 3071).astype(np.int16), Geometry(SHAPE, matrix)
