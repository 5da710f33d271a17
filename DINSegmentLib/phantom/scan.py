"""The phantom: heart and body sampled on an oblique short-axis grid, with labels and analytic ground truth."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..errors import InputError
from ..geometry import Geometry
from . import signal, torso
from .heart import LATE_REGION_LABEL, MYOCARDIAL_DENSITY, REGION_LABEL, Contour, Heart, Region, Scar, ThinWall, emptying
from .signal import Tissue

LABELS = {"RV": 1, "Myo": 2, "LV": 3}
LATE_LABELS = {"LV": 1, "Myo": 2, "Infarct": 3}

_REGION_TISSUE = {
    Region.FAT: Tissue.FAT,
    Region.RV_WALL: Tissue.MYOCARDIUM,
    Region.RV_BLOOD: Tissue.VENOUS_BLOOD,
    Region.RV_TRABECULA: Tissue.MYOCARDIUM,
    Region.MYOCARDIUM: Tissue.MYOCARDIUM,
    Region.LV_BLOOD: Tissue.ARTERIAL_BLOOD,
    Region.LV_TRABECULA: Tissue.MYOCARDIUM,
    Region.LV_PAPILLARY: Tissue.MYOCARDIUM,
    Region.ATRIAL_WALL: Tissue.MYOCARDIUM,
    Region.LEFT_ATRIUM: Tissue.ARTERIAL_BLOOD,
    Region.RIGHT_ATRIUM: Tissue.VENOUS_BLOOD,
    Region.AORTIC_ROOT: Tissue.ARTERIAL_BLOOD,
    Region.CORONARY: Tissue.ARTERIAL_BLOOD,
    Region.SCAR: Tissue.SCAR,
}
_BLOOD = [Region.RV_BLOOD, Region.LV_BLOOD, Region.LEFT_ATRIUM, Region.RIGHT_ATRIUM, Region.AORTIC_ROOT]
_FLOW = 0.10  # relative variation of the blood's signal by inflow and dephasing
_NOISE = 0.009  # standard deviation per channel; left ventricular blood has a signal of about 0.2
_GAIN = 2400.0  # image values per unit of signal: blood is near 500, as in scanner images
_TRABECULAR_MIX = 0.55  # fraction of muscle in trabeculae, which are blood and muscle interwoven

# Sampling across a slice: five samples over the whole slice distance. The image weights them by a slice profile of 80%,
# the usual 8 mm slice with a 2 mm gap. Labels weight them equally, so that slice summation equals the analytic volume.
_THROUGH = (np.arange(5) - 2) / 5
_SLICE_PROFILE = np.array([0.125, 0.25, 0.25, 0.25, 0.125])
_HEART_SAMPLES = 4
_BODY_SAMPLES = 2

# Short-axis directions in RAS: from base to apex leftward, anterior and inferior; image rows run inferior and slightly
# posterior; columns run leftward and posterior. With the base first and the RV at the left, this is left-handed.
_APEXWARD = np.array([-0.617, 0.637, -0.463]) / np.linalg.norm([-0.617, 0.637, -0.463])
_DOWNWARD = np.array([0.0, 0.0, -1.0]) - _APEXWARD * -_APEXWARD[2]
_DOWNWARD = _DOWNWARD / np.linalg.norm(_DOWNWARD)
_LEFTWARD = np.cross(_APEXWARD, _DOWNWARD)
_BASE_CENTER = np.array([-10.0, 2.0, 22.0])  # RAS mm of the heart frame's origin
_HEART_IN_PICTURE = (0.44, 0.46)  # where the LV axis crosses an image, as a fraction of its rows and columns


@dataclass(frozen=True)
class CardiacPhantom:
    """Short-axis cine MR of an analytic heart.

    Args:
        seed: determines textures, noise and small variations of the heart's contour.
        shape: (K, J, I); slices run from base to apex, rows down, columns from the RV to the LV side.
        spacing: mm along (I, J, K). Slice 0 starts at the end-diastolic base plane, which moves by 10 mm until
            end-systole: if the slice distance divides 10 mm, ED and ES base planes are at slice boundaries.
        lv, rv: cavity volumes in ml at ED and ES.
        mass: LV mass in g.
        above: number of slices above the end-diastolic base plane, through the atria; slice `above` then starts
            at this plane.
        thin: a part of the wall that is thin and does not thicken.
        scar: an infarct; images are then late enhancement, and labels are `LATE_LABELS`.

    Raises:
        InputError: the volumes are impossible for a heart.
    """

    seed: int = 0
    shape: tuple[int, int, int] = (9, 256, 208)
    spacing: tuple[float, float, float] = (1.4, 1.4, 10.0)
    lv: tuple[float, float] = (140.0, 58.0)
    rv: tuple[float, float] = (148.0, 66.0)
    mass: float = 110.0
    above: int = 0
    thin: ThinWall | None = None
    scar: Scar | None = None

    def __post_init__(self) -> None:
        if not (self.lv[0] > self.lv[1] > 0 and self.rv[0] > self.rv[1] > 0 and self.mass > 0):
            raise InputError(
                "The phantom's volumes are impossible: ED must exceed ES, and ES and the mass must exceed 0."
            )
        if self.thin and self.scar:
            raise InputError(
                "The size of a scar is known only in a wall of full thickness: choose a scar or a thin wall."
            )

    @property
    def geometry(self) -> Geometry:
        """Grid of all frames."""
        matrix = np.eye(4)
        matrix[:3, :3] = np.column_stack([_LEFTWARD, _DOWNWARD, _APEXWARD]) * self.spacing
        matrix[:3, 3] = self._to_ras(*(axis[:1] for axis in self._heart_axes())).ravel()
        return Geometry(self.shape, matrix)

    @property
    def ejection_fraction(self) -> dict[str, float]:
        """Percent, for LV and RV."""
        return {name: 100.0 * (ed - es) / ed for name, (ed, es) in {"LV": self.lv, "RV": self.rv}.items()}

    def truth(self, phase: float) -> dict[str, float]:
        """Analytic volumes in ml of RV, Myo and LV, or with a scar LV, Myo and Infarct; ED is phase 0, ES `ES_PHASE`.

        Labels of ED and ES sum to these volumes within 1%. In between, the base plane crosses a slice that is
        labeled either completely or not at all, so that sums of labels differ by up to half a basal slice (10%), as
        in real short-axis stacks.
        """
        heart = self.heart(phase)
        if self.scar:
            return {"LV": heart.lv, "Myo": heart.wall - heart.scarred, "Infarct": heart.scarred}
        thinned = heart.thinned if heart.thin else 0.0
        return {"RV": heart.rv, "Myo": heart.wall - thinned, "LV": heart.lv + thinned}

    def heart(self, phase: float) -> Heart:
        """The analytic heart at a phase."""
        emptied = float(emptying(phase))
        lv, rv = (ed + (es - ed) * emptied for ed, es in (self.lv, self.rv))
        return Heart(lv, rv, self.mass / MYOCARDIAL_DENSITY, emptied, self._contour, self.thin, self.scar)

    def frame(self, phase: float) -> tuple[np.ndarray, np.ndarray]:
        """Generate a frame: image int16, label uint8 (1 RV, 2 Myo, 3 LV; with a scar `LATE_LABELS`), both (K, J, I)."""
        signed, texture, flow, covered, label = self._sample_heart(self.heart(phase))
        body, body_texture = self._body
        fine, in_phase, out_of_phase, *_ = self._fields
        swirl = np.cos(2 * np.pi * phase) * in_phase + np.sin(2 * np.pi * phase) * out_of_phase
        scene = (1 - covered) * (body + body_texture * fine) + signed + texture * fine + flow * swirl
        rng = np.random.RandomState([self.seed, 1, round((phase % 1.0) * 1_000_000)])
        magnitude = signal.acquire(scene * self._shading, _NOISE, rng)
        return np.rint(_GAIN * magnitude).clip(0, 32767).astype(np.int16), label

    def cine(self, frames: int = 25) -> tuple[np.ndarray, np.ndarray]:
        """Generate the whole cycle: images int16 and labels uint8, both (T, K, J, I); frame t has phase t / frames."""
        pairs = [self.frame(t / frames) for t in range(frames)]
        return np.stack([image for image, _ in pairs]), np.stack([label for _, label in pairs])

    @cached_property
    def _contour(self) -> Contour:
        # RandomState, not default_rng: NumPy guarantees that its streams never change (NEP 19).
        draw = np.random.RandomState([self.seed, 0]).uniform
        return Contour(draw(0, np.pi), draw(0, 2 * np.pi), tuple(draw(-2.5, 2.5, 2)), tuple(draw(0, 2 * np.pi, 3)))

    @cached_property
    def _fields(self) -> tuple[np.ndarray, ...]:
        """Random fields: tissue texture, two patterns of flow, arrangement of bowel and small vessels."""
        rng = np.random.RandomState([self.seed, 2])
        spacing = self.spacing[::-1]
        fine, coarse, *others = (
            signal.smooth_field(rng, self.shape, spacing, length) for length in (1.8, 7.0, 6.0, 6.0, 9.0, 2.2)
        )
        return (0.8 * fine + 0.6 * coarse, *others)

    def _heart_axes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Heart-frame coordinates in mm of the voxel centers along K, J and I."""
        (slices, rows, columns), (di, dj, dk) = self.shape, self.spacing
        row, column = _HEART_IN_PICTURE
        return (
            (np.arange(slices) - self.above + 0.5) * dk,
            (np.arange(rows) - round(row * rows)) * dj,
            (np.arange(columns) - round(column * columns)) * di,
        )

    def _to_ras(self, z: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """RAS coordinates (K, J, I, 3) of the grid with the given heart-frame axes."""
        return (
            _BASE_CENTER
            + z[:, None, None, None] * _APEXWARD
            + y[None, :, None, None] * _DOWNWARD
            + x[None, None, :, None] * _LEFTWARD
        )

    @cached_property
    def _shading(self) -> np.ndarray:
        heart = _BASE_CENTER + 45.0 * _APEXWARD
        return signal.coil_shading(self._to_ras(*self._heart_axes())) / signal.coil_shading(heart)

    @property
    def _strength(self) -> np.ndarray:
        """Signed signal for each tissue."""
        return signal.late_signals() if self.scar else signal.signals()

    @cached_property
    def _body(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean signed signal of the body without the heart, and the amplitude of its texture."""
        strength = self._strength
        mean, texture = np.zeros(self.shape), np.zeros(self.shape)
        weights = dict(zip(_THROUGH[[0, 2, 4]], (0.25, 0.5, 0.25), strict=True))
        for dz, dy, dx in _offsets(tuple(weights), _BODY_SAMPLES):
            steps = np.multiply((dz, dy, dx), self.spacing[::-1])
            points = self._to_ras(*(axis + step for axis, step in zip(self._heart_axes(), steps, strict=True)))
            tissue = torso.tissues(*np.moveaxis(points, -1, 0), *self._fields[3:])
            weight = weights[dz] / _BODY_SAMPLES**2
            mean += weight * strength[tissue]
            texture += weight * (strength * signal.TEXTURE)[tissue]
        return mean, texture

    def _sample_heart(self, heart: Heart) -> tuple[np.ndarray, ...]:
        """Signal, texture amplitude, flow amplitude and coverage of the heart, and the most frequent label."""
        z, y, x = self._heart_axes()
        rows, columns = np.flatnonzero(np.abs(y) < 70), np.flatnonzero((x > -85) & (x < 50))
        box = np.s_[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        y, x = y[rows], x[columns]
        tables = _region_tables(self._strength)
        labels = LATE_REGION_LABEL if self.scar else REGION_LABEL
        picture = np.zeros((len(tables), len(z), len(y), len(x)))
        votes = np.zeros((4, len(z), len(y), len(x)), np.uint16)
        profile = dict(zip(_THROUGH, _SLICE_PROFILE, strict=True))
        for dz, dy, dx in _offsets(tuple(_THROUGH), _HEART_SAMPLES):
            region = heart.regions(
                (x + dx * self.spacing[0])[None, None, :],
                (y + dy * self.spacing[1])[None, :, None],
                (z + dz * self.spacing[2])[:, None, None],
            )
            for total, table in zip(picture, tables, strict=True):
                total += profile[dz] / _HEART_SAMPLES**2 * table[region]
            label = labels[region]
            for value in range(4):
                votes[value] += label == value
        results = []
        for total in (*picture, votes.argmax(axis=0).astype(np.uint8)):
            full = np.zeros(self.shape, total.dtype)
            full[box] = total
            results.append(full)
        return tuple(results)


def _region_tables(strength: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Signed signal, texture amplitude, flow amplitude and coverage per `Region`, from the signal of each tissue."""
    mean, texture, flow, covered = np.zeros((4, len(Region)))
    for region, tissue in _REGION_TISSUE.items():
        mean[region] = strength[tissue]
        texture[region] = strength[tissue] * signal.TEXTURE[tissue]
        covered[region] = 1.0
    flow[_BLOOD] = _FLOW * mean[_BLOOD]
    for trabecula, blood in ((Region.LV_TRABECULA, Region.LV_BLOOD), (Region.RV_TRABECULA, Region.RV_BLOOD)):
        mean[trabecula] += (1 - _TRABECULAR_MIX) * (mean[blood] - mean[trabecula])
    return mean, texture, flow, covered


def _offsets(through: tuple[float, ...], in_plane: int) -> list[tuple[float, float, float]]:
    """Sample positions (dz, dy, dx) within a voxel, as fractions of its size."""
    steps = (np.arange(in_plane) + 0.5) / in_plane - 0.5
    return [(dz, dy, dx) for dz in through for dy in steps for dx in steps]
