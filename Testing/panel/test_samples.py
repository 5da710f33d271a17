"""The menu of Load sample: the phantom's cine and CT, and Slicer's own download."""

import numpy as np
from clicks import notices


def sample(panel, words):
    """The action of a sample, as the menu of Load sample has it."""
    (action,) = [one for one in panel.ui.loadSampleButton.menu().actions() if words in one.text]
    return action


def made(desk, panel):
    desk.run_until(lambda: panel.ui.loadSampleButton.enabled, 120, "the sample")
    assert desk.messages == []
    return panel.ui.inputSelector.currentNode()


def test_the_phantoms_ct_is_made_for_the_model_of_the_abdomen_beside_the_window(desk, panel, heart):
    import slicer

    panel.ui.modelSelector.currentIndex = panel.ui.modelSelector.findData("abdomen-ct")
    desk.click(panel.ui.loadSampleButton)
    assert "Creating the sample" in panel.ui.statusLabel.text and not panel.ui.loadSampleButton.enabled
    node = made(desk, panel)
    assert node.GetName() == "Abdomen phantom" and panel.panel.session.model.id == "abdomen-ct"
    array = slicer.util.arrayFromVolume(node)
    assert (
        array.min() < -900 and array.max() > 400 and 40 < np.median(array[30, 60:120, 40:80]) < 180
    )  # air, bone, liver
    assert notices(panel.ui.inputNotices) == [] and node.GetStorageNode() is None


def test_late_enhancement_gets_its_own_model_from_the_automatic_choice(desk, panel):
    assert panel.panel.session.is_automatic
    sample(panel, "Late enhancement").trigger()
    node = made(desk, panel)
    assert node.GetName() == "Late enhancement phantom" and panel.panel.session.model.id == "cardiac-lge"
    assert notices(panel.ui.inputNotices) == []


def test_the_phantoms_cine_comes_with_its_times(panel):
    from DINSegmentLib import scene
    from DINSegmentLib.phantom import CardiacPhantom

    small = CardiacPhantom(shape=(3, 64, 52), spacing=(5.6, 5.6, 30.0))
    frames, _ = small.cine(2)
    proxy = scene.add_cine(frames, small.geometry, [0.0, 450.0], "Cine phantom")
    panel.ui.inputSelector.setCurrentNode(proxy)
    cine = scene.find_cine(proxy)
    assert cine.times_ms == [0.0, 450.0] and proxy.GetName() == "Cine phantom" and cine.frame == 0
    assert np.array_equal(np.stack(scene.read_frames(cine)[0]), frames)


def test_closing_the_scene_ends_the_making_of_a_sample_until_it_is_asked_for_again(desk, panel):
    sample(panel, "CT (phantom").trigger()
    assert not panel.ui.loadSampleButton.enabled
    desk.clear_scene()
    assert panel.ui.loadSampleButton.enabled
    desk.turn(0.1)
    assert panel.ui.inputSelector.currentNode() is None and desk.messages == []
    sample(panel, "CT (phantom").trigger()
    assert made(desk, panel).GetName() == "Abdomen phantom"


def test_the_ct_of_slicer_is_its_own_download_and_its_failure_is_told(desk, panel):
    import slicer

    sample(panel, "CTLiver").trigger()
    desk.raise_faults()
    assert desk.messages[-1][0] == "error" and "check the network" in desk.messages[-1][1]

    asked = []

    def download(name):
        asked.append(name)
        return slicer.util.addVolumeFromArray(np.zeros((9, 8, 7), np.int16))

    desk.dialogs.download = download
    sample(panel, "CTLiver").trigger()
    assert asked == ["CTLiver"]
