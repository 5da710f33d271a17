"""DINSegment: segmentation of the heart and abdominal organs with a dual interaction network. See `api`."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

__all__ = ["Enhancement", "Geometry", "Segmenter", "find_model", "read_volume", "sample"]  # noqa: F822

_HOMES = {"Geometry": "geometry", "Enhancement": "model", "find_model": "model"}  # else `api`


def __getattr__(name: str) -> Any:
    """Load a public name on first use, because importing torch takes seconds."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'api')}"), name)
