"""Contrast limited adaptive histogram equalization (CLAHE) of single slices; numpy only.

Source: K. Zuiderveld, Graphics Gems IV, 1994. Tiles, clip limit and bins are those of scikit-image's
``equalize_adapthist``; a test compares the results.
"""

import numpy as np

_TILES = 8  # along each axis of a slice; more if its size is not a multiple
_CLIP_LIMIT = 0.01  # largest share of a tile's pixels in one bin
_BINS = 256
_GRAYS = 2**14 - 1  # gray levels of a slice before they are sorted into bins of 65


def clahe(volume: np.ndarray, strength: float) -> np.ndarray:
    """Blend each slice with its equalized copy, whose weight is half the strength.

    Args:
        volume: (S, H, W) float32 in [0, 1].
        strength: in [0, 2].

    Returns:
        a new array like ``volume``; a slice with a single gray value is unchanged.
    """
    share, out = np.float32(strength / 2), np.array(volume)
    for plane in out:
        low, high = plane.min(), plane.max()
        if low < high:
            plane += share * (_equalized((plane - low) / (high - low)) - plane)
    return np.clip(out, 0, 1, out=out)


def _equalized(plane: np.ndarray) -> np.ndarray:
    """Equalize (H, W) float32 in [0, 1]: interpolate each value between the curves of the four nearest tiles."""
    bins = (np.rint(plane * np.float32(_GRAYS)) // (1 + (_GRAYS + 1) // _BINS)).astype(np.intp)
    size = [max(n // _TILES, 1) for n in plane.shape]
    curves = _curves(bins, size)
    curves = np.pad(curves, [(1, 1), (1, 1), (0, 0)], mode="edge")
    # position between two tile centers: index of the first, and fraction of the way to the second
    (rows, down), (columns, right) = (
        np.divmod(np.arange(n) + length // 2, length) for n, length in zip(plane.shape, size, strict=True)
    )
    down, right = (down / np.float32(size[0]))[:, None], right / np.float32(size[1])
    first = (rows[:, None] * curves.shape[1] + columns) * _BINS + bins
    next_row, next_column = curves.shape[1] * _BINS, _BINS
    flat = curves.ravel()
    upper, lower = (
        (1 - right) * flat.take(first + offset) + right * flat.take(first + offset + next_column)
        for offset in (0, next_row)
    )
    found = (1 - down) * upper + down * lower
    low, high = found.min(), found.max()
    return (found - low) / (high - low) if low < high else plane


def _curves(bins: np.ndarray, size: list[int]) -> np.ndarray:
    """Cumulative share of a tile's pixels up to each bin, after clipping: (tile rows, tile columns, bins) float32."""
    whole = np.pad(bins, [(0, -n % length) for n, length in zip(bins.shape, size, strict=True)], mode="reflect")
    across = whole.shape[1] // size[1]
    tile = (np.arange(whole.shape[0]) // size[0] * across)[:, None] + np.arange(whole.shape[1]) // size[1]
    tiles = whole.size // (size[0] * size[1])
    counts = np.bincount((tile * _BINS + whole).ravel(), minlength=tiles * _BINS).reshape(tiles, _BINS)
    counts = _clipped(counts, size[0] * size[1])
    shares = np.minimum(counts.cumsum(1) / (size[0] * size[1]), 1)  # in small tiles, whole pixels may exceed 1
    return shares.astype(np.float32).reshape(-1, across, _BINS)


def _clipped(counts: np.ndarray, pixels: int) -> np.ndarray:
    """Clip counts (tiles, bins) to the limit and redistribute the excess to bins with room, as evenly as whole
    pixels allow: first equally to all, then one each to every bin, or every second, third ... as fewer are left.
    """
    limit = max(int(_CLIP_LIMIT * pixels), 1)
    clipped = np.minimum(counts, limit)
    clipped = np.minimum(clipped + ((pixels - clipped.sum(1)) // _BINS)[:, None], limit)
    numbers = np.arange(_BINS)
    for start in range(_BINS):
        left = (pixels - clipped.sum(1)).clip(0)[:, None]
        if not left.any():
            break
        has_room = clipped < limit
        step = np.maximum(has_room.sum(1, keepdims=True) // left.clip(1), 1)
        clipped += has_room & (left > 0) & (numbers >= start) & ((numbers - start) % step == 0)
    return clipped
