"""The module's logic in Python: it changes the scene as the panel does, and keeps the model loaded."""

import numpy as np
import pytest
import slicer.util
from clicks import labels_of, run

from DINSegmentLib.errors import Cancelled, InputError
from DINSegmentLib.model import find_model


@pytest.fixture
def logic(desk):
    """The module's logic without a panel; the model goes when the test is over."""
    found = desk.load_module().DINSegmentLogic()
    yield found
    found.releaseMemory()


@pytest.fixture
def count_loads(monkeypatch):
    """The models that were built, in order."""
    from DINSegmentLib.engine.segmenter import Segmenter

    built, plain = [], Segmenter.__init__

    def build(self, model, *others):
        built.append(model.id)
        plain(self, model, *others)

    monkeypatch.setattr(Segmenter, "__init__", build)
    return built


def noisy(heart):
    """The phantom under noise, so that there are slices to review."""
    array = np.repeat(slicer.util.arrayFromVolume(heart), 2, axis=0).astype(np.int16)[6:]
    array += np.random.default_rng(0).integers(0, 400, array.shape).astype(np.int16)
    return slicer.util.addVolumeFromArray(array, np.diag([-1.4, -1.4, 5.0, 1.0]), name="Doe^Jane")


def test_a_call_leaves_labels_record_notices_and_review_list_as_a_click_does(desk, panel, heart, logic):
    from DINSegmentLib import scene

    volume, model = noisy(heart), find_model("cardiac-mr")
    panel.ui.inputSelector.setCurrentNode(volume)
    run(desk, panel)
    clicked = panel.panel.parameters.outputSegmentation
    called = logic.segment(volume, modelId="cardiac-mr", device="cpu")

    assert called is not clicked
    assert np.array_equal(labels_of(called, volume, model), labels_of(clicked, volume, model))
    first, second = scene.noted(clicked, scene.RUN), scene.noted(called, scene.RUN)
    assert len(first["review"]) == 2 and second["review"] == first["review"]
    for name in ("model", "version", "weights_sha256", "program", "device", "precision", "parameters", "notices"):
        assert second[name] == first[name], name
    assert second["parameters"]["enhancement"]["method"] == model.enhancement.default.method
    assert not scene.is_edited(called, volume)


def test_the_panel_shows_the_review_list_and_figures_of_a_call(desk, panel, heart, logic):
    volume = noisy(heart)
    node = logic.segment(volume, modelId="cardiac-mr", device="cpu")
    panel.ui.inputSelector.setCurrentNode(volume)

    assert panel.panel.parameters.outputSegmentation is node
    assert panel.ui.reviewTable.rowCount == 2
    assert panel.ui.structuresTable.rowCount == 3


def test_an_open_panel_shows_a_call_at_once_as_after_a_click(desk, panel, heart, logic):
    volume = noisy(heart)
    panel.ui.inputSelector.setCurrentNode(volume)
    node = logic.segment(volume, modelId="cardiac-mr", device="cpu")
    assert panel.panel.parameters.outputSegmentation is node and panel.ui.reviewTable.rowCount == 2
    logic.confidence(volume, modelId="cardiac-mr", device="cpu")
    assert panel.ui.confidenceButton.checked

    other = logic.segment(heart, modelId="cardiac-mr", device="cpu")  # another volume than the chosen one
    assert panel.panel.parameters.outputSegmentation is node is not other
    desk.close_module()
    logic.segment(heart, modelId="cardiac-mr", device="cpu")


def test_the_model_stays_in_memory_for_the_next_object_until_it_is_released(desk, panel, heart, logic, count_loads):
    again = type(logic)()
    logic.segment(heart, modelId="cardiac-mr", device="cpu")
    again.confidence(heart, modelId="cardiac-mr", device="cpu")
    assert count_loads == ["cardiac-mr"]
    desk.unfold(panel.ui.scriptGroup)
    desk.click(panel.ui.releaseMemoryButton)
    again.segment(heart, modelId="cardiac-mr", device="cpu")
    assert count_loads == ["cardiac-mr"] * 2


def test_a_sequence_gets_the_curve_and_the_record_too(desk, logic, tiny_model, voxels):
    from sequences import add_sequence

    from DINSegmentLib import scene

    proxy = add_sequence([voxels, voxels + 50, voxels], np.diag([-1.4, -1.3, 8.0, 1.0]), (0.0, 300.0, 600.0))
    node = logic.segmentSequence(proxy, modelId=str(tiny_model), device="cpu")

    record = scene.noted(node, scene.RUN)
    assert record["model"] == "tiny-stack" and isinstance(record["review"], list)
    assert scene.curve_chart(node) is not None


def test_what_fails_leaves_the_scene_as_it_was(desk, logic, tiny_model, voxels):
    empty = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty")
    volume = slicer.util.addVolumeFromArray(voxels, np.diag([-1.4, -1.3, 8.0, 1.0]), "heart")
    before = slicer.mrmlScene.GetNumberOfNodes()
    with pytest.raises(InputError, match="empty contains no image"):
        logic.segment(empty, modelId=str(tiny_model), device="cpu")
    with pytest.raises(Cancelled):
        logic.segment(volume, modelId=str(tiny_model), device="cpu", cancelled=lambda: True)
    with pytest.raises(InputError, match="removed during the run"):
        logic.segment(
            volume, modelId=str(tiny_model), device="cpu",
            progress=lambda done, total: done or slicer.mrmlScene.RemoveNode(volume),
        )  # fmt: skip
    assert slicer.mrmlScene.GetNumberOfNodes() <= before
    assert slicer.util.getNodesByClass("vtkMRMLSegmentationNode") == []
