"""A small data set of phantoms with different hearts, as an example of training data."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from ..errors import InputError, OutputError
from ..geometry import Geometry
from .sample import itk_image, writable, write_image, write_whole
from .scan import CardiacPhantom

FEWEST_CASES = 3

_SHAPE = 9, 112, 112  # (K, J, I) of the phantom
_MARGIN = 8  # pixels to crop, so that the heart's position differs between images

_DATASET = """\
id = "phantom-heart"
title = "Heart chambers of the phantom"
modality = "MR"
spacing = 2.0                     # mm: pixel of the network
licence = "Apache-2.0: synthetic, contains no patient data. Not for diagnosis."
labels = [
  {{value = 1, name = "Right ventricle"}},
  {{value = 2, name = "Myocardium"}},
  {{value = 3, name = "Left ventricle"}},
]

[split]
train = {train}
valid = {valid}
test = {test}
"""

_TRAINING = """\
# A small network and a short plan, for a CPU: an example, not advice for real data.
data = "."

[network]
widths = [16, 32, 64, 128]
depths = [1, 1, 2, 1]
head_width = 16
decoder_width = 32

[recipe]
steps = 400
batch = 8
sizes = [96]                      # pixels: side of a training view
size_shares = [1.0]
canvas = 128                      # pixels: as large as the largest slice, or larger
rate = 2e-3
ema = 0.98                        # a short run: the average must not lag behind
validations = 8

[augmentation]                    # milder than for real data, which vary more
free_rotation = 0.0
mirror = false
curves = 0.0
structures = 0.0

[gentle]                          # the end of the plan: it has its own defaults, not what stands above
free_rotation = 0.0
mirror = false
"""


def write_dataset(folder: str | Path, cases: int = 12) -> list[Path]:
    """Write `images/` and `labels/` as NIfTI, `training.toml`, and finally `dataset.toml`.

    Args:
        folder: created if missing.
        cases: number of hearts; a sixth of them, at least one, is for validation, and the same number for testing.

    Returns:
        the files written.

    Raises:
        InputError: too few cases for three splits.
        OutputError: the folder already has a data set, or cannot be written.
    """
    if cases < FEWEST_CASES:
        raise InputError(f"{cases} cases are too few: use {FEWEST_CASES} or more.")
    folder = Path(folder)
    if (folder / "dataset.toml").exists():
        raise OutputError(f"{folder} already contains a data set: choose another folder.")
    images, labels = (writable(folder / name) for name in ("images", "labels"))
    names = [f"heart{number:02d}" for number in range(1, cases + 1)]
    files = []
    for number, name in enumerate(names, start=1):
        image, label, geometry = case(number)
        files += [
            write_image(itk_image(array, geometry), place / f"{name}.nii.gz")
            for array, place in ((image, images), (label, labels))
        ]
    held_out = max(1, cases // 6)
    text = _DATASET.format(
        train=_listed(names[: -2 * held_out]),
        valid=_listed(names[-2 * held_out : -held_out]),
        test=_listed(names[-held_out:]),
    )
    for path, content in ((folder / "training.toml", _TRAINING), (folder / "dataset.toml", text)):
        files.append(write_whole(partial(Path.write_text, data=content, encoding="utf-8"), path))
    return files


def case(number: int) -> tuple[np.ndarray, np.ndarray, Geometry]:
    """Generate one heart at one moment: image int16 and label uint8, both (K, J, I), and their grid.

    Volumes, mass, moment, pixel size, position and noise are derived from the number.
    """
    draw = np.random.RandomState([number, 3])  # RandomState: NumPy guarantees that its streams never change (NEP 19)
    ed = draw.uniform(90, 180)
    stroke = ed * draw.uniform(0.35, 0.65)
    right = ed * draw.uniform(0.9, 1.1)
    pixel = draw.uniform(1.9, 2.2)
    phantom = CardiacPhantom(
        number, _SHAPE, (pixel, pixel, 10.0), (ed, ed - stroke), (right, right - stroke), draw.uniform(80, 150)
    )
    image, label = phantom.frame(draw.uniform())
    top, left = draw.randint(_MARGIN + 1, size=2)
    window = np.s_[:, top : top + _SHAPE[1] - _MARGIN, left : left + _SHAPE[2] - _MARGIN]
    real, imaginary = draw.standard_normal((2, *image[window].shape)) * draw.uniform(0, 25)
    noisy = np.rint(np.hypot(image[window] + real, imaginary)).astype(np.int16)
    matrix = phantom.geometry.ijk_to_ras.copy()
    matrix[:3, 3] = (matrix @ (left, top, 0, 1))[:3]
    return noisy, label[window], Geometry(noisy.shape, matrix)


def _listed(names: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"
