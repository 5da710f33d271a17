"""Header of a volume file, and checks that need only the header.

Image libraries repair or ignore much of what is rejected here, such as a zero spacing or a truncated file.
"""

import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import bounded, memory
from ..errors import GeometryError, InputError

_MARGIN = 1 << 20  # bytes that may follow the voxels in a compressed file
_MOST_AXES, _MOST_VOXELS, _MOST_PARTS = 16, 1 << 31, 100_000
_PLAUSIBLE = (0.3, 30.0)  # mm; voxel sizes of clinical CT and MR
_MM_OF_UNIT = {
    **dict.fromkeys(("m", "meter", "metre"), 1e3),
    **dict.fromkeys(("cm", "centimeter", "centimetre"), 10.0),
    **dict.fromkeys(("um", "µm", "micron", "micrometer", "micrometre"), 1e-3),
}
FARTHEST = 1e6  # mm; larger values do not occur in patients, and may exceed the number range of NIfTI


@dataclass(frozen=True)
class Payload:
    """Where the voxels are stored: ``size`` bytes in ``path`` after ``offset`` bytes.

    ``encoding`` is ``raw``, ``deflate`` (a gzip or zlib stream that begins at ``offset``), or ``other``; ``parts``:
    the data files, all of equal size, if there are several.
    """

    path: Path
    offset: int
    size: int
    encoding: str
    parts: tuple[Path, ...] = ()

    def files(self, header: Path) -> tuple[Path, ...]:
        """The header's file and all files with voxels, each once."""
        return tuple(dict.fromkeys((header, self.path, *self.parts)))


@dataclass(frozen=True, eq=False)
class Header:
    """The part of a NIfTI, NRRD or MetaImage header that determines whether the volume can be used.

    Args:
        shape: number of voxels along the file's image axes I, J, K (fewer for a 2-D image), without frames.
        frames: number of volumes in the file; 1 for a 3-D file.
        components: values per voxel; 1 for a gray image.
        voxel_bytes: bytes per value; 0 if the number type is not supported.
        steps: all alternatives that the header gives for the step from one voxel to the next along I, J, K, in its
            unit, each as in `check_steps`; all must be valid.
        payload: the stored voxels.
        origin: all values, in its unit, that the header gives for the position of the first voxel.
        frames_are_components: ITK reads the frames as components of one voxel.
        raw: bytes of the header; NIfTI only.
        to_lps: factors that convert the axes of ``steps`` and ``origin`` to LPS; None to trust the reading library.
        unit: unit of length in the header.
        itk_factor: by which the reading library multiplies lengths in this unit.
        notices: sentences about the header for the user.
    """

    shape: tuple[int, ...]
    frames: int
    components: int
    voxel_bytes: int
    steps: tuple[np.ndarray, ...]
    payload: Payload
    origin: np.ndarray
    frames_are_components: bool = False
    raw: bytes | None = None
    to_lps: tuple[float, float, float] | None = None
    unit: str = "mm"
    itk_factor: float = 1.0
    notices: tuple[str, ...] = ()

    @property
    def to_mm(self) -> float:
        """Factor from the header's lengths to mm.

        Many headers name another unit than mm although their lengths are in mm, so lengths are converted only if the
        voxel size is implausible in mm and plausible in the unit of the header.
        """
        factor, lengths = _MM_OF_UNIT.get(self.unit.lower(), 1.0), _lengths(self.steps[0])
        return 1.0 if _is_plausible(lengths) or not _is_plausible(factor * lengths) else factor


def _is_plausible(lengths: np.ndarray) -> bool:
    return bool((lengths >= _PLAUSIBLE[0]).all() and (lengths <= _PLAUSIBLE[1]).all())


def check(header: Header, name: str, frame: int | None) -> None:
    """Reject a file that cannot become a volume.

    Raises:
        InputError: not a gray 3-D volume, unusable frame, missing or damaged voxels, or too large for the memory.
        GeometryError: only one slice, or an unusable spacing, direction or origin.
    """
    if any(n < 1 for n in header.shape) or header.frames < 1:
        raise InputError(f"{name} is empty (no voxels): use a volume that contains an image.")
    if header.voxel_bytes == 0:
        raise InputError(f"{name} does not hold real numbers: convert it to whole or floating-point numbers.")
    if header.components != 1:
        raise InputError(
            f"{name} is a color or vector image ({header.components} values per voxel): "
            "use a single-channel (grayscale) volume."
        )
    if len(header.shape) < 3:
        raise InputError(f"{name} is a 2-D image: use a volume with several slices.")
    if min(header.shape) == 1:
        raise GeometryError(f"{name} has only one slice: provide a volume with at least 2 slices.")
    pick_frame(name, header.frames, frame)
    for steps in header.steps:
        check_steps(steps, name)
    if not (np.abs(header.to_mm * header.origin) < FARTHEST).all():  # also catches NaN
        raise GeometryError(f"{name} has an implausible origin (not a number, or kilometers away): correct its header.")
    lengths = [_lengths(steps) for steps in header.steps]
    if not all(np.allclose(other, lengths[0], rtol=0.01) for other in lengths):
        raise GeometryError(f"{name} gives two different voxel spacings (pixdim and sform): correct its header.")
    memory.check(header.shape, header.voxel_bytes, name)
    check_payload(header.payload, name)


