"""Installation of missing packages: PyTorch by Slicer's PyTorch extension, reportlab for PDF reports."""

import importlib.util
import logging
import subprocess

from slicer.i18n import tr as _

from ..errors import TorchMissing

REQUIREMENT = ">=2.7,<2.13"  # light-the-torch of Slicer 5.12 cannot install a fresh 2.13 (2026-07); widen when it can

REPORTLAB, HIGHDICOM = ">=4.0", ">=0.27"


def torch_is_installed() -> bool:
    """Check without importing torch, which takes seconds."""
    return importlib.util.find_spec("torch") is not None


def install_torch() -> None:
    """Install PyTorch through the PyTorch extension, which asks the user.

    Raises:
        TorchMissing: the extension is missing, or the installation failed or was declined.
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
    """Install reportlab if missing, after Slicer has asked the user; return whether it is installed."""
    return _install("reportlab", REPORTLAB)


def install_highdicom() -> bool:
    """Do the same for highdicom."""
    return _install("highdicom", HIGHDICOM)


def _install(name: str, versions: str) -> bool:
    if importlib.util.find_spec(name) is None:
        import slicer.packaging
        from packaging.requirements import Requirement

        try:
            slicer.packaging.pip_ensure([Requirement(f"{name}{versions}")], requester="DINSegment")
        except (RuntimeError, subprocess.CalledProcessError) as error:  # the user declined, or pip failed
            logging.getLogger("dinsegment").info("%s was not installed: %s", name, error)
        importlib.invalidate_caches()
    return importlib.util.find_spec(name) is not None
