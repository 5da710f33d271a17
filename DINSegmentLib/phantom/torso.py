"""The static body around the heart, in patient coordinates (RAS, mm): the tissue at each point.

The origin is in the middle of the chest at the height of the heart. The shapes are ellipsoids, tubes and a layered
chest wall of ordinary adult size, cut obliquely by the short-axis planes as in a real examination.
"""

from dataclasses import dataclass

import numpy as np

from .signal import Tissue


@dataclass(frozen=True)
class Organ:
    """Ellipsoid with an outer shell; a radius of ``np.inf`` makes it a tube.

    Args:
        tissue, center, radii: RAS mm.
        shell: thickness in mm and tissue of the outermost layer.
        abdominal: only the part below the diaphragm is drawn.
    """

    tissue: Tissue
    center: tuple[float, float, float]
    radii: tuple[float, float, float]
    shell: tuple[float, Tissue] | None = None
    abdominal: bool = True


_WALL = 15.0  # mm of muscle and ribs

# drawn in this order: later organs cover earlier ones
_ORGANS = (
    Organ(Tissue.LIVER, (80, 5, -95), (105, 92, 88)),
    Organ(Tissue.LIVER, (5, 55, -85), (75, 42, 60)),
    Organ(Tissue.VENOUS_BLOOD, (60, 5, -62), (45, 6, 6)),
    Organ(Tissue.VENOUS_BLOOD, (45, -20, -85), (7, 40, 7)),
    Organ(Tissue.SPLEEN, (-112, -48, -92), (24, 42, 58)),
    Organ(Tissue.STOMACH, (-70, 12, -92), (42, 46, 50), shell=(5.0, Tissue.MUSCLE)),
    Organ(Tissue.AIR, (-72, 40, -80), (24, 16, 22)),
    Organ(Tissue.KIDNEY, (-68, -62, -135), (30, 27, 54), shell=(2.5, Tissue.FAT)),
    Organ(Tissue.FAT, (-58, -58, -135), (13, 10, 26)),
    Organ(Tissue.KIDNEY, (68, -62, -150), (30, 27, 54), shell=(2.5, Tissue.FAT)),
    Organ(Tissue.VENOUS_BLOOD, (22, -28, -100), (11, 10, np.inf)),
    Organ(Tissue.MUSCLE, (34, -88, 0), (26, 20, np.inf), abdominal=False),
    Organ(Tissue.MUSCLE, (-34, -88, 0), (26, 20, np.inf), abdominal=False),
    Organ(Tissue.BONE, (0, -66, 0), (23, 19, np.inf), abdominal=False),
    Organ(Tissue.MARROW, (0, -66, 0), (21, 17, np.inf), abdominal=False),
    Organ(Tissue.BONE, (0, -93, 0), (12, 12, np.inf), abdominal=False),
    Organ(Tissue.FLUID, (0, -92, 0), (8, 8, np.inf), abdominal=False),
    Organ(Tissue.MUSCLE, (0, -92, 0), (4.5, 4.5, np.inf), abdominal=False),
    Organ(Tissue.FAT, (-19, -42, 0), (14, 14, np.inf), abdominal=False),
    Organ(Tissue.ARTERIAL_BLOOD, (-19, -42, 0), (11, 11, np.inf), abdominal=False),
    Organ(Tissue.MUSCLE, (-8, -26, 0), (8, 5, np.inf), abdominal=False),
)


def tissues(x: np.ndarray, y: np.ndarray, z: np.ndarray, bowel: np.ndarray, vessels: np.ndarray) -> np.ndarray:
    """Tissue of each point, uint8.

    Args:
        x, y, z: RAS mm, same shape.
        bowel, vessels: random fields of the same shape that place the bowel loops in the abdominal fat and the small
            vessels in lungs and liver.
    """
    depth = _depth(x, y, z)
    wall = 2 + _fat_thickness(x, y, z)
    tissue = np.full(x.shape, Tissue.AIR, np.uint8)
    tissue[depth > 0] = Tissue.SKIN
    tissue[depth > 2] = Tissue.FAT
    tissue[depth > wall] = Tissue.MUSCLE
    tissue[(np.abs(depth - wall - 3.5) < 0.9) & (np.cos(z / 9.0 + x / 14.0) > -0.2)] = Tissue.FAT
    _paint_ribs(tissue, x, y, z, depth - wall)
    inside = depth > wall + _WALL
    tissue[inside] = _cavity(*(values[inside] for values in (x, y, z, depth - wall - _WALL, bowel, vessels)))
    return tissue


