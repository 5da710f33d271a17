"""Slicer's sequences: the frames of a cine behind the volume that shows them, and results for all frames."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer
import slicer.util
from vtkmodules.util.numpy_support import vtk_to_numpy

from ..errors import GeometryError, InputError
from ..geometry import Geometry
from ..messages import Sentence as _
from ..model import Label
from . import segments, terminology
from .node_attributes import note_labels
from .segmentations import check_labels, check_output, labeled_segments, read_values, write_segmentation
from .volumes import ijk_to_ras, ijk_to_world, voxels

_MS = {"s": 1000.0, "ms": 1.0}  # index units that denote time, in ms


@dataclass(frozen=True, eq=False)
class Cine:
    """A sequence browser, the segmented sequence in it, and the volume that shows its current frame.

    Args:
        browser: ``vtkMRMLSequenceBrowserNode``.
        sequence: ``vtkMRMLSequenceNode`` of scalar volumes.
        proxy: ``vtkMRMLScalarVolumeNode`` that shows the current frame.
    """

    browser: Any
    sequence: Any
    proxy: Any

    @property
    def nodes(self) -> list[Any]:
        """Volumes of all frames; they are not in the scene and have no transform."""
        return [self.sequence.GetNthDataNode(index) for index in range(self.sequence.GetNumberOfDataNodes())]

    @property
    def times_ms(self) -> list[float] | None:
        """Times of the frames; None if the sequence's index is not an increasing time."""
        unit = _MS.get(self.sequence.GetIndexUnit() or "")
        try:
            times = [float(value) * (unit or 1) for value in index_values(self.sequence)]
        except ValueError:
            return None
        return times if unit and all(np.diff(times) > 0) else None

    @property
    def state(self) -> tuple[Any, ...]:
        """A value that changes when the sequence's frames change, but not when another frame is shown."""
        images = [image for node in self.nodes if (image := node.GetImageData()) is not None]
        return tuple(index_values(self.sequence)), max((image.GetMTime() for image in images), default=0)

    @property
    def frame(self) -> int:
        """Frame that the browser shows, counted from 0; 0 if the sequence has none at that position."""
        value = self.browser.GetMasterSequenceNode().GetNthIndexValue(self.browser.GetSelectedItemNumber())
        return max(0, self.sequence.GetItemNumberFromIndexValue(value, False))

    def go_to(self, frame: int) -> None:
        """Show a frame, counted from 0, in all synchronized nodes of the browser."""
        value, master = self.sequence.GetNthIndexValue(frame), self.browser.GetMasterSequenceNode()
        self.browser.SetSelectedItemNumber(master.GetItemNumberFromIndexValue(value, False))


def index_values(sequence: Any) -> list[str]:
    """Index values of a ``vtkMRMLSequenceNode``, as text."""
    return [sequence.GetNthIndexValue(index) for index in range(sequence.GetNumberOfDataNodes())]


def find_cine(volume_node: Any) -> Cine | None:
    """Find the cine whose current frame a volume node shows; None if it does not belong to a cine."""
    for browser in slicer.util.getNodesByClass("vtkMRMLSequenceBrowserNode"):
        sequence = browser.GetSequenceNode(volume_node)
        if sequence is not None and sequence.GetNumberOfDataNodes() > 1:
            return Cine(browser, sequence, volume_node)
    return None


def voxel_state(volume_node: Any) -> int:
    """Return a number that changes when the voxels of a volume change.

    For a cine it is a checksum of the frame: its browser copies the frame anew at every change of its own settings.
    """
    image = volume_node.GetImageData()
    scalars = image.GetPointData().GetScalars() if image is not None else None
    if scalars is None:
        return 0
    return image.GetMTime() if find_cine(volume_node) is None else zlib.crc32(vtk_to_numpy(scalars).data)


def cine_of(volume_node: Any) -> Cine:
    """As `find_cine`.

    Raises:
        InputError: the volume does not belong to a sequence.
    """
    cine = find_cine(volume_node)
    if cine is None:
        raise InputError(
            _(
                "{name} is not the volume of a sequence browser: choose one that is.",
                name=volume_node.GetName(),
            )
        )
    return cine


def read_frames(cine: Cine) -> tuple[list[np.ndarray], Geometry]:
    """Read the voxels of all frames, (K, J, I) each and shared with the nodes, and their grid in world coordinates.

    Raises:
        InputError: a frame is not a volume, has no image, or has several values per voxel.
        GeometryError: frames have different grids, or the proxy has a nonlinear parent transform.
    """
    for number, node in enumerate(cine.nodes, start=1):
        if not node.IsA("vtkMRMLScalarVolumeNode"):
            raise InputError(
                _(
                    "Frame {number} of {name} is not a volume: choose another sequence.",
                    number=number,
                    name=cine.sequence.GetName(),
                )
            )
    frames = [voxels(node) for node in cine.nodes]
    first = ijk_to_ras(cine.nodes[0])
    for number, (frame, node) in enumerate(zip(frames, cine.nodes, strict=True), start=1):
        if frame.shape != frames[0].shape or not np.allclose(ijk_to_ras(node), first, atol=1e-4):
            raise GeometryError(
                _(
                    "Frame {number} of {name} is on another grid than frame 1: "
                    "resample the frames to one grid, or segment them one by one.",
                    number=number,
                    name=cine.sequence.GetName(),
                )
            )
    return frames, Geometry(frames[0].shape, ijk_to_world(cine.proxy))


