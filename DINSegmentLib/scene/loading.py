"""Loading of raw voxels into volume nodes and sequences in pieces, so that the window stays responsive."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import slicer
from vtkmodules.util.numpy_support import create_vtk_array, get_vtk_array_type, vtk_to_numpy
from vtkmodules.vtkCommonDataModel import vtkImageData
from vtkmodules.vtkCommonMath import vtkMatrix4x4

from ..errors import InputError
from ..messages import Sentence as _
from . import undo
from .node_attributes import MODEL, PERSON, note
from .volumes import note_modality

_PIECE = 8_000_000  # bytes copied per turn, which takes a few milliseconds
_INSTANCES = "DICOM.instanceUIDs"  # as stored by Slicer's DICOM reader


class Loading:
    """An image being loaded; the scene is not changed before the last step.

    Args:
        voxels: file of raw voxels.
        about: see `inputs.reader.describe`.
    """

    def __init__(self, voxels: Path, about: Mapping[str, Any]) -> None:
        self._about, self._dtype = about, np.dtype(about["dtype"])
        self._file = voxels.open("rb")
        self._images = [_image(about["shape"][1:], self._dtype) for _ in range(about["shape"][0])]
        self._pieces = [
            (array, start)
            for array in map(_voxels, self._images)
            for start in range(0, len(array), _PIECE // self._dtype.itemsize)
        ]
        self._done = 0
        self._sequence: Any = None
        self.node: Any = None  # node added to the scene

    @property
    def progress(self) -> float:
        """Fraction done, 0 to 1."""
        return self._done / (len(self._pieces) + len(self._images))

    def step(self) -> bool:
        """Load one piece; return False when done and ``node`` is in the scene.

        Raises:
            InputError, OSError: the file is incomplete; the scene is unchanged.
        """
        if self._done < len(self._pieces):
            self._copy(*self._pieces[self._done])
        elif len(self._images) == 1:
            self.node = self._volume()
        else:
            self._add_frame(self._done - len(self._pieces))
        self._done += 1
        return self.node is None

    def stop(self) -> None:
        """Stop loading and leave the scene unchanged."""
        self._file.close()

    def _copy(self, array: np.ndarray, start: int) -> None:
        piece = array[start : start + _PIECE // self._dtype.itemsize]
        if self._file.readinto(piece.data.cast("B")) != piece.nbytes:
            raise InputError(_("{name} was not read completely: free space on the disk.", name=self._about["name"]))

    def _volume(self) -> Any:
        self.stop()
        about = self._about
        with undo.new_node("vtkMRMLScalarVolumeNode", about["name"]) as node:
            self._fill(node, 0)
            self._show(node)
            self._note(node)
        return node

    def _add_frame(self, index: int) -> None:
        """Add a frame to a sequence, which is added to the scene after its last frame."""
        about = self._about
        if self._sequence is None:
            self._sequence = slicer.vtkMRMLSequenceNode()
            self._sequence.SetName(about["name"])  # the volume that shows a frame takes this name
            self._sequence.SetIndexName("time" if about["times"] else "frame")
            self._sequence.SetIndexUnit("ms" if about["times"] else "")
        frame = slicer.vtkMRMLScalarVolumeNode()
        frame.SetName(about["name"])
        self._fill(frame, index)
        value = f"{about['times'][index]:.6g}" if about["times"] else str(index)
        self._sequence.SetDataNodeAtValue(frame, value)
        self._images[index] = None  # the sequence has its own copy
        if index + 1 == len(self._images):
            self.node = self._browse()

    def _browse(self) -> Any:
        self.stop()
        scene, name = slicer.mrmlScene, self._about["name"]
        scene.AddNode(self._sequence)
        browser = scene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", f"{name} browser")
        browser.SetAndObserveMasterSequenceNodeID(self._sequence.GetID())
        slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)
        node = browser.GetProxyNode(self._sequence)
        node.SetName(name)
        self._show(node)
        self._note(node)
        return node

    def _fill(self, node: Any, index: int) -> None:
        matrix = vtkMatrix4x4()
        matrix.DeepCopy(self._about["ijk_to_ras"])
        node.SetIJKToRASMatrix(matrix)
        if self._about["uids"]:
            node.SetAttribute(_INSTANCES, " ".join(self._about["uids"][index]))
        if node.GetScene() is not None:
            _window(node, self._about["window"])  # before the image: Slicer would compute one from all voxels
        node.SetAndObserveImageData(self._images[index])

    def _show(self, node: Any) -> None:
        _window(node, self._about["window"])

    def _note(self, node: Any) -> None:
        about = self._about
        note_modality(node, about["modality"] or "")
        if about["model"]:
            note(node, MODEL, about["model"])
        if about["person"]:
            note(node, PERSON, {**about["person"], "from_header": list(about["person"])})


def _image(shape: Sequence[int], dtype: np.dtype) -> Any:
    scalars = create_vtk_array(get_vtk_array_type(dtype))
    scalars.SetNumberOfTuples(int(np.prod(shape)))
    image = vtkImageData()
    image.SetDimensions(list(reversed(shape)))
    image.GetPointData().SetScalars(scalars)
    return image


def _voxels(image: Any) -> np.ndarray:
    return vtk_to_numpy(image.GetPointData().GetScalars())


def _window(node: Any, ends: Sequence[float]) -> None:
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetAutoWindowLevel(False)
    display.SetWindowLevelMinMax(*ends)
