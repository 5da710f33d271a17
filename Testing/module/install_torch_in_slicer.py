"""Installs the PyTorch extension and PyTorch into a real Slicer, as the panel's button does; ends it with 0 on success.

Slicer --python-script Testing/module/install_torch_in_slicer.py
"""

import sys
import traceback
from pathlib import Path

import slicer
import slicer.util

sys.path.append(str(Path(__file__).resolve().parents[2]))
status = 1
try:
    manager = slicer.app.extensionsManagerModel()
    manager.interactive = False
    if not manager.installExtensionFromServer("PyTorch", False):  # no restart: its module is loaded below
        raise RuntimeError("Slicer's server did not give the PyTorch extension")
    sys.path.append(str(next(Path(manager.extensionInstallPath("PyTorch")).rglob("PyTorchUtils.py")).parent))
    import PyTorchUtils

    from DINSegmentLib.panel.installer import REQUIREMENT

    PyTorchUtils.PyTorchUtilsLogic().installTorch(
        askConfirmation=False, forceComputationBackend="cpu", torchVersionRequirement=REQUIREMENT
    )
    import torch

    print("Installed torch", torch.__version__)
    status = 0
except BaseException:
    traceback.print_exc()
finally:
    slicer.util.exit(status)
