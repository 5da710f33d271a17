"""Files of the phantom: the bundled sample (ED and ES with labels and truth) and, on request, the whole cycle."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..errors import OutputError
from ..geometry import LPS_TO_RAS, Geometry
from .abdomen import abdomen
from .heart import ES_PHASE, Scar
from .scan import LABELS, LATE_LABELS, CardiacPhantom

GENERATOR_VERSION = 1
CYCLE_SECONDS = 0.9  # 67 beats per minute
_SHORT = 10  # frames of the panel's sample cine

_PHASES = {"ED": 0.0, "ES": ES_PHASE}


def write_sample(folder: str | Path, phantom: CardiacPhantom | None = None) -> list[Path]:
    """Write images and labels of ED and ES as NRRD, and ``truth.json``.

    Args:
        folder: created if missing; files of the same names are replaced.
        phantom: if None, the bundled one (seed 0).

    Returns:
        the five files written.

    Raises:
        OutputError: the folder cannot be written.
    """
    folder, phantom = writable(folder), phantom or CardiacPhantom()
    files = []
    for name, phase in _PHASES.items():
        for suffix, array in zip(("", "_label"), phantom.frame(phase), strict=True):
            image = itk_image(array, phantom.geometry)
            files.append(write_image(image, folder / f"cardiac_phantom_{name}{suffix}.nrrd"))
    text = json.dumps(_truth(phantom), indent=2) + "\n"
    return [*files, write_whole(lambda path: path.write_text(text, encoding="utf-8"), folder / "truth.json")]


def write_cine(
    folder: str | Path, frames: int = 25, phantom: CardiacPhantom | None = None, labels: bool = True
) -> list[Path]:
    """Write the cycle as 4-D NIfTI, image and labels; arguments, errors and result as in `write_sample`."""
    folder, phantom = writable(folder), phantom or CardiacPhantom()
    files = []
    suffixes = ("", "_label") if labels else ("",)
    for suffix, series in zip(suffixes, phantom.cine(frames), strict=False):
        volumes = [itk_image(array, phantom.geometry) for array in series]
        image = sitk.JoinSeries(volumes, 0.0, CYCLE_SECONDS / frames)
        files.append(write_image(image, folder / f"cardiac_phantom_cine{suffix}.nii.gz"))
    return files


def write_late(folder: str | Path) -> list[Path]:
    """Write a late-enhancement stack at end-diastole, its labels, and ``late_truth.json`` with the scar's volume.

    Arguments, errors and result as in `write_sample`.
    """
    folder, phantom = writable(folder), CardiacPhantom(scar=Scar())
    files = []
    for suffix, array in zip(("", "_label"), phantom.frame(0.0), strict=True):
        files.append(write_image(itk_image(array, phantom.geometry), folder / f"cardiac_phantom_late{suffix}.nrrd"))
    volumes = phantom.truth(0.0)
    truth = {
        "generator_version": GENERATOR_VERSION,
        "seed": phantom.seed,
        "labels": LATE_LABELS,
        "volumes_ml": _rounded(volumes),
        "infarct_share_percent": round(100 * volumes["Infarct"] / (volumes["Infarct"] + volumes["Myo"]), 4),
    }
    text = json.dumps(truth, indent=2) + "\n"
    return [*files, write_whole(lambda path: path.write_text(text, encoding="utf-8"), folder / "late_truth.json")]


def write_abdomen(folder: str | Path) -> list[Path]:
    """Write an abdominal CT as NIfTI; arguments, errors and result as in `write_sample`."""
    array, geometry = abdomen()
    return [write_image(itk_image(array, geometry), writable(folder) / "abdomen_phantom.nii.gz")]


def write_short_cine(folder: str | Path) -> list[Path]:
    """Write a cycle with few frames and no labels; arguments, errors and result as in `write_sample`."""
    return write_cine(folder, _SHORT, labels=False)


SAMPLES = {"cine": write_short_cine, "late": write_late, "abdomen": write_abdomen}
"""Samples that the panel generates: name and function; the first file written is the image."""


def _truth(phantom: CardiacPhantom) -> dict:
    return {
        "generator_version": GENERATOR_VERSION,
        "seed": phantom.seed,
        "labels": LABELS,
        "phases": _PHASES,
        "volumes_ml": {name: _rounded(phantom.truth(phase)) for name, phase in _PHASES.items()},
        "ejection_fraction_percent": _rounded(phantom.ejection_fraction),
        "lv_mass_g": phantom.mass,
    }


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in values.items()}


def itk_image(array: np.ndarray, geometry: Geometry) -> sitk.Image:
    to_lps = LPS_TO_RAS[:3, :3]
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(geometry.spacing.tolist())
    image.SetDirection((to_lps @ geometry.directions).ravel().tolist())
    image.SetOrigin((to_lps @ geometry.ijk_to_ras[:3, 3]).tolist())
    return image


def writable(folder: str | Path) -> Path:
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The folder {folder} cannot be created ({error.strerror}): choose another output."
        ) from error
    return folder


def write_image(image: sitk.Image, path: Path) -> Path:
    return write_whole(
        lambda beside: sitk.WriteImage(image, str(beside), useCompression=True, compressionLevel=9), path
    )


def write_whole(write: Callable[[Path], object], path: Path) -> Path:
    """Write a file atomically through a temporary name."""
    beside = path.with_name(f".writing-{path.name}")
    try:
        write(beside)
        beside.replace(path)
    except (RuntimeError, OSError) as error:
        beside.unlink(missing_ok=True)
        raise OutputError(f"{path} cannot be written: check free space and permissions.") from error
    return path
