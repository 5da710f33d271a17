"""A worker, and its input."""

import tempfile
from pipes import Pipes

import numpy as np
import pytest

from DINSegmentLib.worker.client import Client


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder of temporary files, empty at first."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def worker(temporary):
    channel = Pipes()
    channel.client = Client(channel)
    yield channel.client
    if channel.process is not None:
        channel.process.kill()
        channel.process.wait()


@pytest.fixture
def volume():
    return np.random.default_rng(3).integers(0, 900, (6, 64, 48)).astype(np.int16)
