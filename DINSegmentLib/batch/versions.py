"""Versions of the packages that a result depends on, found without importing them."""

import platform
import sys
from importlib import metadata

from .. import __version__

PACKAGES = {"torch": "torch", "numpy": "numpy", "SimpleITK": "SimpleITK", "slicer-core": "slicer"}  # package: module


def versions() -> dict[str, str | None]:
    """Versions of DINSegment, Python and the packages; None for packages that are not installed."""
    own = {"dinsegment": __version__, "python": platform.python_version()}
    return own | {package: version(package, module) for package, module in PACKAGES.items()}


def version(package: str, module: str) -> str | None:
    """Version of an installed package; without metadata, as in Slicer, that of the loaded module, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return getattr(sys.modules.get(module), "__version__", None)
