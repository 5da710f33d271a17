"""Slices to pixels: gray pictures, structures drawn over them, and where a structure's number is drawn."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from ..model import Label

_FINE = 3  # structures are drawn this many times finer and then averaged, so that outlines are smooth
_OUTLINE = 5  # width of an outline in fine pixels
_DASH = 15  # of a dashed outline, in fine pixels
_FILL = 0.30  # opacity inside an outline
_HIDDEN = 24  # pixels: a number would hide a structure that is smaller
_CIRCLE = [(round(_OUTLINE * np.sin(a)), round(_OUTLINE * np.cos(a))) for a in np.arange(12) * np.pi / 6]


def as_picture(plane: np.ndarray, size: tuple[int, int]) -> Image.Image:
    """(H, W) float32 in [0, 1] -> RGB of ``size`` (width, height)."""
    return _gray(plane).resize(size, Image.Resampling.BICUBIC).convert("RGB")


def overlay(plane: np.ndarray, labels: np.ndarray, size: tuple[int, int], known: Sequence[Label]) -> Image.Image:
    """A slice with its structures in their colors, translucent, with an opaque outline on their inner side.

    Args:
        plane: (H, W) float32 in [0, 1].
        labels: (H, W) uint8.
        size: width and height of the picture.
        known: names the color of each label value.
    """
    fine_size = (size[0] * _FINE, size[1] * _FINE)
    colors = np.zeros((256, 3), np.float32)
    for label in known:
        colors[label.value] = label.color
    labels = _enlarge(labels, fine_size)
    gray = np.asarray(_gray(plane).resize(fine_size, Image.Resampling.BICUBIC))
    picture = np.repeat(gray[..., None], 3, axis=2)
    held = labels > 0  # elsewhere nothing is mixed
    below = gray[held].astype(np.float32)[:, None]
    opacity = np.where(_outline(labels)[held], np.float32(1), np.float32(_FILL))
    picture[held] = np.rint(below + opacity[:, None] * (colors[labels[held]] - below))
    return Image.fromarray(picture).reduce(_FINE)


def outlined(picture: Image.Image, labels: np.ndarray) -> Image.Image:
    """The picture of a slice with a dashed white outline of other structures (H, W) over it."""
    fine = _enlarge(labels, (picture.width * _FINE, picture.height * _FINE))
    rows, columns = np.ogrid[: fine.shape[0], : fine.shape[1]]
    line = _outline(fine) & (fine > 0) & ((rows + columns) // _DASH % 2 == 0)
    picture = picture.copy()
    picture.paste("white", mask=Image.fromarray(np.where(line, np.uint8(255), np.uint8(0))).reduce(_FINE))
    return picture


def positions(labels: np.ndarray, size: tuple[int, int]) -> dict[int, tuple[int, int]]:
    """Where to write the value of each structure in a slice (H, W): x and y in a picture of ``size``.

    That is deep inside the structure, or beside it when the number would hide it.
    """
    labels = _enlarge(labels, size)
    return {int(value): _position(labels == value) for value in np.unique(labels) if value}


def _gray(plane: np.ndarray) -> Image.Image:
    return Image.fromarray(np.rint(plane * 255).astype(np.uint8))


def _enlarge(labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Labels (H, W) on ``size`` (width, height); borders between structures become lines instead of stairs."""
    values = np.unique(labels)
    masks = (Image.fromarray(np.where(labels == value, np.uint8(255), np.uint8(0))) for value in values)
    weights = (np.asarray(mask.resize(size, Image.Resampling.BILINEAR)) for mask in masks)
    best = next(weights)
    found = np.full(best.shape, values[0])
    for value, weight in zip(values[1:], weights, strict=True):
        found[weight > best] = value
        best = np.maximum(best, weight)
    return found


def _outline(labels: np.ndarray) -> np.ndarray:
    """Whether another label lies within the outline's width."""
    height, width = labels.shape
    padded = np.pad(labels, _OUTLINE, mode="edge")
    outline = np.zeros(labels.shape, bool)
    for down, right in _CIRCLE:
        top, left = _OUTLINE + down, _OUTLINE + right
        outline |= padded[top : top + height, left : left + width] != labels
    return outline


def _position(mask: np.ndarray) -> tuple[int, int]:
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if max(rows[-1] - rows[0], columns[-1] - columns[0]) < _HIDDEN:
        return int(columns[-1]) + 8, int(rows[-1]) + 6
    return _deepest(mask)


def _deepest(mask: np.ndarray) -> tuple[int, int]:
    """x and y of a point of a mask (H, W), not empty, that is farthest from its border."""
    rest = np.pad(mask, 1)
    while True:
        inner = rest.copy()
        inner[1:-1, 1:-1] &= rest[:-2, 1:-1] & rest[2:, 1:-1] & rest[1:-1, :-2] & rest[1:-1, 2:]
        if not inner.any():
            break
        rest = inner
    points = np.argwhere(rest)
    y, x = points[len(points) // 2] - 1
    return int(x), int(y)
