"""DICOM folders and enhanced files: find the series, order its slices by position, refuse what is no regular volume."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk

from ... import memory
from ...errors import GeometryError, InputError
from ...geometry import LPS_TO_RAS, Geometry
from ..header import check_steps, pick_frame
from ..image import SliceFile, check_name, has_dicom_mark
from ..person import Person, person_of
from . import enhanced
from .files import Slice, group, join_places, scan, without_localizers

_SAME_PLACE = 0.01  # mm; positions are written with about this precision
_TIME_TAGS = ("TriggerTime", "TemporalPositionIdentifier", "InstanceNumber")  # the first that tells frames apart
_PIXELS = ["NumberOfFrames", "Rows", "Columns", "BitsAllocated", "PixelData"]


@dataclass(frozen=True, eq=False)
class Volume:
    """A regular stack of slices in the order of K, its grid, modality and bytes of a stored voxel."""

    slices: tuple[Slice, ...]
    geometry: Geometry
    modality: str | None
    voxel_bytes: int

    @property
    def files(self) -> tuple[Path, ...]:
        """Each once, in the order of K."""
        return tuple(dict.fromkeys(item.path for item in self.slices))

    @property
    def slice_files(self) -> tuple[SliceFile, ...]:
        """Where each slice lies, in the order of K."""
        return tuple(SliceFile(item.path, item.index) for item in self.slices)


@dataclass(frozen=True, eq=False)
class Cine:
    """The volumes of a series in the order of time, all on one grid.

    ``times``: of each in seconds after the first, by trigger times; None where these do not tell. ``person``: what the
    headers tell.
    """

    volumes: tuple[Volume, ...]
    times: tuple[float, ...] | None
    person: Person

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(dict.fromkeys(path for volume in self.volumes for path in volume.files))


def find_volume(
    folder: Path, name: str, series: str | None, frame: int | None, files: Sequence[Path] | None = None,
    pixels: bool = True,
) -> Volume:  # fmt: skip
    """The one volume in a folder and the folders below it; localizers and copies of slices are passed over.

    Args:
        folder: where to look, files that are no DICOM image are passed over; or a single file that holds many frames.
        name: what the user calls it, for messages.
        series: number, description or UID of the series wanted; needed when there are several.
        frame: which image at every slice position, from 1; needed when there are several.
        files: the DICOM files of the series where they are known: the folder is not searched then.
        pixels: look for pixels that are missing, too.

    Raises:
        InputError: no DICOM image, damaged files, several series and no choice, no such series, no grey slices.
        GeometryError: the slices do not make a regular grid.
    """
    slices = _choose_series(_find_slices(folder, name, files), name, series)
    with _damage_told(name):
        frames, _ = _in_time(slices, name)
        volume = _volume(frames[pick_frame(name, len(frames), frame)], name)
    memory.check(volume.geometry.shape, volume.voxel_bytes, name)
    for path in volume.files if pixels else ():
        check_pixels(path, name)
    return volume


def find_cine(
    folder: Path, name: str, series: str | None, files: Sequence[Path] | None = None, pixels: bool = True
) -> Cine:
    """All frames of the one series in a folder; arguments and errors as of `find_volume`.

    Series of one stack are taken together, see `join_places`: those called ``series``, or all that are there.
    """
    slices = _find_slices(folder, name, files)
    called = [one for one in group(without_localizers(slices)) if series is None or one.is_called(series)]
    stacks = join_places(called)
    slices = list(stacks[0].slices) if len(stacks) == 1 else _choose_series(slices, name, series)
    with _damage_told(name):
        frames, by = _in_time(slices, name)
        volumes = tuple(_volume(frame, name) for frame in frames)
        times = _seconds(frames) if by == "TriggerTime" else None
    memory.check((len(volumes), *volumes[0].geometry.shape), volumes[0].voxel_bytes, name)
    found = Cine(volumes, times, person_of([item.header for item in slices]))
    for path in found.files if pixels else ():
        check_pixels(path, name)
    return found


def read_person(files: Sequence[Path]) -> Person:
    """What the headers of DICOM files tell of the person in them, see `person_of`.

    Raises:
        InputError: none of them is an image, or one is damaged.
    """
    return person_of([item.header for item in _find_slices(files[0].parent, files[0].parent.name, files)])


@contextmanager
def _damage_told(name: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError, OverflowError, AttributeError) as error:
        raise InputError(f"{name} has damaged DICOM headers ({error}): export the series again.") from error


def _volume(slices: Sequence[Slice], name: str) -> Volume:
    geometry = _geometry(slices, name)
    first = slices[0].header
    voxel_bytes = int(first.get("BitsAllocated", 16)) // 8
    return Volume(tuple(slices), geometry, first.get("Modality") or None, voxel_bytes)


def read_voxels(volumes: Sequence[Volume], name: str) -> np.ndarray:
    """(T, K, J, I) of volumes of one grid, rescaled as their files say.

    Raises:
        InputError: a slice cannot be read.
    """
    if volumes[0].slices[0].index is not None:
        return enhanced.read_voxels([volume.slices for volume in volumes], name)
    return np.stack([_read_files(volume.files, name) for volume in volumes])


def _read_files(files: Sequence[Path], name: str) -> np.ndarray:
    for path in files:
        check_name(path)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([str(path) for path in files])
    reader.SetImageIO("GDCMImageIO")
    try:
        return sitk.GetArrayFromImage(reader.Execute())
    except RuntimeError as error:
        raise InputError(f"{name} has DICOM slices that cannot be read (damaged): export the series again.") from error


def check_pixels(path: Path, name: str) -> None:
    """Refuse a DICOM file whose pixels are missing or cut short.

    Raises:
        InputError: see above.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a stream without its end only warns, and then there is no PixelData
            data = pydicom.dcmread(path, specific_tags=_PIXELS)
        stored = len(data.get("PixelData", b""))
        compressed = data.file_meta.TransferSyntaxUID.is_compressed
        frames = int(data.get("NumberOfFrames") or 1)
        wanted = 1 if compressed else max(1, frames * data.Rows * data.Columns * data.BitsAllocated // 8)
    except Exception as error:  # on damaged bytes pydicom raises nearly anything
        raise InputError(f"{path.name} in {name} is damaged: export the series again.") from error
    if stored < wanted:
        raise InputError(f"{path.name} in {name} is cut short (pixels are missing): export the series again.")


def _find_slices(folder: Path, name: str, files: Sequence[Path] | None) -> list[Slice]:
    if folder.is_file():
        files = [folder]
    elif files is None:
        files = [path for path in sorted(folder.rglob("*")) if path.is_file() and has_dicom_mark(path)]
    found = scan(files)
    if found.damaged:
        raise InputError(f"{found.damaged[0][0].name} in {name} is damaged: export the series again.")
    if not found.slices:
        what = "a DICOM file without an image" if folder.is_file() else "a folder without DICOM images"
        raise InputError(f"{name} is {what}: give a folder with one series, or an image file.")
    if folder.is_file() and not found.slices[0].is_multi_frame:
        raise InputError(f"{folder.name} is a single DICOM file: give the folder with the whole series.")
    with _damage_told(name):
        return enhanced.expand(found.slices, name)


def _choose_series(slices: Sequence[Slice], name: str, wanted: str | None) -> list[Slice]:
    groups = group(slices if wanted is not None else without_localizers(slices))
    found = [series for series in groups if wanted is None or series.is_called(wanted)]
    if len(found) == 1:
        return without_localizers(found[0].slices)
    listing = "; ".join(str(series) for series in found or groups)
    if not found:
        raise InputError(f'{name} has no series "{wanted}" ({listing}): choose one with --series.')
    raise InputError(
        f"{name} holds {len(found)} DICOM series ({listing}): choose one with --series (number, description or UID)."
    )


def _check_alike(slices: Sequence[Slice], name: str) -> None:
    for item in slices:
        if int(item.header.get("SamplesPerPixel", 1)) != 1:
            raise InputError(f"{name} holds color images: give a grey-value series.")
        if item.is_multi_frame:
            raise InputError(f"{item} in {name} is a multi-frame DICOM file: convert it to NIfTI or NRRD first.")
        if not all(item.header.get(tag) for tag in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")):
            raise GeometryError(f"{item} in {name} has no position in the patient: give a stack of slices.")
    first = slices[0]
    for item in slices:
        same_grid = (item.header.Rows, item.header.Columns) == (first.header.Rows, first.header.Columns)
        if not (
            same_grid
            and (item.index is None) == (first.index is None)
            and np.allclose(item.axes, first.axes, rtol=0, atol=1e-3)
            and np.allclose(item.pixel_size, first.pixel_size, rtol=1e-4, atol=0)
        ):
            raise GeometryError(
                f"{name} mixes slices of different size, direction or pixel spacing (such as {first} and {item}): "
                "put one stack into a folder of its own."
            )


def _in_time(slices: Sequence[Slice], name: str) -> tuple[list[list[Slice]], str | None]:
    """The frames, each a list of slices along the normal, and the tag that tells their order; None: there is one."""
    _check_alike(slices, name)
    normal = np.cross(*slices[0].axes)
    ordered = sorted(slices, key=lambda item: float(item.position @ normal))
    groups: list[list[Slice]] = []
    for item in ordered:
        if groups and (item.position - groups[-1][0].position) @ normal < _SAME_PLACE:
            groups[-1].append(item)
        else:
            groups.append([item])
    frames = len(groups[0])
    odd = next((group for group in groups if len(group) != frames), None)
    if odd is not None:
        raise GeometryError(
            f"{name} has {frames} images at one slice position and {len(odd)} at another: "
            "put the slices of one volume into a folder of its own."
        )
    if frames == 1:
        return [[group[0] for group in groups]], None
    tag = next((tag for tag in _TIME_TAGS if all(_tells_apart(tag, group) for group in groups)), None)
    if tag is None:
        raise InputError(
            f"{name} has {frames} images at every slice position, and neither trigger time, temporal position nor "
            "instance number tells their order: put one frame into a folder of its own."
        )
    for one in groups:
        one.sort(key=lambda item: float(item.header.get(tag)))
    return [list(frame) for frame in zip(*groups, strict=True)], tag


def _tells_apart(tag: str, group: Sequence[Slice]) -> bool:
    values = [item.header.get(tag) for item in group]
    return all(value not in (None, "") for value in values) and len({float(value) for value in values}) == len(group)


def _seconds(frames: Sequence[Sequence[Slice]]) -> tuple[float, ...]:
    """Trigger times (ms), each the median over a frame's slices, in seconds after the first."""
    medians = [float(np.median([float(item.header.TriggerTime) for item in frame])) for frame in frames]
    return tuple((one - medians[0]) / 1000 for one in medians)


def _geometry(slices: Sequence[Slice], name: str) -> Geometry:
    first = slices[0]
    if len(slices) == 1:
        raise GeometryError(f"{name} is one voxel thin (a single slice): give a folder with the whole series.")
    positions = np.array([item.position for item in slices])
    step = (positions[-1] - positions[0]) / (len(slices) - 1)
    size = np.linalg.norm(step)
    gaps = np.diff(positions @ np.cross(*first.axes))
    worst = int(np.argmax(np.abs(gaps - np.median(gaps))))
    if abs(gaps[worst] - np.median(gaps)) > max(_SAME_PLACE, 0.01 * size):
        raise GeometryError(
            f"{name} has unevenly spaced slices ({gaps[worst]:.4g} mm instead of {np.median(gaps):.4g} mm after "
            f"{slices[worst]}): add the missing slices, or give a series without gaps."
        )
    if np.abs(first.axes @ step).max() > 0.01 * size:
        raise GeometryError(f"{name} has slices that are shifted sideways (tilted gantry): correct the tilt first.")
    steps = np.vstack([first.axes * first.pixel_size[:, None], step])
    check_steps(steps, name)
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = steps.T, positions[0]
    return Geometry((len(slices), first.header.Rows, first.header.Columns), LPS_TO_RAS @ matrix)
