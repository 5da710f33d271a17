"""From tissue to image: bSSFP signal at 1.5 T, coil shading, smooth random fields, and noisy k-space."""

from collections.abc import Sequence
from enum import IntEnum

import numpy as np

REPETITION_TIME = 3.2  # ms
ECHO_TIME = 1.6  # ms
FLIP_ANGLE = np.radians(60.0)


class Tissue(IntEnum):
    """Row index of the tables below."""

    AIR = 0
    SKIN = 1
    FAT = 2
    MUSCLE = 3
    BONE = 4
    MARROW = 5
    LUNG = 6
    LIVER = 7
    SPLEEN = 8
    KIDNEY = 9
    STOMACH = 10
    MYOCARDIUM = 11
    ARTERIAL_BLOOD = 12
    VENOUS_BLOOD = 13
    FLUID = 14
    SCAR = 15


# Proton density relative to blood, T1 and T2 in ms at 1.5 T: typical literature values (Stanisz et al., MRM
# 2005, for blood, heart, muscle, liver; de Bazelaire et al., Radiology 2004, for spleen, kidney, marrow, subcutaneous
# fat). Blood's T2 falls with its oxygenation (Wright et al., JMRI 1991), so the right heart is darker than the left.
# Lung, cortical bone, skin and stomach wall with content are rounded values: little water, or short T2.
_PROPERTIES = {
    Tissue.AIR: (0.0, 1000.0, 50.0),
    Tissue.SKIN: (0.60, 900.0, 25.0),
    Tissue.FAT: (0.90, 343.0, 58.0),
    Tissue.MUSCLE: (0.85, 1008.0, 44.0),
    Tissue.BONE: (0.08, 900.0, 5.0),
    Tissue.MARROW: (0.75, 549.0, 49.0),
    Tissue.LUNG: (0.22, 1170.0, 40.0),
    Tissue.LIVER: (0.80, 576.0, 46.0),
    Tissue.SPLEEN: (0.85, 1057.0, 79.0),
    Tissue.KIDNEY: (0.85, 966.0, 87.0),
    Tissue.STOMACH: (0.75, 1000.0, 60.0),
    Tissue.MYOCARDIUM: (0.88, 1030.0, 48.0),
    Tissue.ARTERIAL_BLOOD: (1.0, 1441.0, 290.0),
    Tissue.VENOUS_BLOOD: (1.0, 1441.0, 225.0),
    Tissue.FLUID: (1.0, 3000.0, 700.0),
    Tissue.SCAR: (0.88, 1080.0, 55.0),
}

# Gadolinium in a tissue ten minutes after injection, relative to blood: extracellular share divided by the blood's
# plasma share (Kellman and Hansen, JCMR 2014: muscle 0.25 and scar 0.6 of the volume; others are rounded values).
_GADOLINIUM = {
    Tissue.SKIN: 0.4, Tissue.FAT: 0.05, Tissue.MUSCLE: 0.25, Tissue.MARROW: 0.2, Tissue.LUNG: 0.6, Tissue.LIVER: 0.5,
    Tissue.SPLEEN: 0.5, Tissue.KIDNEY: 1.0, Tissue.STOMACH: 0.3, Tissue.MYOCARDIUM: 0.45, Tissue.ARTERIAL_BLOOD: 1.0,
    Tissue.VENOUS_BLOOD: 1.0, Tissue.SCAR: 1.15,
}  # fmt: skip
_BLOOD_T1_LATE = 350.0  # ms, at that time

TEXTURE = np.zeros(len(Tissue))
"""Standard deviation of a tissue's signal about its mean, as a fraction of the mean (our choice)."""
TEXTURE[[Tissue.FAT, Tissue.MUSCLE, Tissue.MARROW]] = 0.12, 0.15, 0.15
TEXTURE[[Tissue.LIVER, Tissue.SPLEEN, Tissue.KIDNEY, Tissue.STOMACH]] = 0.10, 0.08, 0.15, 0.35
TEXTURE[[Tissue.LUNG, Tissue.MYOCARDIUM, Tissue.SKIN]] = 0.35, 0.09, 0.2
TEXTURE[Tissue.SCAR] = 0.12


