"""DINSegment: heart and abdominal organs by a dual interaction network, see `api`."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

__all__ = ["Enhancement", "Geometry", "Segmenter", "find_model", "read_volume", "sample"]  # noqa: F822

_HOMES = {"Geometry": "geometry", "Enhancement": "model", "find_model": "model"}  # else `api`


def __getattr__(name: str) -> Any:
    """The public names, loaded when they are used: torch takes seconds."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'api')}"), name)
