"""Exact percentiles of large volumes, computed in steps of a few milliseconds; numpy only."""

from collections.abc import Generator, Sequence
from typing import Any

import numpy as np

_PIECE = 1 << 18  # voxels


def percentile_steps(values: np.ndarray, percents: Sequence[float]) -> Generator[None, None, list[float]]:
    """Compute percentiles of an array, yielding between steps; returns the percentiles.

    The results equal ``numpy.percentile`` with ``linear`` interpolation bit for bit, as numpy 2.4 computes them with
    one percentage per call for an array of this type.

    Args:
        values: any shape without empty axes; integers or floats of up to 64 bits, without NaN.
        percents: each in [0, 100]; 0 is the minimum, 100 the maximum.
    """
    last = values.size - 1
    positions = [last * (percent / 100) for percent in percents]
    ranks = [rank for position in positions for rank in (int(position), min(int(position) + 1, last))]
    found = yield from _order_statistics(values, ranks)
    pairs = zip(positions, found[::2], found[1::2], strict=True)
    return [_between(low, high, position % 1) for position, low, high in pairs]


def _between(low: Any, high: Any, weight: float) -> float:
    if weight == 0:  # the difference of two large floats may be infinite
        return float(low)
    if low.dtype.kind != "f":  # the difference of two integers may overflow their type
        low, high = int(low), int(high)
    return float(low + (high - low) * weight if weight < 0.5 else high - (high - low) * (1 - weight))


def _order_statistics(values: np.ndarray, ranks: Sequence[int]) -> Generator[None, None, list[Any]]:
    """Find the values with the given ranks (0 is the smallest) by radix selection: one histogram per 16-bit digit."""
    bits = 8 * values.dtype.itemsize
    width = min(bits, 16)
    # leading digits of each value found so far, and its rank among the values that share them
    found, left = [0] * len(ranks), list(ranks)
    step = max(1, _PIECE * len(values) // values.size)
    for shift in range(bits - width, -1, -width):
        counts = {prefix: np.zeros(1 << width, np.int64) for prefix in found}
        for start in range(0, len(values), step):
            keys = _keys(values[start : start + step])
            for prefix, count in counts.items():
                sharing = keys if shift == bits - width else keys[keys >> (shift + width) == prefix]
                count += np.bincount((sharing >> shift) & ((1 << width) - 1), minlength=1 << width)
            yield
        for index, prefix in enumerate(found):
            up_to = counts[prefix].cumsum()
            digit = int(up_to.searchsorted(left[index], side="right"))
            left[index] -= int(up_to[digit] - counts[prefix][digit])
            found[index] = prefix << width | digit
    return [_value(key, values.dtype) for key in found]


def _keys(values: np.ndarray) -> np.ndarray:
    """Map values to unsigned integers of the same size, in the same order."""
    native = np.ascontiguousarray(values, values.dtype.newbyteorder("=")).ravel()
    kind, size = native.dtype.kind, native.dtype.itemsize
    if kind == "u":
        return native
    bits, sign = native.view(f"u{size}"), 1 << (8 * size - 1)
    if kind == "i":
        return bits ^ bits.dtype.type(sign)
    # positive floats sort like their bits, negative floats in reverse
    negative = (native.view(f"i{size}") >> (8 * size - 1)).view(bits.dtype)
    return bits ^ (negative | bits.dtype.type(sign))


def _value(key: int, dtype: np.dtype) -> Any:
    """Return the value that `_keys` maps to this key."""
    size, sign = dtype.itemsize, 1 << (8 * dtype.itemsize - 1)
    if dtype.kind == "i" or (dtype.kind == "f" and key & sign):
        key ^= sign
    elif dtype.kind == "f":
        key ^= (sign << 1) - 1
    return np.array(key, f"u{size}").view(dtype.newbyteorder("="))[()]
