"""Cases with reference segmentations, read one at a time from a data folder.

A data folder is either a user's data set with `dataset.toml`, see `dataset`, or it contains `split.json` (name of a
split -> list of subjects) and one or more `.npz` files per subject, named `SUBJECT.npz` or `SUBJECT_anything.npz`, in
one of two formats:

- cardiac MR: `image` uint16 (Z, H, W), value / 65535 in [0, 1]; `label` uint8. Spacing is unknown, so it is nominal.
- abdominal CT: `image` uint8 (Z, X, Y), HU = value / 255 * 400 - 125; `label8` uint8; `affine` (x, y, z) to RAS+ mm.
"""

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import bounded
from ..errors import InputError
from ..geometry import Geometry
from . import dataset

# The cardiac files have no geometry: 1.5625 x 1.5625 x 10 mm, columns to the left, rows to posterior (LPS).
PHASES = "_ED", "_ES"
"""Ends of the names of a subject's end-diastole and end-systole."""

_NOMINAL_IJK_TO_RAS = np.diag([-1.5625, -1.5625, 10.0, 1.0])
_HOUNSFIELD = (np.arange(256) / 255 * 400 - 125).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Case:
    """A volume with its reference segmentation.

    Args:
        name: file name without the suffix.
        image: (K, J, I), float32, [0, 1] or HU; for a data set with `dataset.toml` in the file's number type, as
            `dinsegment segment` reads it.
        label: uint8 (K, J, I), label values as in the data's README.
        geometry: grid of both.
        subject: patient, if several cases may show the same one; None if no other case does.
        nominal: the spacing is typical, not measured, so all values in mm are nominal too.
    """

    name: str
    image: np.ndarray
    label: np.ndarray
    geometry: Geometry
    subject: str | None = None
    nominal: bool = False


def cases(folder: Path, split: str) -> Iterator[Case]:
    """Yield the cases of a split, reading each one on demand.

    Raises:
        InputError: at once for a missing folder, split or file; while iterating for a damaged file.
    """
    return map(read_case, case_files(folder, split))


def case_files(folder: Path, split: str) -> list[Path]:
    """List the files of a split, in the order of `dataset.toml`, or of `split.json` and then by name.

    Raises:
        InputError: the folder, the split or a subject's file is missing, or the split is empty; or as
            `dataset.files`.
    """
    folder = Path(folder)
    if (folder / dataset.FILE).is_file():
        return dataset.files(folder, split)
    subjects = _subjects(folder, split)
    names = sorted(path.name for path in folder.glob("*.npz"))
    files = []
    for subject in subjects:
        found = [folder / name for name in names if _shows(Path(name).stem, subject)]
        if not found:
            raise InputError(f"{folder} has no .npz file of {subject}, which split.json names: complete it.")
        files += found
    return files


def read_case(path: Path) -> Case:
    """Read a file of `case_files`.

    Raises:
        InputError: the file is missing, damaged or has another format; or as `dataset.read`.
    """
    path = Path(path)
    if path.name.endswith(dataset.SUFFIXES):
        name = dataset.name_of(path)
        subject = name[: -len(PHASES[0])] if name.endswith(PHASES) else None
        return Case(name, *dataset.read(path), subject)
    arrays = _arrays(path)
    image_type, label_key = (np.uint8, "label8") if "affine" in arrays else (np.uint16, "label")
    image, label = arrays.get("image"), arrays.get(label_key)
    if image is None or label is None or image.dtype != image_type or label.dtype != np.uint8:
        raise InputError(f"{path} is not a training case in a known format: see DINSegmentLib/training/cases.py.")
    if image.ndim != 3 or image.shape != label.shape:
        raise InputError(f"{path} has an image of {image.shape} and a label of {label.shape}: use one 3-D grid.")
    subject = _subject_of(path)
    if "affine" not in arrays:
        values = image.astype(np.float32) / np.float32(65535)
        return Case(path.stem, values, label, Geometry(image.shape, _NOMINAL_IJK_TO_RAS), subject, nominal=True)
    # stored as (z, x, y) with an affine for (x, y, z); K, J, I is z, y, x
    values = np.ascontiguousarray(_HOUNSFIELD[image].transpose(0, 2, 1))
    label = np.ascontiguousarray(label.transpose(0, 2, 1))
    return Case(path.stem, values, label, Geometry(values.shape, arrays["affine"]), subject)


def _shows(name: str, subject: str) -> bool:
    return name == subject or name.startswith(f"{subject}_")


def _subject_of(path: Path) -> str:
    """Find the subject of a file in the folder's split.json; without that, use the first part of the name."""
    try:
        splits = bounded.read_json(path.parent / "split.json")
        known = [str(subject) for subjects in splits.values() for subject in subjects]
    except (OSError, ValueError, AttributeError, TypeError):
        known = []
    return next((subject for subject in known if _shows(path.stem, subject)), path.stem.partition("_")[0])


def _subjects(folder: Path, split: str) -> list[str]:
    if not folder.is_dir():
        raise InputError(
            f"The data folder {folder} does not exist: use the folder that contains dataset.toml or split.json."
        )
    path = folder / "split.json"
    try:
        splits = bounded.read_json(path)
    except FileNotFoundError as error:
        raise InputError(f"{folder} has no split.json and no {dataset.FILE}: use a data folder with one.") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON: restore the file.") from error
    if not isinstance(splits, dict) or split not in splits:
        known = ", ".join(splits) if isinstance(splits, dict) else "none"
        raise InputError(f'{path} has no split named "{split}": choose one of {known}.')
    if not isinstance(splits[split], list) or not splits[split]:
        raise InputError(f'The split "{split}" of {path} names no subject: choose another one.')
    return [str(subject) for subject in splits[split]]


def _arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key] for key in file.files}
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist: check the name.") from error
    # AttributeError, TypeError: a plain .npy array has no `files` and is not a context manager
    except (OSError, ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path} is not a valid .npz file: copy it again.") from error
