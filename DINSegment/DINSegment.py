"""The module that Slicer loads: what it is, its panel, its logic and its test; the work itself is in DINSegmentLib."""

import importlib.util
import os
import sys
from pathlib import Path
from typing import Annotated

import slicer
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

if importlib.util.find_spec("DINSegmentLib") is None:  # source tree: the library lies beside the module's folder
    sys.path.append(str(Path(__file__).resolve().parent.parent))


class DINSegment(ScriptedLoadableModule):
    """What Slicer shows about the module."""

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
            "An independent implementation of the dual interaction network (DIN); its authors took no part in it."
        )
        slicer.app.connect("startupCompleted()", registerSampleData)


def registerSampleData():
    """Register the bundled heart with Slicer's Sample Data module."""
    import SampleData

    from DINSegmentLib.panel.samples import HEART

    SampleData.SampleDataLogic.registerCustomSampleDataSource(**HEART)


@parameterNodeWrapper
class DINSegmentParameterNode:
    """What the panel is set to; saved with the scene.

    inputVolume - what is segmented.
    outputSegmentation - what gets the result.
    enhancedVolume - where the enhanced volume is shown.
    modelId, device - as the catalog and torch name them.
    threads - of the processor, for the network.
    method, strength - of the enhancement.
    preview - whether the enhanced volume follows method and strength at once.
    smooth - whether surfaces come from probabilities.
    """

    inputVolume: vtkMRMLScalarVolumeNode
    outputSegmentation: vtkMRMLSegmentationNode
    enhancedVolume: vtkMRMLScalarVolumeNode
    modelId: str = ""
    device: str = "auto"
    threads: Annotated[int, WithinRange(1, 1024)] = max(1, (os.cpu_count() or 2) - 1)
    method: str = ""
    strength: Annotated[float, WithinRange(0.0, 2.0)] = 1.0
    preview: bool = True
    smooth: bool = False


class DINSegmentWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel's life in Slicer; what its controls do is in DINSegmentLib.panel."""

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
        slicer.app.connect("aboutToQuit()", self.onQuit)
        self.enter()

    def enter(self):
        """The user comes to the module."""
        self.panel.setParameterNode(self.logic.getParameterNode())
        self.panel.enter()

    def exit(self):
        """The user goes to another module; a run continues."""
        if self.panel is not None:
            self.panel.exit()

    def cleanup(self):
        """The module is unloaded or reloaded: nothing may stay behind."""
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
        self.panel.setParameterNode(None)  # what was read while nodes were still missing is read again
        self.onSceneEndClose(caller, event)


