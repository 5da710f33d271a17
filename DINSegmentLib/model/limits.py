"""Limits on manifest values, checked before use because a manifest may come from an untrusted source.

``manifest.schema.json`` has the same limits; a test compares the two.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

SPACING = (0.05, 20.0)  # mm
TEMPERATURE = (0.01, 100.0)
LONGEST_NAME = 60  # characters of a structure's name, which becomes part of file names
_STAGES = 4
_MOST_PARAMETERS = 1e9  # of a network; the bundled networks have 6 million

_WHOLE = {
    "classes": (2, 256), "head_width": (1, 1024), "decoder_width": (2, 2048), "neighbours": (0, 8),
}  # fmt: skip
_STAGE = {"widths": (1, 2048), "depths": (1, 64), "reductions": (1, 8)}
_REAL = {"layer_scale": (1e-12, 10.0), "ffn_ratio": (0.01, 16.0)}


def check_network(network: Mapping[str, Any]) -> None:
    """Reject network sizes that cannot be built or do not fit into memory.

    Raises:
        ValueError: names the value that is out of range.
    """
    for name, (low, high) in _WHOLE.items():
        if name in network and not _is_whole(network[name], low, high):
            raise ValueError(f"network {name} is not a whole number from {low} to {high}")
    for name, (least, most) in _REAL.items():
        if name in network and not _is_real(network[name], least, most):
            raise ValueError(f"network {name} is not a number from {least:g} to {most:g}")
    for name, (low, high) in _STAGE.items():
        stages = network.get(name, [low] * _STAGES)
        if not isinstance(stages, list | tuple) or len(stages) != _STAGES:
            raise ValueError(f"network {name} is not a list of {_STAGES} numbers")
        if not all(_is_whole(one, low, high) for one in stages):
            raise ValueError(f"network {name} are not whole numbers from {low} to {high}")
    widths, depths = network.get("widths", ()), network.get("depths", ())
    head = network.get("head_width", 1)
    if any(width % max(1, width // head) for width in widths):
        raise ValueError(f"network widths cannot be divided into heads of width {head}")
    if sum(16 * width**2 * depth for width, depth in zip(widths, depths, strict=False)) > _MOST_PARAMETERS:
        raise ValueError("network widths and depths make a network too large for any machine")


def check_texts(texts: Sequence[str]) -> None:
    """Reject texts that could control a terminal or cannot be part of a file name.

    Raises:
        ValueError: a text is empty, too long, or has unprintable characters.
    """
    for text in texts:
        if not 0 < len(text) <= LONGEST_NAME or not text.isprintable():
            raise ValueError(f"the name {text[:LONGEST_NAME]!a} is empty, too long or not printable")


def check_range(name: str, value: float, limits: tuple[float, float]) -> None:
    """Raise ValueError if a number is outside its limits."""
    if not _is_real(value, *limits):
        raise ValueError(f"{name} {value} is not from {limits[0]:g} to {limits[1]:g}")


def _is_whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_real(value: Any, low: float, high: float) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and low <= value <= high
