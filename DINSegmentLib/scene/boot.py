"""Slicer's libraries without its desktop: a scene, the logics that DINSegment uses, and what `slicer.util` needs."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

from .application import Application, Module

_LOGICS = {  # in the order in which they must start: segmentations use terminologies
    "Colors": "vtkSlicerColorLogic",
    "Volumes": "vtkSlicerVolumesLogic",
    "Terminologies": "vtkSlicerTerminologiesModuleLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
}


def boot() -> None:
    """Set up ``slicer.app``, ``slicer.mrmlScene`` and ``slicer.modules`` unless they exist (Slicer, or a second call).

    Importing the libraries takes about a second, the rest less than 0.1 s.
    """
    import slicer
    import slicer.util  # noqa: F401  loaded as on the desktop

    if getattr(slicer, "app", None) is not None:
        return
    with quiet():  # the wheel lacks color tables and terminology files, which the logics would report
        scene = slicer.vtkMRMLScene()
        application_logic = slicer.vtkSlicerApplicationLogic()
        application_logic.SetMRMLScene(scene)
        application_logic.SetTemporaryPath(tempfile.gettempdir())
        application_logic.SetHomeDirectory(tempfile.gettempdir())
        application_logic.SetShareDirectory("share")
        modules = SimpleNamespace()
        for name, class_name in _LOGICS.items():
            logic = getattr(slicer, class_name)()
            if hasattr(logic, "SetMRMLApplicationLogic"):
                logic.SetMRMLApplicationLogic(application_logic)
            logic.SetMRMLScene(scene)
            application_logic.SetModuleLogic(name, logic)
            setattr(modules, name.lower(), Module(logic))
    slicer.app = Application(application_logic, scene, modules)
    slicer.mrmlScene = scene
    slicer.modules = modules


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress VTK's messages in the terminal; the caller checks the outcome and reports it more clearly."""
    from vtkmodules.vtkCommonCore import vtkObject

    shown = vtkObject.GetGlobalWarningDisplay()
    vtkObject.GlobalWarningDisplayOff()
    try:
        yield
    finally:
        vtkObject.SetGlobalWarningDisplay(shown)
