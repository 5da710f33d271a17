"""The module that Slicer loads: what it is, its panel, its logic and its test; the work itself is in DINSegmentLib."""

import importlib.util
import sys
from pathlib import Path

import ctk
import qt
import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)

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
            "Segments a volume with a dual interaction network, which reads the original image and an enhanced copy of "
            "it side by side: choose a volume and a model of the same modality, then Apply. For research only."
        )
        self.parent.acknowledgementText = _(
            "An independent implementation of the dual interaction network (DIN); its authors took no part in it."
        )


class DINSegmentWidget(ScriptedLoadableModuleWidget):
    """A volume, a model, Apply."""

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        self.logic = DINSegmentLogic()

        parameters = ctk.ctkCollapsibleButton()
        parameters.text = _("Segmentation")
        self.layout.addWidget(parameters)
        form = qt.QFormLayout(parameters)

        self.volumeSelector = slicer.qMRMLNodeComboBox()
        self.volumeSelector.nodeTypes = ["vtkMRMLScalarVolumeNode"]
        self.volumeSelector.addEnabled = False
        self.volumeSelector.removeEnabled = False
        self.volumeSelector.setMRMLScene(slicer.mrmlScene)
        form.addRow(_("Volume:"), self.volumeSelector)

        self.modelSelector = qt.QComboBox()
        for modelId, title in self.logic.modelTitles().items():
            self.modelSelector.addItem(title, modelId)
        form.addRow(_("Model:"), self.modelSelector)

        self.applyButton = qt.QPushButton(_("Apply"))
        form.addRow(self.applyButton)
        self.layout.addStretch(1)

        self.volumeSelector.connect("currentNodeChanged(vtkMRMLNode*)", self.onVolumeChanged)
        self.applyButton.connect("clicked(bool)", self.onApply)
        self.onVolumeChanged(self.volumeSelector.currentNode())

    def onVolumeChanged(self, volumeNode):
        self.applyButton.enabled = volumeNode is not None
        self.applyButton.toolTip = _("Segment the volume.") if volumeNode else _("Choose a volume first.")

    def onApply(self, checked=False):
        with slicer.util.tryWithErrorDisplay(_("The volume could not be segmented."), waitCursor=True):
            self.logic.process(self.volumeSelector.currentNode(), self.modelSelector.currentData)


class DINSegmentLogic(ScriptedLoadableModuleLogic):
    """The way from a volume node to a segmentation node; usable without the panel."""

    def modelTitles(self):
        """The bundled models: id to title."""
        from DINSegmentLib import models

        return {modelId: model.title for modelId, model in models.catalogue().items()}

    def process(self, volumeNode, modelId, parameters=None, device="auto", progress=None, cancelled=None):
        """Segment one volume.

        Args:
            volumeNode: a vtkMRMLScalarVolumeNode; its parent transform counts.
            modelId: a key of ``modelTitles``, or a model folder.
            parameters: DINSegmentLib.engine.parameters.Parameters; the model's defaults if None.
            device: auto, cpu, cuda, cuda:N or mps.
            progress: called with slices done and slices in all.
            cancelled: asked between batches; True stops.

        Returns:
            a new vtkMRMLSegmentationNode under the volume's parent transform.

        Raises:
            DINSegmentLib.errors.DINSegmentError: the reason in one sentence, PyTorch's absence among them.
        """
        from DINSegmentLib.errors import DeviceError

        if importlib.util.find_spec("torch") is None:
            raise DeviceError(_("PyTorch is missing: install it with the PyTorch extension of Slicer, then try again."))

        from DINSegmentLib import models, scene
        from DINSegmentLib.engine.segmenter import Segmenter

        model = models.find(modelId)
        volume = scene.read_volume(volumeNode)
        segmenter = Segmenter(model, device)
        result = segmenter.segment(
            volume.array, volume.geometry, parameters, progress, cancelled, name=volumeNode.GetName()
        )
        return scene.write_segmentation(result.labels, volumeNode, model.labels)


class DINSegmentTest(ScriptedLoadableModuleTest):
    """What must hold in any Slicer, also in one without PyTorch."""

    def setUp(self):
        slicer.mrmlScene.Clear(0)

    def runTest(self):
        self.setUp()
        self.test_bundledModelsAreFound()

    def test_bundledModelsAreFound(self):
        self.assertIn("cardiac-mr", DINSegmentLogic().modelTitles())
