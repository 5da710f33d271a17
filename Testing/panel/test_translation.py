"""In a Slicer in another language, the panel shows no English text."""

import numpy as np
import pytest
from clicks import notices
from greek import GREEK, english, greek


@pytest.fixture
def abroad(desk, panel, monkeypatch):
    monkeypatch.setattr("desk.scripted.language", greek)
    return panel


def test_summary_and_advice(abroad, heart):
    ui = abroad.ui
    ui.modelSelector.currentIndex = ui.modelSelector.findData("abdomen-ct")
    assert "βοχελσ" not in ui.inputSummaryLabel.text and "ωοχελσ" in ui.inputSummaryLabel.text
    assert english(ui.inputSummaryLabel.text) == []
    texts = notices(ui.inputNotices)
    assert len(texts) > 1 and english(" ".join(texts)) == []


def test_a_volume_that_is_refused(abroad, heart):
    import slicer

    voxels = np.zeros((6, 32, 32), np.float32)
    voxels[2, 3, 4] = np.nan
    abroad.ui.inputSelector.setCurrentNode(slicer.util.addVolumeFromArray(voxels))
    assert "NaN".translate(GREEK) in (text := notices(abroad.ui.inputNotices)[0])
    assert english(text) == [] == english(abroad.ui.segmentButton.toolTip)


def test_a_run_its_devices_and_its_log(desk, abroad, heart):
    ui, runner = abroad.ui, abroad.panel.runner
    desk.click(ui.segmentButton)
    desk.run_until(lambda: not runner.busy, 60, "the run")
    assert ui.statusLabel.text.startswith("Done".translate(GREEK))
    assert english(ui.statusLabel.text) == []
    desk.run_until(lambda: ui.deviceSelector.count > 1, 60, "the devices")
    devices = [ui.deviceSelector.itemText(row) for row in range(ui.deviceSelector.count)]
    assert [english(device) for device in devices] == [[]] * len(devices)
    assert english(ui.logTextEdit.plainText) == []


def test_a_cancelled_run(desk, abroad, heart):
    ui, runner = abroad.ui, abroad.panel.runner
    desk.click(ui.segmentButton)
    desk.click(ui.segmentButton)
    desk.run_until(lambda: not runner.busy, 60, "the end")
    assert "Canceled".translate(GREEK) in ui.statusLabel.text
    assert english(ui.statusLabel.text) == []


def test_a_worker_that_is_killed(desk, abroad, heart):
    ui, runner = abroad.ui, abroad.panel.runner
    desk.click(ui.segmentButton)
    desk.run_until(lambda: runner.client.state.value == "running", 60, "the run")
    runner.client._channel.kill()
    desk.run_until(lambda: not runner.busy, 60, "the end")
    assert "worker".translate(GREEK) in ui.statusLabel.text
    assert english(ui.statusLabel.text) == []