def write_cine(labels: np.ndarray, cine: Cine, structures: Sequence[Label], node: Any = None) -> Any:
    """Write the labels of all frames as a sequence of segmentations, synchronized with the cine in its browser.

    Args:
        labels: (T, K, J, I) uint8, on the grid of the frames.
        cine: cine that was segmented.
        structures: labels of the model.
        node: an existing segmentation node, whose user segments are kept: those of an earlier cine frame by frame,
            others in all frames. None for a new node.

    Returns:
        the ``vtkMRMLSegmentationNode`` that shows the current frame.

    Raises:
        GeometryError, InputError, ModelError: as for `write_segmentation`; the scene is unchanged.
    """
    for frame in labels:
        check_labels(frame, cine.proxy, structures)
    if node is not None:
        check_output(node, cine.proxy)
    if len(labels) != len(cine.nodes):
        raise GeometryError(
            _(
                "There are labels for {count} frames, but {name} has {frames}: segment the sequence again.",
                count=len(labels),
                name=cine.sequence.GetName(),
                frames=len(cine.nodes),
            )
        )
    terminology.load()
    old = cine.browser.GetSequenceNode(node) if node is not None else None
    made = slicer.vtkMRMLSequenceNode()
    made.SetIndexName(cine.sequence.GetIndexName())
    made.SetIndexUnit(cine.sequence.GetIndexUnit())
    made.SetIndexType(cine.sequence.GetIndexType())
    for frame, volume, value in zip(labels, cine.nodes, index_values(cine.sequence), strict=True):
        one = slicer.vtkMRMLSegmentationNode()
        before = old.GetDataNodeAtValue(value) if old is not None else node
        if before is not None:
            one.CopyContent(before, True)
        one.SetReferenceImageGeometryParameterFromVolumeNode(volume)
        segments.exchange(one, labeled_segments(frame, volume, structures))
        made.SetDataNodeAtValue(one, value)
    node = write_segmentation(labels[cine.frame], cine.proxy, structures, node=node)
    if old is not None:
        cine.browser.RemoveSynchronizedSequenceNode(old.GetID())
        slicer.mrmlScene.RemoveNode(old)
    made.SetName(f"{node.GetName()} frames")
    slicer.mrmlScene.AddNode(made)
    cine.browser.AddProxyNode(node, made, False)
    note_labels(node, labels, structures)
    cine.browser.SetSaveChanges(made, True)  # otherwise an edit is lost when another frame is shown
    return node


def add_cine(frames: np.ndarray, geometry: Geometry, times_ms: Sequence[float], name: str) -> Any:
    """Add a sequence of volumes with its own browser, which shows the first frame.

    Args:
        frames: (T, K, J, I).
        geometry: grid of all frames.
        times_ms: increasing times of the frames.
        name: name of the sequence and of the volume that shows its current frame.

    Returns:
        the ``vtkMRMLScalarVolumeNode`` that shows the current frame.
    """
    sequence = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", f"{name} frames")
    sequence.SetIndexName("time")
    sequence.SetIndexUnit("ms")
    sequence.SetIndexType(slicer.vtkMRMLSequenceNode.NumericIndex)
    for frame, time in zip(frames, times_ms, strict=True):
        volume = slicer.util.addVolumeFromArray(frame, geometry.ijk_to_ras, name=name)
        sequence.SetDataNodeAtValue(volume, f"{time:g}")
        slicer.mrmlScene.RemoveNode(volume)
    browser = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", f"{name} browser")
    browser.SetAndObserveMasterSequenceNodeID(sequence.GetID())
    slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)
    proxy = browser.GetProxyNode(sequence)
    proxy.SetName(name)
    return proxy


def read_cine_labels(node: Any, cine: Cine, structures: Sequence[Label]) -> np.ndarray:
    """Read the current labels (T, K, J, I) uint8 of a sequence of segmentations, on the grid of the cine.

    Raises:
        InputError: the segmentation is not synchronized with the cine, or a frame is missing or has no label maps.
    """
    return read_cine_values(node, cine, [label.value for label in structures])


def read_cine_values(node: Any, cine: Cine, values: Sequence[int]) -> np.ndarray:
    """As `read_cine_labels`, for segments written with these label values."""
    sequence = cine.browser.GetSequenceNode(node)
    if sequence is None:
        raise InputError(
            _(
                "{node} has no frames of {name}: segment the sequence first.",
                node=node.GetName(),
                name=cine.sequence.GetName(),
            )
        )
    found = []
    for number, (volume, value) in enumerate(zip(cine.nodes, index_values(cine.sequence), strict=True), start=1):
        frame = sequence.GetDataNodeAtValue(value)
        if frame is None:
            raise InputError(
                _("{node} lacks frame {number}: segment the sequence again.", node=node.GetName(), number=number)
            )
        found.append(read_values(frame, volume, values))
    return np.stack(found)
