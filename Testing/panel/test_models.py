"""Models that the user adds: checked, remembered, listed, and named if missing."""

import json
import shutil

import numpy as np
import pytest
import slicer.util
from clicks import run


@pytest.fixture
def folder(write_model, tmp_path):
    """The folder of a small model with terms."""
    return write_model(tmp_path / "tiny model", "stack", title="Tiny heart", licence="For tests only.").folder


def listed(panel):
    selector = panel.ui.modelSelector
    return [selector.itemData(row) for row in range(selector.count)]


def choose_folder(monkeypatch, folder):
    import qt

    monkeypatch.setattr(qt.QFileDialog, "getExistingDirectory", lambda *_: str(folder))


def test_a_folder_is_checked_its_terms_are_shown_and_it_is_listed_and_chosen(desk, panel, heart, folder, monkeypatch):
    choose_folder(monkeypatch, folder)
    desk.click(panel.ui.addModelButton)

    assert desk.messages[-1][0] == "confirm" and "For tests only." in desk.messages[-1][1]
    assert listed(panel) == ["auto", "abdomen-ct", "cardiac-lge", "cardiac-mr", "tiny-stack"]
    assert panel.panel.session.model.id == "tiny-stack" and "Tiny heart was added" in panel.ui.statusLabel.text
    run(desk, panel)
    assert "Done" in panel.ui.statusLabel.text and len(desk.messages) == 1  # the terms are asked once
    assert panel.panel.parameters.outputSegmentation is not None


def test_terms_that_are_not_accepted_and_folders_that_are_no_model_are_not_added(desk, panel, folder, monkeypatch):
    choose_folder(monkeypatch, folder)
    desk.dialogs.answer = False
    desk.click(panel.ui.addModelButton)
    assert "not accepted" in panel.ui.statusLabel.text and "tiny-stack" not in listed(panel)

    desk.dialogs.answer = True
    (folder / "weights.pt").write_bytes(b"cut off")
    desk.click(panel.ui.addModelButton)
    assert desk.messages[-1][0] == "error" and "do not match their checksum" in desk.messages[-1][1]
    choose_folder(monkeypatch, folder.parent)
    desk.click(panel.ui.addModelButton)
    assert "cannot be read" in desk.messages[-1][1] and "tiny-stack" not in listed(panel)


def test_a_second_model_of_an_id_is_refused(desk, panel, write_model, tmp_path, folder):
    panel.panel.models.add(folder)
    other = write_model(tmp_path / "other", "stack").folder
    panel.panel.models.add(other)
    assert "in the list already" in desk.messages[-1][1]
    bundled = write_model(tmp_path / "like ours", "stack", id="cardiac-mr").folder
    panel.panel.models.add(bundled)
    assert "in the list already" in desk.messages[-1][1] and listed(panel)[4:] == ["tiny-stack"]


def test_an_added_model_is_there_at_the_next_start_for_panel_and_logic(desk, panel, folder, voxels):
    panel.panel.models.add(folder)
    panel = desk.reload_module()

    assert listed(panel)[-1] == "tiny-stack" and panel.logic.modelTitles()["tiny-stack"] == "Tiny heart"
    volume = slicer.util.addVolumeFromArray(voxels, np.diag([-1.4, -1.3, 8.0, 1.0]), "heart")
    assert panel.logic.segment(volume, modelId="tiny-stack", device="cpu") is not None
    panel.logic.releaseMemory()


def test_a_missing_one_is_named_at_the_next_start_and_can_be_removed(desk, panel, folder, monkeypatch):
    panel.panel.models.add(folder)
    shutil.rmtree(folder)
    panel = desk.reload_module()

    assert str(folder) in panel.ui.statusLabel.text and "cannot be used" in panel.ui.statusLabel.text
    assert "tiny-stack" not in listed(panel)
    stored = desk.application.settings.value("DINSegment/ModelFolders")
    assert json.loads(stored) == [str(folder)]  # its disk may come back
    desk.dialogs.choice = f"Remove {folder}"
    desk.click(panel.ui.addModelButton)
    assert json.loads(desk.application.settings.value("DINSegment/ModelFolders")) == []


def test_removing_the_chosen_model_goes_back_to_the_automatic_choice(desk, panel, heart, folder):
    panel.panel.models.add(folder)
    assert panel.panel.session.model.id == "tiny-stack"
    desk.dialogs.choice = f"Remove {folder}"
    desk.click(panel.ui.addModelButton)
    assert panel.panel.session.model.id == "cardiac-mr" and panel.panel.session.is_automatic
    assert folder.is_dir()


def test_the_batch_command_names_the_folder_of_an_added_model(desk, panel, heart, folder):
    panel.panel.models.add(folder)
    desk.unfold(panel.ui.scriptGroup)
    desk.click(panel.ui.copyBatchButton)
    assert f"'{folder}'" in desk.clipboard()
