"""DICOM folders and enhanced files: find the series, sort its slices by position, reject irregular volumes."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ... import memory
from ...errors import GeometryError, InputError
from ...geometry import Geometry
from ...notices import Notice
from ..header import pick_frame
from ..image import SliceFile
from ..person import Person, person_of
from . import enhanced, kinds, pixels
from .files import Slice, scan
from .grid import Placement, grid_of, place
from .grouping import stacks_of
from .stacks import Stack, are_alike, choose, places, same_place, where

_TIME_TAGS = (*kinds.TIMES, "InstanceNumber")  # the first that differs between frames


@dataclass(frozen=True, eq=False)
class Volume:
    """A regular stack of slices in the order of K, with grid, modality, bytes per stored voxel and notices."""

    slices: tuple[Slice, ...]
    geometry: Geometry
    modality: str | None
    voxel_bytes: int
    notices: tuple[Notice, ...] = ()
    placement: Placement | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """Each file once, in the order of K."""
        return tuple(dict.fromkeys(item.path for item in self.slices))

    @property
    def slice_files(self) -> tuple[SliceFile, ...]:
        """Where each slice is stored, in the order of K; empty if slices were resampled."""
        if self.placement is not None:
            return ()
        return tuple(SliceFile(item.path, item.index) for item in self.slices)


@dataclass(frozen=True, eq=False)
class Cine:
    """Volumes of a series in temporal order, all on one grid.

    ``times``: seconds after the first frame by trigger times; None if these are missing. ``person``: patient data
    from the headers.
    """

    volumes: tuple[Volume, ...]
    times: tuple[float, ...] | None
    person: Person

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(dict.fromkeys(path for volume in self.volumes for path in volume.files))


def find_volume(
    folder: Path, name: str, series: str | None, frame: int | None, files: Sequence[Path] | None = None,
    with_pixels: bool = True, resample: bool = False,
) -> Volume:  # fmt: skip
    """Find the only volume in a folder and its subfolders, skipping localizers and copies of slices.

    Args:
        folder: folder to search, in which files without DICOM images are skipped; or a multi-frame file.
        name: name of the input in messages.
        series: number, description or UID of the series; required if there are several.
        frame: image at each slice position, from 1; required if there are several.
        files: DICOM files of the series, if known; the folder is then not searched.
        with_pixels: also check for missing pixels.
        resample: see `grid.grid_of`.

    Raises:
        InputError: no DICOM image, damaged, too large, not gray, series not found, or several without a choice.
        GeometryError: the slices do not form a regular grid.
    """
    stack = _find_stack(folder, name, series, files)
    with _damage_told(name):
        frames, _ = _in_time(stack, name)
        volume = _volume(frames[pick_frame(name, len(frames), frame)], name, stack.notices, resample)
    memory.check(volume.geometry.shape, volume.voxel_bytes, name)
    for path in volume.files if with_pixels else ():
        pixels.check_pixels(path, name)
    return volume


def find_cine(
    folder: Path, name: str, series: str | None, files: Sequence[Path] | None = None, with_pixels: bool = True,
    resample: bool = False,
) -> Cine:  # fmt: skip
    """Find all frames of the only series in a folder; arguments and errors as for `find_volume`.

    Series that form one stack are joined, see `grouping.stacks_of`.
    """
    stack = _find_stack(folder, name, series, files)
    with _damage_told(name):
        frames, by = _in_time(stack, name)
        volumes = tuple(_volume(frame, name, stack.notices, resample) for frame in frames)
        _check_one_grid(frames, name)
        times = _seconds(frames) if by == "TriggerTime" else None
    memory.check((len(volumes), *volumes[0].geometry.shape), volumes[0].voxel_bytes, name)
    found = Cine(volumes, times, person_of([item.header for item in stack.slices]))
    for path in found.files if with_pixels else ():
        pixels.check_pixels(path, name)
    return found


def read_person(files: Sequence[Path]) -> Person:
    """Read the patient data in the headers of DICOM files, see `person_of`.

    Raises:
        InputError: no file is an image, or a file is damaged.
    """
    return person_of([item.header for item in _find_slices(files[0].parent, files[0].parent.name, files)])


@contextmanager
def _damage_told(name: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError, OverflowError, AttributeError) as error:
        raise InputError(f"{name} has damaged DICOM headers ({error}): export the series again.") from error


def _volume(slices: Sequence[Slice], name: str, notices: tuple[Notice, ...], resample: bool) -> Volume:
    grid = grid_of(slices, name, resample)
    if grid.why:
        notices = (*notices, Notice("input", grid.why))
    first = slices[0].header
    voxel_bytes = int(first.get("BitsAllocated", 16)) // 8
    modality = first.get("Modality") or None
    return Volume(tuple(slices), grid.geometry, modality, voxel_bytes, notices, grid.placement)


def read_voxels(volumes: Sequence[Volume], name: str) -> np.ndarray:
    """Read (T, K, J, I) of volumes on one grid, see `pixels.read_voxels`."""
    array = pixels.read_voxels([volume.slices for volume in volumes], name)
    placement = volumes[0].placement
    return array if placement is None else place(array, placement, volumes[0].geometry.shape)


def _find_slices(folder: Path, name: str, files: Sequence[Path] | None) -> list[Slice]:
    if folder.is_file():
        files = [folder]
    found = scan(sorted(folder.rglob("*")) if files is None else files, are_dicom=files is not None)
    if found.damaged:
        raise InputError(f"{found.damaged[0][0].name} in {name} is damaged: export the series again.")
    if not found.slices:
        what = "a DICOM file without an image" if folder.is_file() else "a folder without DICOM images"
        raise InputError(f"{name} is {what}: use a folder with one series, or an image file.")
    if folder.is_file() and not found.slices[0].is_multi_frame:
        raise InputError(f"{folder.name} is a single DICOM file: use the folder with the whole series.")
    with _damage_told(name):
        return enhanced.expand(found.slices, name)


def _find_stack(folder: Path, name: str, series: str | None, files: Sequence[Path] | None) -> Stack:
    """Find the only stack that the arguments allow."""
    found = stacks_of(_find_slices(folder, name, files))
    meant = choose(found, series)
    if len(meant) == 1:
        return meant[0]
    if series is not None and len({one.uids for one in meant}) == 1 and len({one.part for one in meant}) == 1:
        return meant[0]
    listing = "; ".join(str(one) for one in meant or found)
    if not meant:
        raise InputError(f'{name} has no series "{series}" ({listing}): choose one with --series.')
    raise InputError(
        f"{name} holds {len(meant)} DICOM series ({listing}): choose one with --series (number, description or UID)."
    )


def _check_alike(slices: Sequence[Slice], name: str) -> None:
    for item in slices:
        if int(item.header.get("SamplesPerPixel", 1)) != 1:
            raise InputError(f"{name} has color images: use a single-channel (grayscale) series.")
        if item.is_multi_frame:
            raise InputError(f"{item} in {name} is a multi-frame DICOM file: convert it to NIfTI or NRRD first.")
        if not all(item.header.get(tag) for tag in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")):
            raise GeometryError(f"{item} in {name} has no patient position: use a stack of slices.")
    odd = _odd_one(slices)
    if odd is not None:
        raise GeometryError(
            f"{name} mixes slices of different size, direction or pixel spacing: {where(odd)} is unlike the others. "
            "Put one stack into a folder of its own."
        )


def _odd_one(slices: Sequence[Slice]) -> Slice | None:
    """Return an image that differs from most others; None if all are alike."""
    if all(are_alike(slices[0], item) for item in slices):
        return None
    groups: list[list[Slice]] = []
    for item in slices:
        group = next((one for one in groups if are_alike(one[0], item)), None)
        if group is None:
            groups.append(group := [])
        group.append(item)
    return min(groups, key=len)[0]


def _in_time(stack: Stack, name: str) -> tuple[list[list[Slice]], str | None]:
    """Return the frames, each a list of slices along the normal, and the tag that orders them (None: one frame)."""
    _check_alike(stack.slices, name)
    groups = places(stack.slices)
    counts = [len(group) for group in groups]
    frames = max(set(counts), key=counts.count)  # the number that most slices have
    index = next((index for index, count in enumerate(counts) if count != frames), None)
    if index is not None:
        raise GeometryError(_uneven(groups, index, frames, name))
    if frames == 1:
        return [[group[0] for group in groups]], None
    tag = next((tag for tag in _TIME_TAGS if all(_tells_apart(tag, group) for group in groups)), None)
    if tag not in kinds.TIMES and (same := next(filter(None, (_repeated(groups, tag) for tag in kinds.TIMES)), None)):
        raise InputError(
            f"{name} has several images of each slice at the same time of the cycle (such as {where(same[0])} and "
            f"{same[1]}): put each acquisition into a folder of its own."
        )
    if tag is None:
        twice = next(group for group in groups if not _tells_apart("InstanceNumber", group))
        raise InputError(
            f"{name} has {frames} images at every slice position, and neither trigger time, temporal position nor "
            f"instance number gives their order (such as {where(twice[0])} and {twice[1]}): put one frame into a "
            "folder of its own."
        )
    for one in groups:
        one.sort(key=lambda item: float(item.header.get(tag)))
    return [list(frame) for frame in zip(*groups, strict=True)], tag


def _uneven(groups: Sequence[Sequence[Slice]], index: int, frames: int, name: str) -> str:
    """Explain why positions with more or fewer images than the others cannot be used."""
    group = groups[index]
    place = f"{name} has {len(group)} images at slice {index + 1} of {len(groups)} and {frames} at the others"
    if len(group) > frames:
        return f"{place} (such as {where(group[-1])}): remove the repeated images, or choose a series."
    return f"{place} ({where(group[0])}): export the series again with all its images."


def _check_one_grid(frames: Sequence[Sequence[Slice]], name: str) -> None:
    """Reject a cine in which a slice changes its position over time."""
    tolerance = _in_plane(frames[0])
    for frame in frames[1:]:
        for first, item in zip(frames[0], frame, strict=True):
            if np.abs(first.position - item.position).max() > tolerance:
                away = float(np.linalg.norm(first.position - item.position))
                raise GeometryError(
                    f"{name} has a slice that lies {away:.3g} mm away from its position in other frames, "
                    f"{where(item)}: export the series again, or remove this frame."
                )


def _in_plane(slices: Sequence[Slice]) -> float:
    """Tolerance in mm of a slice's in-plane position: a tenth of a pixel, or the precision of the positions."""
    return max(same_place(slices), 0.1 * float(slices[0].pixel_size.min()))


def _tells_apart(tag: str, group: Sequence[Slice]) -> bool:
    values = [item.header.get(tag) for item in group]
    return all(value not in (None, "") for value in values) and len({float(value) for value in values}) == len(group)


def _repeated(groups: Sequence[Sequence[Slice]], tag: str) -> list[Slice] | None:
    """Return images of one slice and time if all times of a cine occur equally often, and several times, at each slice.

    Then instance numbers would string acquisitions together to one cycle.
    """
    counts: set[int] = set()
    for group in groups:
        times = Counter(kinds.number(item.header, tag) for item in group)
        if None in times or len(times) < 2:
            return None
        counts.update(times.values())
    if len(counts) > 1 or 1 in counts:
        return None
    time = kinds.number(groups[0][0].header, tag)
    return [item for item in groups[0] if kinds.number(item.header, tag) == time]


def _seconds(frames: Sequence[Sequence[Slice]]) -> tuple[float, ...]:
    """Trigger times (ms) as seconds after the first frame, each the median over a frame's slices."""
    medians = [float(np.median([float(item.header.TriggerTime) for item in frame])) for frame in frames]
    return tuple((one - medians[0]) / 1000 for one in medians)
