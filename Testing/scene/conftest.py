"""A scene that is cleared after each test, and volumes of known geometry in it."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from DINSegmentLib import io
from DINSegmentLib.geometry import Geometry
from DINSegmentLib.model import Code, Label
from DINSegmentLib.scene import files
from DINSegmentLib.scene.boot import boot

LABELS = (
    Label(1, "Right ventricle", (82, 146, 214), Code("SCT", "53085002", "Right Ventricle")),
    Label(2, "Myocardium", (242, 193, 78), Code("SCT", "74281007", "Myocardium")),
    Label(3, "Left ventricle", (206, 62, 58), Code("SCT", "87878005", "Left Ventricle")),
)


@pytest.fixture
def scene() -> Iterator[Any]:
    """``slicer.mrmlScene``, without data nodes afterwards."""
    boot()
    import slicer

    yield slicer.mrmlScene
    slicer.mrmlScene.Clear(0)


@pytest.fixture
def add_volume(scene: Any) -> Callable[..., Any]:
    """Add an array (K, J, I) with an IJK-to-RAS matrix as a volume node, under a parent transform if one is given."""

    def add(array: np.ndarray, matrix: np.ndarray, parent: np.ndarray | None = None, name: str = "heart") -> Any:
        import slicer

        node = files.add_volume(io.Image(array, Geometry(array.shape, matrix), name, ()))
        if parent is not None:
            transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
            slicer.util.updateTransformMatrixFromArray(transform, parent)
            node.SetAndObserveTransformNodeID(transform.GetID())
        return node

    return add


class Views:
    """What Slicer's window does for slice views: makes those of the layout, with their slice logics, and maps them."""

    def __init__(self, scene: Any) -> None:
        import slicer
        import vtk

        self.scene, self.logics = scene, {}
        slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, True)
        slicer.app.applicationLogic().SetSliceLogics(vtk.vtkCollection())
        self._layout_logic = slicer.vtkMRMLLayoutLogic()
        self._layout_logic.SetMRMLScene(scene)
        self.layout = scene.GetFirstNodeByClass("vtkMRMLLayoutNode")
        self._tag = self.layout.AddObserver("ModifiedEvent", lambda *_: self._arrange())
        self.layout.SetViewArrangement(self.layout.SlicerLayoutFourUpView)

    def __call__(self, name: str) -> tuple[Any, Any]:
        """Slice node and composite node of a view."""
        logic = self.logics[name]
        return logic.GetSliceNode(), logic.GetSliceCompositeNode()

    def mapped(self) -> list[str]:
        """Names of the slice views in the layout."""
        return [name for name in self.logics if self(name)[0].IsMappedInLayout()]

    def _arrange(self) -> None:
        import slicer

        inside = self._layout_logic.GetViewNodes()
        for view in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
            if view.GetLayoutName() not in self.logics:
                logic = self.logics[view.GetLayoutName()] = slicer.vtkMRMLSliceLogic()
                logic.SetMRMLApplicationLogic(slicer.app.applicationLogic())
                slicer.app.applicationLogic().GetSliceLogics().AddItem(logic)
                logic.SetMRMLScene(self.scene)
                logic.SetSliceNode(view)
            view.SetMappedInLayout(int(inside.IsItemPresent(view) > 0))

    def end(self) -> None:
        import slicer

        self.layout.RemoveObserver(self._tag)
        self._layout_logic.SetMRMLScene(None)
        slicer.app.applicationLogic().SetSliceLogics(None)
        nodes = [*map(self, self.logics), [self.layout]]
        for logic in self.logics.values():
            logic.SetMRMLScene(None)
        for node in (node for pair in nodes for node in pair):
            self.scene.RemoveNode(node)


@pytest.fixture
def views(scene: Any) -> Iterator[Views]:
    """Slicer's layouts and slice views, without widgets; at first the four-up layout with Red, Green and Yellow."""
    made = Views(scene)
    yield made
    made.end()


@pytest.fixture
def heart() -> SimpleNamespace:
    """Labels without symmetry on an oblique grid of unequal spacing; structure 2 is missing."""
    labels = np.zeros((5, 9, 11), np.uint8)
    labels[1:4, 2:7, 3:9] = 1
    labels[1, 2, 3:6] = 0
    labels[3, 5, 5:10] = 3
    turn = np.linalg.qr(np.array([[1.0, 0.2, 0.1], [-0.2, 1.0, 0.3], [0.0, -0.3, 1.0]]))[0]
    matrix = np.eye(4)
    matrix[:3, :3] = turn * (1.2, 1.7, 8.0)
    matrix[:3, 3] = (-31.0, 22.0, 143.0)
    return SimpleNamespace(labels=labels, matrix=matrix, structures=LABELS)


@pytest.fixture
def trio(heart, add_volume):
    """A volume, the enhanced one, and its segmentation."""
    from DINSegmentLib.model import Enhancement
    from DINSegmentLib.scene import write_enhanced, write_segmentation

    volume = add_volume(heart.labels.astype(np.int16), heart.matrix)
    enhanced = write_enhanced(heart.labels / np.float32(3), volume, Enhancement("log", 1.0))
    return volume, enhanced, write_segmentation(heart.labels, volume, heart.structures)