def _cavity(
    x: np.ndarray, y: np.ndarray, z: np.ndarray, depth: np.ndarray, bowel: np.ndarray, vessels: np.ndarray
) -> np.ndarray:
    """Tissue of the points (n,) within the chest wall; ``depth``: distance in mm from its inner surface."""
    above = z > _diaphragm(x, y)
    tissue = np.where(above, Tissue.LUNG, Tissue.FAT).astype(np.uint8)
    hilum = ((x + 20) / 90) ** 2 + ((y + 10) / 90) ** 2
    tissue[above & (vessels > 1.9 + 0.35 * hilum)] = Tissue.VENOUS_BLOOD
    mediastinum = ((x + 2) / 30) ** 2 + ((y + 22) / 55) ** 2 < 1
    retrosternal = ((x - 2) / 22) ** 2 + ((y - 82) / 22) ** 2 < 1
    tissue[above & (mediastinum | retrosternal | (depth < 1.5))] = Tissue.FAT
    tissue[~above & (bowel > 0.5)] = Tissue.MUSCLE
    tissue[~above & (bowel > 0.75)] = Tissue.STOMACH
    for organ in _ORGANS:
        _paint(tissue, organ, (x, y, z), ~above if organ.abdominal else True)
    tissue[(tissue == Tissue.LIVER) & (vessels > 2.0)] = Tissue.VENOUS_BLOOD
    tissue[~above & (z > _diaphragm(x, y) - 3)] = Tissue.MUSCLE
    return tissue


def _depth(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Distance below the skin along the ray from the body's axis in mm; the chest slopes backward toward the neck."""
    front = 112.0 - 0.28 * np.maximum(z - 10.0, 0.0) + 0.08 * np.minimum(z + 40.0, 0.0)
    half_depth = np.where(y > -10, front + 10.0, 115.0)
    half_width = 172.0 - 0.12 * np.maximum(z, 0.0)
    norm = (np.abs(x / half_width) ** 2.4 + np.abs((y + 10.0) / half_depth) ** 2.4) ** (1 / 2.4)
    return np.hypot(x, y + 10.0) * (1.0 / np.maximum(norm, 1e-3) - 1.0)


def _fat_thickness(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Subcutaneous fat in mm: thin over the sternum, thicker over the breasts, the back and the belly."""
    breast = 16.0 * np.exp(-(((np.abs(x) - 75) / 45) ** 2) - ((z - 5) / 50) ** 2) * (y > 0)
    return 9.0 + breast + 7.0 * np.clip(-(z + 60) / 80, 0, 1) + 5.0 * (y < -40)


def _diaphragm(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """z of the two domes, with the heart in between; falls steeply toward the ribs."""
    right = 4.0 - 0.0060 * (x - 75) ** 2
    left = -22.0 - 0.0045 * (x + 75) ** 2
    return np.maximum(right, left) - 0.0055 * np.square(y - 5)


def _paint_ribs(tissue: np.ndarray, x: np.ndarray, y: np.ndarray, z: np.ndarray, depth: np.ndarray) -> None:
    """Draw ribs every 27 mm, sloping down toward the front, with marrow inside cortical bone; and the sternum."""
    along = (z + 0.45 * y + 13.0) % 27.0 - 13.5
    rib = (along / 6.5) ** 2 + ((depth - 10.0) / 4.2) ** 2
    tissue[rib < 1] = Tissue.BONE
    tissue[rib < 0.55] = Tissue.MARROW
    sternum = ((x - 1) / 17) ** 2 + ((depth - 7.0) / 6.5) ** 2
    front = (y > 20) & (z > -45)
    tissue[(sternum < 1) & front] = Tissue.BONE
    tissue[(sternum < 0.72) & front] = Tissue.MARROW


def _paint(tissue: np.ndarray, organ: Organ, point: tuple[np.ndarray, ...], where: np.ndarray | bool) -> None:
    norm = sum(((p - c) / r) ** 2 for p, c, r in zip(point, organ.center, organ.radii, strict=True) if np.isfinite(r))
    if organ.shell is None:
        tissue[where & (norm < 1)] = organ.tissue
        return
    thickness, shell = organ.shell
    tissue[where & (norm < 1)] = shell
    tissue[where & (norm < (1 - thickness / min(organ.radii)) ** 2)] = organ.tissue