def pick_frame(name: str, frames: int, frame: int | None) -> int:
    """Return the index, from 0, of a frame counted from 1; None selects the only frame of a 3-D volume.

    Raises:
        InputError: there are several frames and none was selected, or the frame does not exist.
    """
    if frame is None and frames > 1:
        raise InputError(f"{name} has 4 dimensions ({frames} frames): pick one with --frame (1 to {frames}).")
    if frame is not None and not 1 <= frame <= frames:
        raise InputError(f"{name} has no frame {frame}: pick one from 1 to {frames} with --frame.")
    return (frame or 1) - 1


def check_steps(steps: np.ndarray, name: str) -> None:
    """Reject a grid without volume.

    Args:
        steps: (3, 3), one row for each of I, J, K: the step in mm to the next voxel; or (3,), only the lengths.

    Raises:
        GeometryError: a step is not finite, too large, zero or negative, or the three are linearly dependent.
    """
    lengths = _lengths(steps)
    if not np.isfinite(lengths).all():
        raise GeometryError(f"{name} has a voxel spacing that is not a number: correct its header.")
    if (lengths > FARTHEST).any():
        raise GeometryError(f"{name} has a voxel spacing of kilometers: correct its header.")
    if (lengths <= 0).any():
        shown = " x ".join(f"{length:g}" for length in lengths)
        raise GeometryError(f"{name} has a zero or negative voxel spacing ({shown} mm): correct its header.")
    if steps.ndim == 2 and abs(np.linalg.det(steps / lengths[:, None])) < 1e-3:
        raise GeometryError(f"{name} has a singular direction matrix (two axes run the same way): correct its header.")


def _lengths(steps: np.ndarray) -> np.ndarray:
    return steps if steps.ndim == 1 else np.linalg.norm(steps, axis=1)


def check_payload(payload: Payload, name: str) -> None:
    """Reject a file with missing, truncated or damaged voxels.

    Raises:
        InputError: the voxels are missing, truncated or damaged.
    """
    for path in (payload.path, *payload.parts):
        if not path.is_file():
            raise InputError(f"{name} names {path.name} as its data file, which is missing: put it next to {name}.")
    if payload.parts and payload.encoding == "raw":
        share, rest = divmod(payload.size, len(payload.parts))  # libraries fill missing voxels with any values
        if rest or any(part.stat().st_size < share for part in payload.parts):
            raise InputError(f"{name} is truncated (its data files lack voxels): copy or export all of them again.")
        return
    if payload.encoding == "other":  # text, bzip2, many files: checked by the reading library
        return
    try:
        whole = _is_whole(payload)
    except zlib.error as error:
        raise InputError(f"{name} is damaged (its voxels cannot be unpacked): copy or export it again.") from error
    if not whole:
        raise InputError(f"{name} is truncated (voxels are missing at its end): copy or export it again.")


def _is_whole(payload: Payload) -> bool:
    with bounded.open_file(payload.path) as file:
        if payload.encoding == "raw":
            return os.fstat(file.fileno()).st_size - payload.offset >= payload.size
        file.seek(payload.offset)
        try:
            count = sum(map(len, bounded.inflate(file, payload.size + _MARGIN)))
        except bounded.TooMuch as error:
            name = payload.path.name
            raise InputError(f"{name} {error} ({payload.size} bytes): copy or export it again.") from error
        except bounded.Unusable:
            return False
    return count >= payload.size


def number_of_voxels(text: str) -> tuple[int, ...]:
    """Parse the number of voxels along each axis from a header's text.

    Raises:
        ValueError: the text is invalid, or has more axes or voxels than a volume can have.
    """
    words = text.split(maxsplit=_MOST_AXES)
    sizes = tuple(int(word) for word in words)
    if len(words) > _MOST_AXES or any(abs(n) > _MOST_VOXELS for n in sizes):
        raise ValueError("sizes")
    return sizes


def parts_by_pattern(folder: Path, words: Sequence[str]) -> tuple[Path, ...]:
    """List the files of a pattern such as ``slice%03d.raw 1 20 1``: first number, last number, step.

    Raises:
        ValueError: the pattern is invalid.
    """
    pattern, numbers = words[0], [int(word) for word in words[1:4]]
    before, percent, after = pattern.partition("%")
    width, letter, after = after.partition("d")
    first, last, step = numbers if len(numbers) == 3 else (*numbers, 1)
    if not percent or not letter or "%" in after or len(width) > 2 or (width and not width.isdecimal()):
        raise ValueError("data file")
    if step == 0 or not 0 <= (last - first) // step < _MOST_PARTS:
        raise ValueError("data file")
    numbers_of_parts = range(first, last + (1 if step > 0 else -1), step)
    return tuple(folder / f"{before}{number:{width}d}{after}" for number in numbers_of_parts)


def parts_by_list(folder: Path, text: str) -> tuple[Path, ...]:
    """List the files of a text with one file name per line.

    Raises:
        ValueError: the list is empty, or too long.
    """
    names = [line.strip() for line in text.split("\n", _MOST_PARTS)]
    if not any(names) or len(names) > _MOST_PARTS or "\0" in text:
        raise ValueError("data file")
    return tuple(folder / name for name in names if name)
