"""Image of the phantom's smooth surfaces next to those that Slicer makes from the same labels.

VTK looks for OpenGL when it first draws, and the process may die where there is none: draw in a process of its own,
`python -m desk.surfaces OUT.png`.
"""

import sys
from pathlib import Path
from typing import Any

import slicer
import vtk

from DINSegmentLib import io, scene
from DINSegmentLib.engine.parameters import Parameters
from DINSegmentLib.engine.segmenter import segment
from DINSegmentLib.io.surfaces import surface
from DINSegmentLib.model import find_model
from DINSegmentLib.scene.boot import boot
from DINSegmentLib.scene.files import add_volume

_SAMPLE = Path(__file__).resolve().parents[2] / "Resources" / "SampleData" / "cardiac_phantom_ED.nrrd"
_SHOWN = {1, 3}  # the ventricles: the myocardium would hide them
_SIZE = 400  # pixels of one side


def main(out: str) -> None:
    boot()
    model, image = find_model("cardiac-mr"), io.read(_SAMPLE)
    result = segment(image.array, image.geometry, model, Parameters(margins=True), "cpu")
    volume = add_volume(image)
    drawn = {one.value: surface(result.margins, result.labels, image.geometry, one) for one in model.labels}
    sides = []
    for surfaces in (drawn, None):
        node = scene.write_segmentation(result.labels, volume, model.labels, surfaces=surfaces)
        node.CreateClosedSurfaceRepresentation()
        sides.append(node.GetSegmentation())
    window = vtk.vtkRenderWindow()
    window.SetOffScreenRendering(True)
    window.SetMultiSamples(4)
    window.SetSize(2 * _SIZE, _SIZE)
    for index, segmentation in enumerate(sides):
        _draw(window, index / 2, [segmentation.GetSegment(f"DINSegment_{value}") for value in sorted(_SHOWN)])
    window.Render()
    grab, writer = vtk.vtkWindowToImageFilter(), vtk.vtkPNGWriter()
    grab.SetInput(window)
    grab.ReadFrontBufferOff()
    writer.SetInputConnection(grab.GetOutputPort())
    writer.SetFileName(out)
    writer.Write()
    slicer.mrmlScene.Clear(0)


def _draw(window: Any, left: float, segments: list[Any]) -> None:
    """Segments in one half of the window, seen from the heart's base."""
    renderer = vtk.vtkRenderer()
    renderer.SetViewport(left, 0, left + 0.5, 1)
    renderer.SetBackground(1, 1, 1)
    window.AddRenderer(renderer)
    for one in segments:
        mapper, actor = vtk.vtkPolyDataMapper(), vtk.vtkActor()
        mapper.SetInputData(one.GetRepresentation("Closed surface"))
        mapper.ScalarVisibilityOff()
        actor.SetMapper(mapper)
        actor.GetProperty().SetColor(*one.GetColor())
        renderer.AddActor(actor)
    camera = renderer.GetActiveCamera()
    camera.SetPosition(1, -1.2, 0.5)
    camera.SetViewUp(0, 0, 1)
    renderer.ResetCamera()


if __name__ == "__main__":
    main(*sys.argv[1:])
