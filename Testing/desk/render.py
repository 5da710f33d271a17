"""Image of the slice views in the current layout, drawn offscreen by Slicer's displayable managers.

VTK looks for OpenGL when it first draws, and the process may die where there is none: draw in a process of its own.
`python -m desk.render SCENE.mrb OUT.png` is one: it compares the volumes that a saved panel was set to.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import slicer
import vtk
from PIL import Image
from vtkmodules.util.numpy_support import vtk_to_numpy

from .views import View

_SIZE = (340, 420)  # pixels: a stack of the heart fills it
_FRAME = 2  # pixels around a view
_GRAY = 90  # of the frame
_STEP = 8  # of a written picture's colors: noise of the phantom is most of its size


def render(size: tuple[int, int] = _SIZE) -> np.ndarray:
    """Draw the slice views of the present layout side by side, each with its label and a thin frame.

    Args:
        size: width and height of a view in pixels, without its frame.

    Returns:
        (height + 4, (width + 4) for each view, 3) uint8, RGB, rows from the top.
    """
    layouts = slicer.app.layouts
    return np.concatenate([_framed(_view(layouts.logics[name], size)) for name in layouts.sliceViewNames()], axis=1)


def _view(logic: Any, size: tuple[int, int]) -> np.ndarray:
    node = logic.GetSliceNode()
    offset = logic.GetSliceOffset()
    logic.ResizeSliceNode(*size)
    logic.FitSliceToAll()  # as in a view that has had this size from the start
    logic.SetSliceOffset(offset)
    view = View(node)
    view.window.SetSize(*size)
    view.renderer.AddViewProp(_image(logic))
    view.renderer.AddViewProp(_label(node, size))
    view.window.Render()
    pixels = _pixels(view.window)
    view.end()
    return pixels


def _image(logic: Any) -> Any:
    """What the slice logic has blended, as the background of the view."""
    mapper = vtk.vtkImageMapper()
    mapper.SetColorWindow(255)
    mapper.SetColorLevel(127.5)
    mapper.SetInputConnection(logic.GetImageDataConnection())
    actor = vtk.vtkActor2D()
    actor.SetMapper(mapper)
    actor.GetProperty().SetDisplayLocationToBackground()
    return actor


def _label(node: Any, size: tuple[int, int]) -> Any:
    label = vtk.vtkTextActor()
    label.SetInput(node.GetLayoutLabel())
    label.SetPosition(8, size[1] - 28)
    style = label.GetTextProperty()
    style.SetFontSize(20)
    style.BoldOn()
    style.ShadowOn()
    style.SetColor(*node.GetLayoutColor())
    return label


def _pixels(window: Any) -> np.ndarray:
    grab = vtk.vtkWindowToImageFilter()
    grab.SetInput(window)
    grab.ReadFrontBufferOff()
    grab.Update()
    image = grab.GetOutput()
    width, height, _ = image.GetDimensions()
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(height, width, 3)[::-1].copy()


def _framed(picture: np.ndarray) -> np.ndarray:
    return np.pad(picture, ((_FRAME, _FRAME), (_FRAME, _FRAME), (0, 0)), constant_values=_GRAY)


def main(scene: str, out: str) -> None:
    """Read a scene that the panel was saved in, compare, draw, write."""
    from . import Desk

    desk = Desk.start()
    desk.load_scene(Path(scene))
    logic = desk.load_module().DINSegmentLogic()
    chosen = logic.getParameterNode()
    logic.compare(chosen.inputVolume, chosen.enhancedVolume, chosen.outputSegmentation)
    Image.fromarray(render() // _STEP * _STEP + _STEP // 2).save(out, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
