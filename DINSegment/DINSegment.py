"""The Slicer module: description, panel, logic and test; the work is done in DINSegmentLib."""

import importlib.util
import os
import sys
from pathlib import Path
from typing import Annotated

import slicer
import vtk
from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

if importlib.util.find_spec("DINSegmentLib") is None:  # source tree: the library is next to the module's folder
    sys.path.append(str(Path(__file__).resolve().parent.parent))


class DINSegment(ScriptedLoadableModule):
    """Description of the module for Slicer."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = "DINSegment"
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        self.parent.dependencies = ["Segmentations", "Terminologies", "Volumes"]
        self.parent.contributors = ["The DINSegment contributors"]
        self.parent.helpText = _(
            "Segment the heart in short-axis cine MR or eight organs in abdominal CT. Select a volume and a model for "
            "the same modality, then click Segment. Research use only; not a medical device."
        )
        self.parent.acknowledgementText = _(
            "An independent implementation of the dual interaction network (DIN); its authors were not involved."
        )
        slicer.app.connect("startupCompleted()", registerSampleData)


def registerSampleData():
    """Register the bundled heart with Slicer's Sample Data module."""
    import SampleData

    from DINSegmentLib.panel.samples import HEART

    SampleData.SampleDataLogic.registerCustomSampleDataSource(**HEART)


_CORES = os.cpu_count() or 2


@parameterNodeWrapper
class DINSegmentParameterNode:
    """Settings of the panel, saved with the scene.

    inputVolume - volume to segment.
    outputSegmentation - segmentation that receives the result.
    enhancedVolume - volume that shows the enhanced image.
    modelId, device - names in the catalog and in torch.
    threads - CPU threads for the network.
    method, strength - enhancement.
    preview - whether the enhanced volume follows method and strength immediately.
    smooth - whether surfaces are made from probabilities.
    """

    inputVolume: vtkMRMLScalarVolumeNode
    outputSegmentation: vtkMRMLSegmentationNode
    enhancedVolume: vtkMRMLScalarVolumeNode
    modelId: str = ""
    device: str = "auto"
    threads: Annotated[int, WithinRange(1, 1024)] = _CORES - 1 if _CORES >= 4 else _CORES
    method: str = ""
    strength: Annotated[float, WithinRange(0.0, 2.0)] = 1.0
    preview: bool = True
    smooth: bool = False


class DINSegmentWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """Lifecycle of the panel in Slicer; DINSegmentLib.panel handles its controls."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.panel = None

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        from DINSegmentLib.panel.panel import Panel

        uiWidget = slicer.util.loadUI(self.resourcePath("UI/DINSegment.ui"))
        self.layout.addWidget(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        self.logic = DINSegmentLogic()
        self.panel = Panel(self.ui, uiWidget, self.logic)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneEndImport)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.NodeAboutToBeRemovedEvent, self.onNodeLeaves)
        slicer.app.connect("aboutToQuit()", self.onQuit)
        self.enter()

    def enter(self):
        """Called when the user opens the module."""
        self.panel.setParameterNode(self.logic.getParameterNode())
        self.panel.enter()

    def exit(self):
        """Called when the user leaves the module; a run continues."""
        if self.panel is not None:
            self.panel.exit()

    def cleanup(self):
        """Called when the module is unloaded or reloaded: leave nothing behind."""
        if self.panel is not None:
            self.onQuit()

    def onQuit(self):
        self.removeObservers()
        slicer.app.disconnect("aboutToQuit()", self.onQuit)
        self.panel.end()
        self.panel = None

    def onSceneStartClose(self, caller, event):
        self.panel.closeScene()

    def onSceneEndClose(self, caller, event):
        if self.parent.isEntered:
            self.enter()

    def onSceneEndImport(self, caller, event):
        self.panel.setParameterNode(None)  # read again what was read while nodes were still missing
        self.onSceneEndClose(caller, event)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def onNodeLeaves(self, caller, event, node):
        self.panel.forget(node)


class DINSegmentLogic(ScriptedLoadableModuleLogic):
    """Segmentation and measurement for Python scripts, without the panel.

    A call changes the scene as the panel does, including the record of the run, its notices and the slices
    to review. The model stays in memory for the next call, also from another instance.
    """

    def getParameterNode(self):
        """Return the panel's settings in this scene."""
        return DINSegmentParameterNode(super().getParameterNode())

    def modelTitles(self):
        """Return titles of the models in the panel, bundled and added ones, by ID."""
        from DINSegmentLib.panel import models

        return {modelId: model.title for modelId, model in models.known()[0].items()}

    def segment(
        self, volumeNode, segmentationNode=None, modelId=None, enhancement=None, strength=None, device="auto",
        progress=None, cancelled=None,
    ):  # fmt: skip
        """Segment one volume in this process, and return when it is finished.

        Args:
            volumeNode: a vtkMRMLScalarVolumeNode; its parent transform is applied.
            segmentationNode: receives the result, which replaces an earlier result; None for a new node.
            modelId: a key of ``modelTitles``, or a model folder; None for the model that suits the volume.
            enhancement, strength: method and strength; None for the model's defaults.
            device: auto, cpu, cuda, cuda:N or mps.
            progress: called with slices done and total slices.
            cancelled: called between batches; True stops the run.

        Returns:
            the vtkMRMLSegmentationNode, under the volume's parent transform.

        Raises:
            DINSegmentLib.errors.DINSegmentError: the reason, also if PyTorch is missing; the scene is unchanged.
        """
        from DINSegmentLib.panel.jobs import Job

        def job():
            return Job(volumeNode, segmentationNode, self._model(volumeNode, modelId))

        return self._run(job, enhancement, strength, device, progress, cancelled)

    def segmentSequence(
        self, volumeNode, segmentationNode=None, modelId=None, enhancement=None, strength=None, device="auto",
        progress=None, cancelled=None,
    ):  # fmt: skip
        """Segment all frames of the sequence that a volume node shows; arguments as for ``segment``.

        Returns:
            the vtkMRMLSegmentationNode of the current frame, in the volume's sequence browser.

        Raises:
            DINSegmentLib.errors.DINSegmentError: the reason in one sentence; the scene is unchanged.
        """
        from DINSegmentLib import scene
        from DINSegmentLib.panel.jobs import CineJob

        def job():
            return CineJob(scene.cine_of(volumeNode), segmentationNode, self._model(volumeNode, modelId))

        return self._run(job, enhancement, strength, device, progress, cancelled)

    def releaseMemory(self):
        """Free the model's memory; the next call loads the model again."""
        from DINSegmentLib.panel import inprocess

        inprocess.release()

    def _model(self, volumeNode, modelId):
        from DINSegmentLib.panel import models

        return models.find(modelId or self.likelyModel(volumeNode))

    def _run(self, job, enhancement, strength, device, progress, cancelled):
        from DINSegmentLib.engine.parameters import Parameters
        from DINSegmentLib.model import EnhancementChoice
        from DINSegmentLib.panel import inprocess

        parameters = Parameters(enhancement=EnhancementChoice(enhancement, strength))
        return inprocess.run(job, parameters, device, progress, cancelled)

    def function(
        self, segmentationNode, volumeNode, modelId=None, heartRate=None, heightCm=None, weightKg=None
    ):  # fmt: skip
        """Measure cardiac function of a segmented sequence, including edits; ``heartRate`` is in beats per minute.

        Returns:
            a DINSegmentLib.measure.CardiacFunction.

        Raises:
            DINSegmentLib.errors.DINSegmentError: the reason in one sentence.
        """
        from DINSegmentLib import scene
        from DINSegmentLib.measure import cardiac_function

        cine = scene.cine_of(volumeNode)
        model = self._model(volumeNode, modelId)
        labels = scene.read_cine_labels(segmentationNode, cine, model.labels)
        geometry = scene.read_volume(volumeNode).geometry
        return cardiac_function(labels, geometry, model, cine.times_ms, heartRate, heightCm, weightKg)

    def likelyModel(self, volumeNode):
        """Return the ID of the model that suits a volume best, by its voxels and its position in the body."""
        from DINSegmentLib.checks.fit import likely_model
        from DINSegmentLib.panel import models, volumes

        return likely_model(volumes.look(volumeNode), models.known()[0])

    def enhance(self, volumeNode, method=None, strength=None, outputNode=None, modelId=None):
        """Compute the enhanced volume as the network receives it.

        Args:
            volumeNode: a vtkMRMLScalarVolumeNode.
            method, strength: a key of DINSegmentLib.model.enhancement.METHODS; 0 to 2. None for the model's defaults.
            outputNode: receives the result; None for a new node.
            modelId: defines the intensity range; None for the model that suits the volume.

        Returns:
            the vtkMRMLScalarVolumeNode: float, 0 to 1, on the volume's grid.

        Raises:
            DINSegmentLib.errors.DINSegmentError: the reason in one sentence; the scene is unchanged.
        """
        from DINSegmentLib import scene
        from DINSegmentLib.engine.parameters import Parameters
        from DINSegmentLib.engine.preprocessing import enhance_volume
        from DINSegmentLib.model import EnhancementChoice

        model = self._model(volumeNode, modelId)
        volume = scene.read_volume(volumeNode)
        chosen = Parameters(enhancement=EnhancementChoice(method, strength)).resolved(model)
        enhanced = enhance_volume(volume.array, volume.geometry, model, chosen)
        return scene.write_enhanced(enhanced, volumeNode, chosen.enhancement, node=outputNode)

    def why(
        self, volumeNode, modelId=None, enhancement=None, strength=None, device="auto", progress=None, cancelled=None
    ):
        """Overlay a map of the image that each label relies on: violet for the original, green for the enhanced one.

        Args:
            volumeNode, modelId, enhancement, strength, device, progress, cancelled: as in ``segment``.

        Returns:
            a vtkMRMLScalarVolumeNode, which replaces an earlier map of the volume: float, -1 (original) to 1
            (enhanced), see DINSegmentLib.engine.attribution.

        Raises:
            DINSegmentLib.errors.DINSegmentError: the reason in one sentence; the scene is unchanged.
        """
        from DINSegmentLib.panel.jobs import MapJob
        from DINSegmentLib.worker.protocol import Map

        def job():
            return MapJob(Map.ATTRIBUTION, volumeNode, self._model(volumeNode, modelId))

        return self._run(job, enhancement, strength, device, progress, cancelled)

    def confidence(
        self, volumeNode, modelId=None, enhancement=None, strength=None, device="auto", progress=None, cancelled=None
    ):
        """Overlay where confidence is low, in violet to white: as ``why``, but uint8, in percent."""
        from DINSegmentLib.panel.jobs import MapJob
        from DINSegmentLib.worker.protocol import Map

        def job():
            return MapJob(Map.CONFIDENCE, volumeNode, self._model(volumeNode, modelId))

        return self._run(job, enhancement, strength, device, progress, cancelled)

    def statistics(self, segmentationNode, volumeNode, modelId=None):
        """Measure volume in ml and mean intensity of each structure in its current state, including edits.

        Returns:
            a list of DINSegmentLib.measure.StructureStatistics.

        Raises:
            DINSegmentLib.errors.DINSegmentError: the reason in one sentence.
        """
        from DINSegmentLib import scene
        from DINSegmentLib.measure import statistics
        from DINSegmentLib.model.orientation import orientation

        model = self._model(volumeNode, modelId)
        volume = scene.read_volume(volumeNode)
        labels = scene.read_labels(segmentationNode, volumeNode, model.labels)
        axis = orientation(volume.geometry, model.axes).order[0]
        return statistics(labels, volume.array, volume.geometry, model.labels, axis)

    def compare(self, volumeNode, enhancedNode, segmentationNode=None):
        """Show original, enhanced volume and segmented original side by side, see DINSegmentLib.scene.compare.show."""
        from DINSegmentLib.scene import compare

        compare.show(volumeNode, enhancedNode, segmentationNode)