def steady_state(density: float, t1: float, t2: float) -> float:
    """bSSFP signal on resonance, relative to the equilibrium magnetization of blood; times in ms.

    Source: the Freeman-Hill equation, for example Scheffler and Lehnhardt, Eur Radiol 2003.
    """
    e1, e2 = np.exp(-REPETITION_TIME / t1), np.exp(-REPETITION_TIME / t2)
    cosine = np.cos(FLIP_ANGLE)
    return density * np.sin(FLIP_ANGLE) * (1 - e1) / (1 - (e1 - e2) * cosine - e1 * e2) * np.exp(-ECHO_TIME / t2)


def signals() -> np.ndarray:
    """Signed signal of each `Tissue`.

    At this repetition time, fat (220 Hz from water at 1.5 T) has the opposite phase to water, so voxels that contain
    both are dark: the black line around organs in bSSFP images.
    """
    values = np.array([steady_state(*_PROPERTIES[tissue]) for tissue in Tissue])
    values[Tissue.FAT] *= -1.0
    return values


def late_signals() -> np.ndarray:
    """Signed signal of each `Tissue` after an inversion, at the time when healthy myocardium has none.

    Gradient echo ten minutes after gadolinium, with full recovery between inversions: density (1 - 2 exp(-TI / T1)),
    scaled so that blood is as bright as in `signals`.
    """
    dose = 1 / _BLOOD_T1_LATE - 1 / _PROPERTIES[Tissue.ARTERIAL_BLOOD][1]
    t1 = np.array([1 / (1 / _PROPERTIES[tissue][1] + dose * _GADOLINIUM.get(tissue, 0.0)) for tissue in Tissue])
    inversion_time = t1[Tissue.MYOCARDIUM] * np.log(2)
    values = np.array([_PROPERTIES[tissue][0] for tissue in Tissue]) * (1 - 2 * np.exp(-inversion_time / t1))
    return values * signals()[Tissue.ARTERIAL_BLOOD] / values[Tissue.ARTERIAL_BLOOD]


def smooth_field(
    rng: np.random.RandomState, shape: Sequence[int], spacing: Sequence[float], length: float
) -> np.ndarray:
    """Gaussian random field with mean 0 and standard deviation 1.

    Args:
        shape: (K, J, I).
        spacing: mm along (K, J, I).
        length: correlation length in mm (standard deviation of the Gaussian kernel).
    """
    frequencies = np.meshgrid(*(np.fft.fftfreq(n, d) for n, d in zip(shape, spacing, strict=True)), indexing="ij")
    kernel = np.exp(-2 * (np.pi * length) ** 2 * sum(f * f for f in frequencies))
    field = np.fft.ifftn(np.fft.fftn(rng.standard_normal(shape)) * kernel).real
    return (field - field.mean()) / field.std()


# Four elements on the chest and two in the table, RAS mm.
_COILS = np.array(
    [(70, 140, 50), (-70, 135, 50), (70, 140, -70), (-80, 130, -70), (70, -145, -30), (-90, -140, -30)], float
)


def coil_shading(points: np.ndarray) -> np.ndarray:
    """Sensitivity of the receive coils at RAS points (..., 3), after partial correction as by a vendor."""
    squared = sum(1.0 / (1.0 + ((points - coil) ** 2).sum(axis=-1) / 85.0**2) ** 3 for coil in _COILS)
    return np.sqrt(squared) ** 0.55


def acquire(slices: np.ndarray, noise: float, rng: np.random.RandomState) -> np.ndarray:
    """Simulate the magnitude image of signed slices (K, J, I).

    k-space covers 80% of the image's and is tapered at its edge (slight blur and ringing, correlated noise);
    complex Gaussian noise of standard deviation ``noise`` per channel is added before, so the magnitude is Rician.
    """
    taper = [_taper(n) for n in slices.shape[1:]]
    noisy = slices + noise * (rng.standard_normal(slices.shape) + 1j * rng.standard_normal(slices.shape))
    spectrum = np.fft.fft2(noisy, axes=(1, 2)) * taper[0][:, None] * taper[1][None, :]
    return np.abs(np.fft.ifft2(spectrum, axes=(1, 2)))


def _taper(n: int) -> np.ndarray:
    frequency = np.abs(np.fft.fftfreq(n)) / 0.5
    return np.where(frequency < 0.8, np.cos(0.5 * np.pi * np.clip((frequency - 0.6) / 0.2, 0.0, 1.0)) ** 2, 0.0)
