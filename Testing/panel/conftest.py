"""The panel on the simulated Slicer interface, with a scene that is empty before and after."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SAMPLE = Path(__file__).resolve().parents[2] / "Resources" / "SampleData" / "cardiac_phantom_ED.nrrd"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The desk with an empty scene, no messages and no settings; temporary files go to a folder of the test's."""
    from desk import Desk

    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    found = Desk.start()
    found.reset()
    yield found
    found.close_module()
    found.reset()
    assert not any(folder.glob("DINSegment-*")), "a run has left its temporary files"


@pytest.fixture
def panel(desk: Any) -> Any:
    """The panel, opened on an empty scene, with the terms of all models accepted."""
    from DINSegmentLib.model import catalogue

    for model in catalogue().values():
        desk.application.settings.setValue(f"DINSegment/AcceptedLicence/{model.id}", model.version)
    return desk.open_module()


@pytest.fixture
def heart(desk: Any, panel: Any) -> Any:
    """The bundled phantom, loaded and chosen as input."""
    import slicer

    node = slicer.util.loadVolume(str(SAMPLE), {"name": "Smith^John"})
    panel.ui.inputSelector.setCurrentNode(node)
    return node


@pytest.fixture
def jobs(panel: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What clicking Segment would have run."""
    from DINSegmentLib.panel import installer

    begun: list[Any] = []
    monkeypatch.setattr(installer, "torch_is_installed", lambda: True)
    monkeypatch.setattr(panel.panel.runner, "segment", lambda *settings: begun.append(settings[-1]))
    return begun


@pytest.fixture
def cine(panel: Any, heart: Any) -> Any:
    """Three frames: the phantom, moved by whole pixels, and with less contrast."""
    import numpy as np
    import slicer
    from sequences import add_sequence

    from DINSegmentLib import scene

    volume = scene.read_volume(heart)
    array = np.array(volume.array)
    frames = [array, np.roll(array, 9, axis=2), (array * 0.7).astype(array.dtype)]
    proxy = add_sequence(frames, volume.geometry.ijk_to_ras, (0.0, 300.0, 600.0))
    slicer.mrmlScene.RemoveNode(heart)
    panel.ui.previewCheckBox.checked = False
    panel.ui.inputSelector.setCurrentNode(proxy)
    return scene.find_cine(proxy)