class DINSegmentTest(ScriptedLoadableModuleTest):
    """Tests for any Slicer; without PyTorch, segmentation is not tested."""

    def setUp(self):
        slicer.mrmlScene.Clear(0)
        self.logic = DINSegmentLogic()

    def runTest(self):
        for test in (self.test_bundledModelsAreFound, self.test_enhance, self.test_segment):
            self.setUp()
            test()

    def test_bundledModelsAreFound(self):
        self.assertIn("cardiac-mr", self.logic.modelTitles())

    def test_enhance(self):
        volumeNode = self.loadSample()
        enhancedNode = self.logic.enhance(volumeNode, "log", 1.0)
        original, enhanced = (slicer.util.arrayFromVolume(node) for node in (volumeNode, enhancedNode))
        self.assertEqual(enhanced.shape, original.shape)
        self.assertGreaterEqual(enhanced.min(), 0)
        self.assertLessEqual(enhanced.max(), 1)

    def test_segment(self):
        from DINSegmentLib.panel.installer import torch_is_installed

        if not torch_is_installed():
            self.delayDisplay("PyTorch is not installed: segmentation was not tested.")
            return
        volumeNode = self.loadSample()
        segmentationNode = self.logic.segment(volumeNode, modelId="cardiac-mr", device="cpu")
        rows = self.logic.statistics(segmentationNode, volumeNode, "cardiac-mr")
        self.assertEqual(len(rows), 3)
        # the phantom's true volumes are 148, 105 and 140 ml
        self.assertTrue(all(50 < row.volume_ml < 250 for row in rows), rows)

    def loadSample(self):
        from DINSegmentLib.panel.samples import HEART_FILE

        return slicer.util.loadVolume(HEART_FILE, {"name": "Heart phantom"})
