"""Smooth surfaces, with the real worker and the bundled weights."""

import numpy as np
import pytest
from clicks import labels_of, run

from DINSegmentLib.model import find_model


def test_a_run_brings_surfaces_with_the_labels_volumes_and_show_3d_only_hides_them(desk, panel, heart):
    import vtk

    ui, model = panel.ui, find_model("cardiac-mr")
    ui.smoothCheckBox.checked = True
    run(desk, panel)
    node = panel.panel.parameters.outputSegmentation
    labels = labels_of(node, heart, model)
    voxel = np.prod(heart.GetSpacing())
    for label in model.labels:
        found = node.GetSegmentation().GetSegment(f"DINSegment_{label.value}").GetRepresentation("Closed surface")
        mass, edges = vtk.vtkMassProperties(), vtk.vtkFeatureEdges()
        mass.SetInputData(found)
        edges.SetInputData(found)
        edges.FeatureEdgesOff()
        edges.ManifoldEdgesOff()
        edges.Update()
        assert edges.GetOutput().GetNumberOfCells() == 0  # closed
        assert mass.GetVolume() == pytest.approx(np.count_nonzero(labels == label.value) * voxel, rel=0.01)

    before = node.GetSegmentation().GetNthSegment(0).GetRepresentation("Closed surface")
    assert ui.show3DButton.checked
    desk.click(ui.show3DButton)
    assert not node.GetDisplayNode().GetVisibility3D()
    desk.click(ui.show3DButton)
    assert node.GetDisplayNode().GetVisibility3D()
    assert node.GetSegmentation().GetNthSegment(0).GetRepresentation("Closed surface") is before
