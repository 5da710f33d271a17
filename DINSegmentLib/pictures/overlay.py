"""Slices to pixels: gray images, overlaid structures, and positions for the structures' numbers."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from ..model import Label

_FINE = 3  # supersampling factor for structures, so that outlines are smooth
_OUTLINE = 5  # width of an outline in supersampled pixels
_DASH = 15  # length of a dash in supersampled pixels
_FILL = 0.30  # opacity inside an outline
_HIDDEN = 24  # pixels; a number would cover a smaller structure
_CIRCLE = [(round(_OUTLINE * np.sin(a)), round(_OUTLINE * np.cos(a))) for a in np.arange(12) * np.pi / 6]


def as_picture(plane: np.ndarray, size: tuple[int, int]) -> Image.Image:
    """Convert (H, W) float32 in [0, 1] to an RGB image of ``size`` (width, height)."""
    return _gray(plane).resize(size, Image.Resampling.BICUBIC).convert("RGB")


def overlay(plane: np.ndarray, labels: np.ndarray, size: tuple[int, int], known: Sequence[Label]) -> Image.Image:
    """Draw a slice with translucent structures in their colors, with an opaque outline along their inner edge.

    Args:
        plane: (H, W) float32 in [0, 1].
        labels: (H, W) uint8.
        size: width and height of the image.
        known: labels with the color of each label value.
    """
    fine_size = (size[0] * _FINE, size[1] * _FINE)
    colors = np.zeros((256, 3), np.float32)
    for label in known:
        colors[label.value] = label.color
    labels = _enlarge(labels, fine_size)
    gray = np.asarray(_gray(plane).resize(fine_size, Image.Resampling.BICUBIC))
    picture = np.repeat(gray[..., None], 3, axis=2)
    held = labels > 0  # nothing is blended elsewhere
    below = gray[held].astype(np.float32)[:, None]
    opacity = np.where(_outline(labels)[held], np.float32(1), np.float32(_FILL))
    picture[held] = np.rint(below + opacity[:, None] * (colors[labels[held]] - below))
    return Image.fromarray(picture).reduce(_FINE)


def outlined(picture: Image.Image, labels: np.ndarray) -> Image.Image:
    """Draw a dashed white outline of other structures (H, W) over the image of a slice."""
    fine = _enlarge(labels, (picture.width * _FINE, picture.height * _FINE))
    rows, columns = np.ogrid[: fine.shape[0], : fine.shape[1]]
    line = _outline(fine) & (fine > 0) & ((rows + columns) // _DASH % 2 == 0)
    picture = picture.copy()
    picture.paste("white", mask=Image.fromarray(np.where(line, np.uint8(255), np.uint8(0))).reduce(_FINE))
    return picture


def positions(labels: np.ndarray, size: tuple[int, int]) -> dict[int, tuple[int, int]]:
    """Return positions for the value of each structure in a slice (H, W): x and y in an image of ``size``.

    A position is deep inside the structure, or next to it if the number would cover it.
    """
    labels = _enlarge(labels, size)
    return {int(value): _position(labels == value) for value in np.unique(labels) if value}


def _gray(plane: np.ndarray) -> Image.Image:
    return Image.fromarray(np.rint(plane * 255).astype(np.uint8))


def _enlarge(labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize labels (H, W) to ``size`` (width, height), with smooth borders between structures."""
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
    """Whether another label is within the outline's width."""
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
    """Return x and y of the point in a nonempty mask (H, W) that is farthest from its border."""
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