class DINSegmentLogic(ScriptedLoadableModuleLogic):
    """The way from a volume node to a segmentation node; usable without the panel.

    A call leaves in the scene what a click in the panel leaves there, the record of the run, its notices and the slices
    to review among it. The model stays in memory for the next call, also of another object of this class.
    """

    def getParameterNode(self):
        """The panel's settings in this scene."""
        return DINSegmentParameterNode(super().getParameterNode())

    def modelTitles(self):
        """The models that the panel lists, bundled and added ones: id to title."""
        from DINSegmentLib.panel import models

        return {modelId: model.title for modelId, model in models.known()[0].items()}

    def segment(
        self, volumeNode, segmentationNode=None, modelId=None, enhancement=None, strength=None, device="auto",
        progress=None, cancelled=None,
    ):  # fmt: skip
        """Segment one volume in this process; it returns when it is done.

        Args:
            volumeNode: a vtkMRMLScalarVolumeNode; its parent transform counts.
            segmentationNode: what gets the result: segments of an earlier one are replaced. None: a new node.
            modelId: a key of ``modelTitles``, or a model folder; None: the one that suits the volume.
            enhancement, strength: None: the model's.
            device: auto, cpu, cuda, cuda:N or mps.
            progress: called with slices done and slices in all.
            cancelled: asked between batches; True stops.

        Returns:
            the vtkMRMLSegmentationNode, under the volume's parent transform.

        Raises:
            DINSegmentLib.errors.DINSegmentError: the reason in one sentence, PyTorch's absence among them.
        """
        from DINSegmentLib.panel.jobs import Job

        def job():
            return Job(volumeNode, segmentationNode, self._model(volumeNode, modelId))

        return self._run(job, enhancement, strength, device, progress, cancelled)

    def segmentSequence(
        self, volumeNode, segmentationNode=None, modelId=None, enhancement=None, strength=None, device="auto",
        progress=None, cancelled=None,
    ):  # fmt: skip
        """Segment all frames of the sequence whose present frame a volume node shows; arguments as for ``segment``.

        Returns:
            the vtkMRMLSegmentationNode of the present frame, in the volume's sequence browser.

        Raises:
            DINSegmentLib.errors.DINSegmentError: the reason in one sentence; the scene is as before.
        """
        from DINSegmentLib import scene
        from DINSegmentLib.panel.jobs import CineJob

        def job():
            return CineJob(scene.cine_of(volumeNode), segmentationNode, self._model(volumeNode, modelId))

        return self._run(job, enhancement, strength, device, progress, cancelled)

    def releaseMemory(self):
        """Give the memory of the model back; the next call loads it again."""
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
        """The heart's function from a segmented sequence as it is now, also after you edited its frames.

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
        """Id of the model that suits a volume best, by its voxels and its place in the body."""
        from DINSegmentLib.checks.fit import likely_model
        from DINSegmentLib.panel import models, volumes

        return likely_model(volumes.look(volumeNode), models.known()[0])

    def enhance(self, volumeNode, method=None, strength=None, outputNode=None, modelId=None):
        """Make the enhanced volume, as the network sees it.

        Args:
            volumeNode: a vtkMRMLScalarVolumeNode.
            method, strength: a key of DINSegmentLib.model.enhancement.METHODS; 0 to 2. None: the model's.
            outputNode: gets the result; None: a new node.
            modelId: whose intensity range; None: of the model that suits the volume.

        Returns:
            the vtkMRMLScalarVolumeNode: float, 0 to 1, on the volume's grid.

        Raises:
            DINSegmentLib.errors.DINSegmentError: the reason in one sentence; the scene is as before.
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
        """Lay over the volume which image gave a voxel its label: violet the original, green the enhanced one.

        Args:
            volumeNode, modelId, enhancement, strength, device, progress, cancelled: as in ``segment``.

        Returns:
            a vtkMRMLScalarVolumeNode, which replaces an earlier map of the volume: float, -1 (original) to 1
            (enhanced), see DINSegmentLib.engine.attribution.

        Raises:
            DINSegmentLib.errors.DINSegmentError: the reason in one sentence; the scene is as before.
        """
        from DINSegmentLib.panel.jobs import MapJob
        from DINSegmentLib.worker.protocol import Map

        def job():
            return MapJob(Map.ATTRIBUTION, volumeNode, self._model(volumeNode, modelId))

        return self._run(job, enhancement, strength, device, progress, cancelled)

    def confidence(
        self, volumeNode, modelId=None, enhancement=None, strength=None, device="auto", progress=None, cancelled=None
    ):
        """As ``why``: lay over the volume, violet to white, where the network is unsure; percent, uint8."""
        from DINSegmentLib.panel.jobs import MapJob
        from DINSegmentLib.worker.protocol import Map

        def job():
            return MapJob(Map.CONFIDENCE, volumeNode, self._model(volumeNode, modelId))

        return self._run(job, enhancement, strength, device, progress, cancelled)

    def statistics(self, segmentationNode, volumeNode, modelId=None):
        """Volume in ml and mean intensity of each structure as it is now, also after you edited it.

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
        """Show original and enhanced volume side by side, with the outlines of a segmentation on both."""
        from DINSegmentLib.scene import compare

        compare.show(volumeNode, enhancedNode, segmentationNode)


class DINSegmentTest(ScriptedLoadableModuleTest):
    """What must hold in any Slicer; where PyTorch is missing, the last test has nothing to do."""

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
