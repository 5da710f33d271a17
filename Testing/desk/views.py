"""Slice and 3D views as behind Slicer's widgets, with Slicer's displayable managers, without drawing.

They stay while the desk lives, as widgets do that a layout has once shown: a manager that keeps what the product took
away crashes here as it does in Slicer.
"""

import atexit
from typing import Any

import slicer
import vtk

_SLICE = (
    "vtkMRMLModelSliceDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager2D",
    "vtkMRMLColorLegendDisplayableManager",
)
_THREE_D = (
    "vtkMRMLCameraDisplayableManager",
    "vtkMRMLModelDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager3D",
)
_FACTORIES = {
    "vtkMRMLSliceNode": ("vtkMRMLSliceViewDisplayableManagerFactory", _SLICE),
    "vtkMRMLViewNode": ("vtkMRMLThreeDViewDisplayableManagerFactory", _THREE_D),
}


class View:
    """What is behind a view of one node.

    Args:
        node: a slice node, or a view node of three dimensions.
    """

    def __init__(self, node: Any) -> None:
        self.window, self.renderer = vtk.vtkRenderWindow(), vtk.vtkRenderer()
        self.window.SetOffScreenRendering(True)
        self.window.SetMultiSamples(0)
        self.window.AddRenderer(self.renderer)
        self._interactor = vtk.vtkRenderWindowInteractor()
        self._interactor.SetRenderWindow(self.window)
        self._group = slicer.vtkMRMLDisplayableManagerGroup()
        self._group.Initialize(_factory(node), self.renderer)
        self._group.SetMRMLDisplayableNode(node)
        atexit.register(self.end)

    def shows_legend(self, display: Any) -> bool:
        """Whether a slice view draws a color legend."""
        manager = self._group.GetDisplayableManagerByClassName("vtkMRMLColorLegendDisplayableManager")
        actor = manager.GetColorLegendActor(display)
        return actor is not None and bool(actor.GetVisibility())

    def end(self) -> None:
        """Let go of the node; before the libraries go."""
        self._group.SetMRMLDisplayableNode(None)
        atexit.unregister(self.end)


def _factory(node: Any) -> Any:
    """Slicer's own for views of this kind, with the managers that matter to us."""
    name, managers = _FACTORIES[node.GetClassName()]
    factory = getattr(slicer, name).GetInstance()
    factory.SetMRMLApplicationLogic(slicer.app.applicationLogic())
    for manager in managers:
        if not factory.IsDisplayableManagerRegistered(manager):
            factory.RegisterDisplayableManager(manager)
    return factory
