"""Packages that Slicer lacks: PyTorch, by Slicer's PyTorch extension, and reportlab, for reports as PDF."""

import importlib.util

from slicer.i18n import tr as _

from ..errors import TorchMissing

REQUIREMENT = ">=2.7,<2.13"  # light-the-torch of Slicer 5.12 cannot install a fresh 2.13 (2026-07); widen when it can

REPORTLAB, HIGHDICOM = ">=4.0", ">=0.27"


def torch_is_installed() -> bool:
    """Without importing it, which takes seconds."""
    return importlib.util.find_spec("torch") is not None


def install_torch() -> None:
    """Let the PyTorch extension ask the user, and install.

    Raises:
        TorchMissing: that extension is not installed, or the installation failed or was declined.
    """
    try:
        import PyTorchUtils
    except ImportError as error:
        raise TorchMissing(
            _(
                "Slicer's PyTorch extension is missing: install it with the Extensions Manager, restart Slicer, then "
                "click this button again."
            )
        ) from error
    logic = PyTorchUtils.PyTorchUtilsLogic()
    logic.installTorch(askConfirmation=True, torchVersionRequirement=REQUIREMENT)
    importlib.invalidate_caches()
    if not torch_is_installed():
        raise TorchMissing(_("PyTorch was not installed: try again, or check Slicer's log for the reason."))


def install_reportlab() -> bool:
    """Let Slicer ask the user and install reportlab where it is missing; whether it is there now."""
    return _install("reportlab", REPORTLAB)


def install_highdicom() -> bool:
    """The same of highdicom."""
    return _install("highdicom", HIGHDICOM)


def _install(name: str, versions: str) -> bool:
    if importlib.util.find_spec(name) is None:
        import slicer.packaging
        from packaging.requirements import Requirement

        slicer.packaging.pip_ensure([Requirement(f"{name}{versions}")], requester="DINSegment")
        importlib.invalidate_caches()
    return importlib.util.find_spec(name) is not None
