"""Location of the bundled models and samples, in the source tree, the installed extension and the wheel."""

from pathlib import Path

from .errors import ModelError
from .messages import Sentence as _


def root() -> Path:
    """Return the folder ``Resources``, which holds ``Models`` and ``SampleData``.

    It is inside the package in an installed extension or wheel, and next to the package in the source tree.

    Raises:
        ModelError: the folder is in neither place.
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
