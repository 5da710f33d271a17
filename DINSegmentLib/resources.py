"""Where the bundled models and samples lie: one function for the source tree, the installed extension and the wheel."""

from pathlib import Path

from .errors import ModelError
from .messages import Sentence as _


def root() -> Path:
    """The folder ``Resources``, which holds ``Models`` and ``SampleData``.

    An installed extension and a wheel keep it inside the package, the source tree beside it.

    Raises:
        ModelError: it is in neither place.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "Resources", package.parent / "Resources"):
        if (folder / "Models").is_dir():
            return folder
    raise ModelError(
        _(
            "The folder Resources with the bundled models is missing beside or inside {package}: reinstall the "
            "extension, or clone the repository again.",
            package=package,
        )
    )
