"""Slicer's own libraries without its desktop: a scene, the logics that we use, and what `slicer.util` asks for."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

from .application import Application, Module

_LOGICS = {  # in the order in which they must start: segmentations look for terminologies
    "Colors": "vtkSlicerColorLogic",
    "Volumes": "vtkSlicerVolumesLogic",
    "Terminologies": "vtkSlicerTerminologiesModuleLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
}


def boot() -> None:
    """Set up ``slicer.app``, ``slicer.mrmlScene`` and ``slicer.modules``, unless they are there (Slicer, second call).

    Importing the libraries takes about a second, the rest less than a tenth.
    """
    import slicer
    import slicer.util  # noqa: F401  the desktop has it loaded, too

    if getattr(slicer, "app", None) is not None:
        return
    with quiet():  # the wheel has no color tables and no terminology files, which the logics would report
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
    """Keep VTK's own messages from the terminal: the caller looks at the outcome and says it better."""
    from vtkmodules.vtkCommonCore import vtkObject

    shown = vtkObject.GetGlobalWarningDisplay()
    vtkObject.GlobalWarningDisplayOff()
    try:
        yield
    finally:
        vtkObject.SetGlobalWarningDisplay(shown)
