"""Tiny models with random weights, a network with predictable output, and the 48 ways to store a volume."""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from DINSegmentLib.engine.segmenter import Segmenter
from DINSegmentLib.geometry import Geometry
from DINSegmentLib.model import Model


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny networks are slower on several cores than on one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session", params=("stack", "fixed"))
def model(request, tmp_path_factory, write_model) -> Model:
    """A model of either kind."""
    return write_model(tmp_path_factory.mktemp("models") / "tiny", request.param)


@pytest.fixture(scope="session")
def stack_model(tmp_path_factory, write_model) -> Model:
    return write_model(tmp_path_factory.mktemp("models") / "tiny", "stack")


@pytest.fixture(scope="session")
def fixed_model(tmp_path_factory, write_model) -> Model:
    return write_model(tmp_path_factory.mktemp("models") / "tiny", "fixed")


@pytest.fixture(scope="session")
def segmenter(model) -> Segmenter:
    return Segmenter(model, "cpu")


@pytest.fixture
def bands() -> Callable[..., Segmenter]:
    """A segmenter whose network is foretold: labels 0 to 3 by the quarter of [0, 1] in which the original lies."""

    class Bands(torch.nn.Module):
        def forward(self, original, enhanced):
            centers = torch.tensor([0.125, 0.375, 0.625, 0.875], dtype=torch.float64).reshape(1, 4, 1, 1)
            return -100 * (original.double() - centers) ** 2

    def make(model: Model, **changes) -> Segmenter:
        made = Segmenter(dataclasses.replace(model, **changes), "cpu")
        made.device = dataclasses.replace(made.device, precision="float32")
        made._network = Bands()
        return made

    return make


@pytest.fixture(scope="session")
def reorder() -> Callable[..., tuple[np.ndarray, Geometry]]:
    """Store one volume in another axis order, with the matrix that leaves every voxel where it lies in the patient."""

    def reorder(volume, geometry, order, flips):
        stored = volume.transpose(order)[tuple(slice(None, None, -1 if flip else None) for flip in flips)]
        columns = geometry.ijk_to_ras[:3, 2::-1]  # steps along K, J, I
        origin = geometry.ijk_to_ras[:3, 3].copy()
        steps = []
        for axis, flip in zip(order, flips, strict=True):
            steps.append(-columns[:, axis] if flip else columns[:, axis])
            if flip:
                origin += columns[:, axis] * (volume.shape[axis] - 1)
        matrix = np.eye(4)
        matrix[:3] = np.column_stack([*steps[::-1], origin])
        return np.ascontiguousarray(stored), Geometry(stored.shape, matrix)

    return reorder


@pytest.fixture(scope="session")
def restore() -> Callable[..., np.ndarray]:
    """Undo `reorder` for an array whose last three axes are those of the volume."""

    def restore(array, order, flips):
        lead = array.ndim - 3
        flipped = array[(..., *(slice(None, None, -1 if flip else None) for flip in flips))]
        return flipped.transpose(*range(lead), *(lead + axis for axis in np.argsort(order)))

    return restore


@pytest.fixture
def batches(monkeypatch) -> list[int]:
    """Sizes of the batches that reach the network."""
    sizes = []
    scores = Segmenter.scores

    def spy(self, original, enhanced):
        sizes.append(len(original))
        return scores(self, original, enhanced)

    monkeypatch.setattr(Segmenter, "scores", spy)
    return sizes
